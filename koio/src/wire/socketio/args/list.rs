//! Several values as the arguments of one event or one answer.

use serde::ser::{Serialize, Serializer};

/// The name of the newtype that says "several arguments" to [`write_args`](super::write_args). To every other serializer
/// the newtype is transparent.
pub(super) const SEVERAL_ARGS: &str = "$koio::args";

/// Several values as the arguments of one event or one answer. Made by [`args!`](crate::args).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArgList<T>(
    /// A tuple or a list of the arguments.
    pub T,
);

impl<T: Serialize> Serialize for ArgList<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(SEVERAL_ARGS, &self.0)
    }
}

/// Several values as the arguments of one event or one answer.
///
/// ```
/// # use koio::args;
/// # fn emit(name: &str, args: impl serde::Serialize) {}
/// emit("position", args![1.5, -2.0, "north"]);
/// ```
///
/// How many there are may be known at run time only: `args![..list]` is JavaScript's `...list`.
///
/// ```
/// # use koio::args;
/// # fn emit(name: &str, args: impl serde::Serialize) {}
/// let ranks = [3, 1, 2];
/// emit("ranks", args![..ranks]); // three arguments, of whatever iterates
/// emit("ranks", ranks); // one, a list
/// ```
#[macro_export]
macro_rules! args {
    // A `Vec`, whatever iterates: bytes, or anything else that is no sequence to serde, must not get into an `ArgList`.
    (..$list:expr) => {
        $crate::__private::ArgList(<::std::vec::Vec<_> as ::std::iter::FromIterator<_>>::from_iter($list))
    };
    ($($value:expr),* $(,)?) => {
        $crate::__private::ArgList(($($value,)*))
    };
}
