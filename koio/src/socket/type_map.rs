//! One value of each type.

use std::{any::TypeId, collections::HashMap};

use foldhash::fast::FixedState;

/// A map keyed by type: the states of a server, the values of an event's context and of a socket. No client chooses a
/// type, so the hash needs no secret.
pub(crate) type TypeMap<V> = HashMap<TypeId, V, FixedState>;
