//! A map from types to values, for state and for the values that middleware sets in a context.

use std::{any::TypeId, collections::HashMap};

use foldhash::fast::FixedState;

/// A map keyed by type. No client chooses a type, so that the hash needs no secret.
pub(crate) type TypeMap<V> = HashMap<TypeId, V, FixedState>;
