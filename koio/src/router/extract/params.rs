//! The parameters of a patterned namespace, as a type of the user's.

use std::ops::Deref;

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, Error as _, IntoDeserializer, Visitor,
        value::{Error as Misfit, MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};

use super::{
    args::Args, from_event::FromEvent, params_shape::ParamsShape, requirements::Requirements,
};
use crate::{Error, Result, ids::Pattern, router::context::Context};

/// The parameters of the client's namespace: of `/room/{id}` the `id`.
///
/// `T` is a struct with a field for each parameter, a tuple in the order of the pattern, or a plain value for a single
/// parameter:
///
/// ```
/// use koio::{Context, Io, Namespace, Result, extract::Params, handlers, on};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Place { team: String, room: u32 }
///
/// #[on("connection", ns = "/{team}/room/{room}")]
/// async fn entered(ctx: Context, Params(place): Params<Place>) -> Result<()> {
///     ctx.socket().emit("welcome", format!("{}, room {}", place.team, place.room))
/// }
///
/// # fn main() {
/// let io = Io::new().handlers(handlers![entered]);
/// # let _ = io;
/// # }
/// ```
///
/// A parameter is the client's text, not decoded, and never empty. If one does not fit, a connection is refused and an
/// event answered `bad_request`, so take them in the `connection` handler at the latest; a middleware reads them with
/// [`Context::params`]. A handler with `Params` in a namespace without parameters is an error at the start, and so
/// is a `T` that no parameters of the namespace can be: a tuple of two where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params<T>(pub T);

impl<T> Deref for Params<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + Send> FromEvent for Params<T> {
    async fn from_event(ctx: &Context, _: &mut Args) -> Result<Self> {
        ctx.params().map(Self)
    }

    fn requires(requirements: &mut Requirements) {
        requirements.params(ParamsShape::of::<T>());
    }
}

impl Context {
    /// The parameters of the client's namespace; [`Params`] says how they are read.
    ///
    /// # Errors
    /// `bad_request`, if they are no `T`; `internal`, if the namespace has none.
    pub fn params<T: DeserializeOwned>(&self) -> Result<T> {
        let pattern = &self.namespace_context().pattern;
        let pattern = pattern.as_ref().ok_or_else(|| {
            Error::internal(format!("there are no parameters in `{}`", self.namespace()))
        })?;
        read(pattern, self.namespace())
    }
}

/// Reads a `T` from the parameters of a namespace that matches the pattern.
fn read<T: DeserializeOwned>(pattern: &Pattern, namespace: &str) -> Result<T> {
    let given = pattern.parameters(namespace);
    let given = given.map(|(name, text)| Parameter { name, text });
    T::deserialize(Given(given.collect()))
        .map_err(|misfit| Error::bad_request(format!("the namespace does not fit: {misfit}")))
}

/// All parameters.
struct Given<'de>(Vec<Parameter<'de>>);

#[derive(Clone, Copy)]
struct Parameter<'de> {
    name: &'de str,
    text: &'de str,
}

impl<'de> Given<'de> {
    fn only(self) -> Result<Parameter<'de>, Misfit> {
        match *self.0 {
            [only] => Ok(only),
            _ => Err(Misfit::custom(format_args!(
                "there are {} parameters, which no single value can be",
                self.0.len()
            ))),
        }
    }
}

macro_rules! as_the_only_one {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            self.only()?.$method(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Given<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let pairs = self
            .0
            .into_iter()
            .map(|parameter| (parameter.name, parameter));
        visitor.visit_map(MapDeserializer::new(pairs))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let mut sequence = SeqDeserializer::new(self.0.into_iter());
        let value = visitor.visit_seq(&mut sequence)?;
        sequence.end()?;
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.only()?.deserialize_enum(name, variants, visitor)
    }

    as_the_only_one! {
        deserialize_bool deserialize_char deserialize_str deserialize_string
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    forward_to_deserialize_any! {
        bytes byte_buf option unit unit_struct map struct identifier ignored_any
    }
}

macro_rules! parsed {
    ($($method:ident $visit:ident $type:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            let value: $type = self.text.parse().map_err(|error| {
                Misfit::custom(format_args!("`{}` is no {}: {error}", self.name, stringify!($type)))
            })?;
            visitor.$visit(value)
        }
    )*};
}

