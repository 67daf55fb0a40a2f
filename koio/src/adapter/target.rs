//! Whom an emit means within a namespace, as plain data.

use crate::ids::Room;

/// The sockets in any of `rooms` (all sockets of the namespace if there is none), without those in any of `except`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Target {
    pub(crate) rooms: Vec<Room>,
    pub(crate) except: Vec<Room>,
}
