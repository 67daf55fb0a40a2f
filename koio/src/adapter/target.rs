//! Whom something is for, as plain data.

use crate::ids::Room;

/// Everybody of a namespace, or everybody in one of some rooms; but nobody who is in one of others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Target {
    pub(crate) rooms: Vec<Room>,
    pub(crate) except: Vec<Room>,
}
