//! [`PerMessageDeflate`]: which messages are compressed, and how.

/// Compression of WebSocket messages: permessage-deflate (RFC 7692), for [`Io::per_message_deflate`](crate::Io::per_message_deflate).
///
/// It is negotiated with every client that offers it, as browsers do by themselves, always without context takeover: each
/// message is compressed by itself. So **a broadcast is compressed once**, when the first client turns up that takes it, and
/// an idle connection keeps nothing but a word for it; a thread keeps one compressor and one decompressor.
/// The price is that a small message, which has little to refer back to, shrinks little: that is what the threshold is for.
///
/// At the default level, one core takes about 0.03 ms to compress 4 KiB of JSON, 0.9 ms for 64 KiB, and 16 ms for 1 MiB, the default
/// of [`max_size`](Self::max_size); at level 1 a third of that. The task that emits does it, and the other tasks of its thread
/// wait meanwhile.
///
/// A message that would not become smaller is sent as it is. Long-polling is not compressed by this, and neither are single
/// emits that [say so](crate::emit::Emit::compress).
///
/// ```
/// use koio::{Io, config::PerMessageDeflate};
///
/// let io = Io::new().per_message_deflate(PerMessageDeflate::new().threshold(512).level(4));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(any(test, feature = "compression")),
    allow(unreachable_pub, missing_docs, reason = "there is none")
)]
pub struct PerMessageDeflate {
    #[cfg(any(test, feature = "compression"))]
    threshold: usize,
    #[cfg(any(test, feature = "compression"))]
    max_size: usize,
    #[cfg(any(test, feature = "compression"))]
    level: u8,
    #[cfg(any(test, feature = "compression"))]
    window_bits: u8,
    /// There is no value without the feature.
    #[cfg(not(any(test, feature = "compression")))]
    pub(super) never: std::convert::Infallible,
}

#[cfg(any(test, feature = "compression"))]
impl Default for PerMessageDeflate {
    fn default() -> Self {
        Self {
            threshold: 1024,
            max_size: 1024 * 1024,
            level: 6,
            window_bits: 15,
        }
    }
}

#[cfg(any(test, feature = "compression"))]
impl PerMessageDeflate {
    /// With the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes of the shortest message that is compressed. Default 1,024, as in Socket.IO; below 64 MiB. A packet's text and
    /// each of its attachments are messages of their own.
    #[must_use]
    pub fn threshold(mut self, bytes: usize) -> Self {
        self.threshold = bytes;
        self
    }

    /// Bytes of the longest message that is compressed. Default 1 MiB; not below the threshold, and at most 1 GiB. A longer one
    /// is sent as it is: compressing happens in the task that emits, and holds up the other tasks of its thread.
    #[must_use]
    pub fn max_size(mut self, bytes: usize) -> Self {
        self.max_size = bytes;
        self
    }

    /// From 1, the fastest, to 9, the smallest. Default 6, as in zlib.
    #[must_use]
    pub fn level(mut self, level: u8) -> Self {
        self.level = level;
        self
    }

    /// How far back a message refers to itself: 2 to this power, from 9 (512 bytes) to 15 (32 KiB). Default 15. With less a
    /// thread needs less memory, and messages shrink less.
    ///
    /// A client that allows the server a shorter window than this (`server_max_window_bits`) gets no compression.
    #[must_use]
    pub fn window_bits(mut self, bits: u8) -> Self {
        self.window_bits = bits;
        self
    }

    /// Whether a message of so many bytes is compressed.
    pub(in crate::wire) fn applies_to(self, bytes: usize) -> bool {
        (self.threshold..=self.max_size).contains(&bytes)
    }

    /// Whether frames of so many bytes may hold such a message.
    pub(crate) fn may_apply_to(self, bytes: usize) -> bool {
        bytes > self.threshold
    }

    /// The level and the window.
    pub(super) fn strength(self) -> (u8, u8) {
        (self.level, self.window_bits)
    }

    /// See [`window_bits`](Self::window_bits).
    pub(crate) fn window(self) -> u8 {
        self.window_bits
    }

    /// Why these settings contradict themselves: the name of the setting, and what is wrong with it.
    pub(crate) fn contradiction(self) -> Option<(&'static str, &'static str)> {
        if !(1..=9).contains(&self.level) {
            return Some(("per_message_deflate.level", "is not from 1 to 9"));
        }
        if !(9..=15).contains(&self.window_bits) {
            return Some(("per_message_deflate.window_bits", "is not from 9 to 15"));
        }
        if self.max_size < self.threshold {
            return Some((
                "per_message_deflate.max_size",
                "is below the threshold: nothing would be compressed",
            ));
        }
        if self.threshold as u64 > THRESHOLD {
            return Some(("per_message_deflate.threshold", "is not below 64 MiB"));
        }
        if self.max_size > 1 << 30 {
            return Some(("per_message_deflate.max_size", "is above 1 GiB"));
        }
        None
    }

    /// All of it in one word, which a session keeps. Never 0.
    pub(crate) fn to_word(self) -> u64 {
        // The threshold takes 26 bits, the size 31, the level 4, and the window, from 9 to 15, 3: `contradiction` keeps to that.
        (self.threshold as u64).min(THRESHOLD) << 38
            | (self.max_size as u64).min(SIZE) << 7
            | u64::from(self.level & 0xf) << 3
            | u64::from(self.window_bits.saturating_sub(8) & 7)
    }

    /// What [`to_word`](Self::to_word) has made; `None` for 0.
    #[inline]
    pub(crate) fn from_word(word: u64) -> Option<Self> {
        (word != 0).then(|| Self {
            threshold: (word >> 38) as usize,
            max_size: (word >> 7 & SIZE) as usize,
            level: (word >> 3 & 0xf) as u8,
            window_bits: (word & 7) as u8 + 8,
        })
    }
}

/// The most of 31 bits.
#[cfg(any(test, feature = "compression"))]
const SIZE: u64 = (1 << 31) - 1;

/// The most of 26 bits.
#[cfg(any(test, feature = "compression"))]
const THRESHOLD: u64 = (1 << 26) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_fit_into_one_word() {
        let settings = PerMessageDeflate::new();
        for settings in [
            settings,
            settings.threshold(0),
            settings.threshold((1 << 26) - 1).max_size(1 << 30),
            settings.level(1).window_bits(9),
            settings.level(9).threshold(1).max_size(1),
        ] {
            assert_eq!(settings.contradiction(), None);
            assert_eq!(
                PerMessageDeflate::from_word(settings.to_word()),
                Some(settings)
            );
        }
        assert_eq!(PerMessageDeflate::from_word(0), None);
    }

    #[test]
    fn a_setting_that_contradicts_another_is_named() {
        let settings = PerMessageDeflate::new();
        for (wrong, name) in [
            (settings.level(0), "level"),
            (settings.level(10), "level"),
            (settings.window_bits(8), "window_bits"),
            (settings.window_bits(16), "window_bits"),
            (settings.max_size(1023), "max_size"),
            (settings.max_size(usize::MAX), "max_size"),
            (settings.threshold(1 << 26).max_size(1 << 30), "threshold"),
        ] {
            let (named, _) = wrong.contradiction().unwrap();
            assert_eq!(named, format!("per_message_deflate.{name}"));
        }
    }
}
