//! What stands in the place of zlib without the feature `compression`. None of it is ever called: there are no settings.

use bytes::Bytes;

use super::{InflateError, PerMessageDeflate};

pub(crate) fn compress<T>(
    _: &[u8],
    settings: PerMessageDeflate,
    _: impl FnOnce(&[u8]) -> T,
) -> Option<T> {
    settings.never()
}

pub(crate) fn inflate(_: &[u8], _: usize) -> Result<Bytes, InflateError> {
    Err(InflateError::Corrupt)
}

impl PerMessageDeflate {
    pub(in crate::wire) fn applies_to(self, _: usize) -> bool {
        self.never()
    }

    pub(crate) fn may_apply_to(self, _: usize) -> bool {
        self.never()
    }

    pub(crate) fn window(self) -> u8 {
        self.never()
    }

    fn never<T>(self) -> T {
        match self.never {}
    }
}
