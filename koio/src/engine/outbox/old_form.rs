//! [`OldForm`]: a frame for clients of revision 3 of the protocol.

use crate::wire::{Frame, Revision};

/// What one frame is in revision 3. Derived when the first such client gets it, and shared by the others.
#[derive(Debug, Default)]
pub(crate) struct OldForm {
    binary: Option<Frame>,
    base64: Option<Frame>,
}

impl OldForm {
    /// The form of `frame`, which is always the same, for this revision.
    #[inline]
    pub(crate) fn of<'a>(&'a mut self, frame: &'a Frame, revision: Revision) -> &'a Frame {
        match revision {
            Revision::Three { base64 } if frame.differs_in_revision_3() => {
                self.derived(frame, base64)
            }
            _ => frame,
        }
    }

    #[cold]
    fn derived(&mut self, frame: &Frame, base64: bool) -> &Frame {
        let form = match base64 {
            false => &mut self.binary,
            true => &mut self.base64,
        };
        form.get_or_insert_with(|| frame.in_revision_3(base64))
    }
}