impl<'de> Deserializer<'de> for Parameter<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_borrowed_str(self.text)
    }

    parsed! {
        deserialize_bool visit_bool bool;
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_i128 visit_i128 i128;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_u128 visit_u128 u128;
        deserialize_f32 visit_f32 f32;
        deserialize_f64 visit_f64 f64;
    }

    /// A parameter is never missing.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_enum(self.text.into_deserializer())
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de> for Parameter<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use super::*;

    fn params<T: DeserializeOwned>(path: &str, namespace: &str) -> Result<T> {
        let pattern = Pattern::parse(path).unwrap().unwrap();
        assert!(pattern.matches(namespace));
        read(&pattern, namespace)
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Team {
        Red,
        Blue,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Id(u16);

    #[derive(Debug, PartialEq, Deserialize)]
    struct Place {
        team: Team,
        room: Id,
        #[serde(default)]
        floor: Option<i8>,
    }

    #[test]
    fn a_struct_takes_them_by_name() {
        let place: Place = params("/{room}/of/{team}", "/7/of/blue").unwrap();
        let expected = Place {
            team: Team::Blue,
            room: Id(7),
            floor: None,
        };
        assert_eq!(place, expected);
        let with_floor: Place = params("/{floor}/{room}/{team}", "/-1/7/red").unwrap();
        assert_eq!(with_floor.floor, Some(-1));
        let map: HashMap<String, String> = params("/{a}/{b}", "/1/zwei").unwrap();
        assert_eq!((map["a"].as_str(), map["b"].as_str()), ("1", "zwei"));
    }

    #[test]
    fn a_tuple_takes_them_in_order() {
        let (team, room): (Team, u8) = params("/{team}/{room}", "/red/7").unwrap();
        assert_eq!((team, room), (Team::Red, 7));
        let all: Vec<String> = params("/{a}/{b}", "/x/y").unwrap();
        assert_eq!(all, ["x", "y"]);
        assert!(params::<(String,)>("/{a}/{b}", "/x/y").is_err());
        assert!(params::<(String, String)>("/{a}", "/x").is_err());
    }

    #[test]
    fn a_single_one_is_a_plain_value() {
        assert_eq!(params::<u64>("/room/{id}", "/room/7").unwrap(), 7);
        assert_eq!(params::<String>("/room/{id}", "/room/a b").unwrap(), "a b");
        assert_eq!(params::<Id>("/room/{id}", "/room/7").unwrap(), Id(7));
        assert_eq!(params::<Team>("/{team}", "/red").unwrap(), Team::Red);
        assert!(params::<bool>("/{yes}", "/true").unwrap());
        assert_eq!(params::<char>("/{letter}", "/ü").unwrap(), 'ü');
    }

    #[test]
    fn one_that_does_not_fit_is_a_bad_request_that_names_it() {
        let misfit = |error: Error| {
            assert!(error.is_bad_request());
            error.message().to_owned()
        };
        let message = misfit(params::<u8>("/room/{id}", "/room/300").unwrap_err());
        assert!(message.contains("`id` is no u8"), "{message}");
        let message = misfit(params::<Place>("/{team}/{room}", "/red/x").unwrap_err());
        assert!(message.contains("`room` is no u16"), "{message}");
        let message = misfit(params::<Place>("/{team}/{other}", "/red/7").unwrap_err());
        assert!(message.contains("missing field `room`"), "{message}");
        let message = misfit(params::<u8>("/{a}/{b}", "/1/2").unwrap_err());
        assert!(message.contains("there are 2 parameters"), "{message}");
        assert!(params::<Team>("/{team}", "/green").is_err());
    }
}
