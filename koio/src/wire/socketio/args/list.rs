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
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => {
        $crate::__private::ArgList(($($value,)*))
    };
}
