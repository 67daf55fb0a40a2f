//! The macros of koio.
