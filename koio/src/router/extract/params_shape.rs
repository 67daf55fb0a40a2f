//! What shape a type reads the parameters of a namespace in, so that the start can compare it with the pattern.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as DeError, Visitor},
    forward_to_deserialize_any,
};

/// The shape that a type asks its deserializer for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParamsShape {
    /// Whatever there is: a map, or a type that looks before it decides.
    Any,
    /// One value.
    One,
    /// So many values, in the order of the pattern.
    Tuple(usize),
    /// A struct with these fields, of which some may be left out.
    Fields(&'static [&'static str]),
}

impl ParamsShape {
    /// Asks the type. It is given nothing to read.
    pub(crate) fn of<'de, T: Deserialize<'de>>() -> Self {
        match T::deserialize(Probe) {
            Err(ShapeFound(shape)) => shape,
            Ok(_) => Self::Any,
        }
    }

    /// Why a type of this shape can't be read from these parameters.
    pub(crate) fn misfit(self, parameters: &[&str]) -> Option<String> {
        let count = parameters.len();
        let named = parameters.join("`, `");
        match self {
            Self::Any => None,
            Self::One if count == 1 => None,
            Self::One => Some(format!("is one value, and there are {count}: `{named}`")),
            Self::Tuple(length) if length == count => None,
            Self::Tuple(length) => Some(format!(
                "is a tuple of {length}, and the parameters are {count}: `{named}`"
            )),
            Self::Fields(fields) if fields.iter().any(|field| parameters.contains(field)) => None,
            Self::Fields(_) => Some(format!("has a field for none of the parameters: `{named}`")),
        }
    }
}

/// The error that ends the probe.
#[derive(Debug)]
struct ShapeFound(ParamsShape);

impl fmt::Display for ShapeFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "asked for {:?}", self.0)
    }
}

impl std::error::Error for ShapeFound {}

impl DeError for ShapeFound {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(ParamsShape::Any)
    }
}

/// Gives nothing, and notes what was asked for.
struct Probe;

macro_rules! asks_for_one {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ShapeFound> {
            Err(ShapeFound(ParamsShape::One))
        }
    )*};
}

impl<'de> Deserializer<'de> for Probe {
    type Error = ShapeFound;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ShapeFound> {
        Err(ShapeFound(ParamsShape::Any))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        _: V,
    ) -> Result<V::Value, ShapeFound> {
        Err(ShapeFound(ParamsShape::Tuple(length)))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        _: V,
    ) -> Result<V::Value, ShapeFound> {
        Err(ShapeFound(ParamsShape::Tuple(length)))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ShapeFound> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, ShapeFound> {
        Err(ShapeFound(ParamsShape::Fields(fields)))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, ShapeFound> {
        Err(ShapeFound(ParamsShape::One))
    }

    asks_for_one! {
        deserialize_bool deserialize_char deserialize_str deserialize_string
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    forward_to_deserialize_any! {
        bytes byte_buf option unit unit_struct seq map identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[derive(Deserialize)]
    struct Id(#[allow(dead_code, reason = "only its shape matters")] u16);

    #[derive(Deserialize)]
    struct Place {
        #[allow(dead_code, reason = "only its shape matters")]
        team: String,
    }

    #[test]
    fn a_type_is_asked_for_its_shape() {
        assert_eq!(ParamsShape::of::<u32>(), ParamsShape::One);
        assert_eq!(ParamsShape::of::<Id>(), ParamsShape::One);
        assert_eq!(ParamsShape::of::<(u32, u32)>(), ParamsShape::Tuple(2));
        assert_eq!(ParamsShape::of::<Place>(), ParamsShape::Fields(&["team"]));
        assert_eq!(ParamsShape::of::<Vec<String>>(), ParamsShape::Any);
        assert_eq!(ParamsShape::of::<Option<u8>>(), ParamsShape::Any);
        type Map = HashMap<String, String>;
        assert_eq!(ParamsShape::of::<Map>(), ParamsShape::Any);
    }

    #[test]
    fn a_shape_fits_the_parameters_or_says_why_not() {
        let (one, two) = (&["id"][..], &["team", "id"][..]);
        for (shape, parameters) in [
            (ParamsShape::Any, two),
            (ParamsShape::One, one),
            (ParamsShape::Tuple(2), two),
            (ParamsShape::Fields(&["id", "more"]), one),
        ] {
            assert_eq!(shape.misfit(parameters), None, "{shape:?}");
        }
        for (shape, parameters, why) in [
            (ParamsShape::One, two, "is one value, and there are 2"),
            (
                ParamsShape::Tuple(2),
                one,
                "a tuple of 2, and the parameters are 1: `id`",
            ),
            (
                ParamsShape::Fields(&["room"]),
                one,
                "a field for none of the parameters: `id`",
            ),
        ] {
            let misfit = shape.misfit(parameters).unwrap();
            assert!(misfit.contains(why), "{misfit}");
        }
    }
}
