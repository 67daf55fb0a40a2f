//! Integers that are written with a point or an exponent: `1.0` and `1e3`. JSON has one kind of number, and clients in
//! Dart and Python write whole numbers so.

use std::fmt;

use serde::de::{Error, Visitor};

/// 2^63 and 2^64, which a float of 64 bits holds exactly.
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;

/// Gives a number to a visitor: as an integer, if it is one that fits into 64 bits.
pub(super) fn visit_number<'de, V: Visitor<'de>, E: Error>(
    number: f64,
    visitor: V,
) -> Result<V::Value, E> {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "neither a fraction nor out of range"
    )]
    match number {
        _ if number.fract() != 0.0 => visitor.visit_f64(number),
        0.0..TWO_TO_64 => visitor.visit_u64(number as u64),
        _ if (-TWO_TO_63..0.0).contains(&number) => visitor.visit_i64(number as i64),
        _ => visitor.visit_f64(number),
    }
}

/// The visitor of a type that asks for an integer.
pub(super) struct IntegerVisitor<V>(pub(super) V);

macro_rules! forward {
    ($($method:ident($type:ty))*) => {$(
        #[inline]
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.0.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for IntegerVisitor<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    forward! {
        visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128)
        visit_u8(u8) visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128)
        visit_str(&str) visit_borrowed_str(&'de str) visit_bool(bool)
    }

    #[inline]
    fn visit_f64<E: Error>(self, number: f64) -> Result<V::Value, E> {
        visit_number(number, self.0)
    }
}
