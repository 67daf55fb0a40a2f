//! Floats that are integers.

/// A float that an integer of msgpack can be instead. JavaScript does not tell them apart.
pub(super) enum Integer {
    Unsigned(u64),
    Signed(i64),
}

impl Integer {
    /// `None`: it has a fraction, or is beyond 64 bits. Negative zero is 0.
    pub(super) fn of(value: f64) -> Option<Self> {
        const BEYOND_UNSIGNED: f64 = 18_446_744_073_709_551_616.0;
        const LEAST_SIGNED: f64 = -9_223_372_036_854_775_808.0;
        // The bounds make both casts exact.
        if value.fract() != 0.0 {
            None
        } else if (0.0..BEYOND_UNSIGNED).contains(&value) {
            Some(Self::Unsigned(value as u64))
        } else if (LEAST_SIGNED..0.0).contains(&value) {
            Some(Self::Signed(value as i64))
        } else {
            None
        }
    }
}
