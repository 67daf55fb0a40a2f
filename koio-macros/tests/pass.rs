//! What must compile, and without a warning even in the strictest of crates.

#![forbid(unsafe_code)]
#![deny(
    warnings,
    future_incompatible,
    missing_copy_implementations,
    missing_debug_implementations,
    missing_docs,
    nonstandard_style,
    rust_2018_idioms,
    single_use_lifetimes,
    trivial_casts,
    unnameable_types,
    unreachable_pub,
    unused,
    unused_qualifications,
    unused_results,
    clippy::all,
    clippy::pedantic
)]
// Of the tests themselves, not of what the macros write.
#![allow(clippy::panic, unused_qualifications)]

#[path = "ui/pass/conditions.rs"]
mod conditions;
#[path = "ui/pass/extractors.rs"]
mod extractors;
#[path = "ui/pass/keeps.rs"]
mod keeps;
#[path = "ui/pass/made_by_macros.rs"]
mod made_by_macros;
#[path = "ui/pass/methods.rs"]
mod methods;
#[path = "ui/pass/minimal.rs"]
mod minimal;
#[path = "ui/pass/nesting.rs"]
mod nesting;
#[path = "ui/pass/options.rs"]
mod options;
#[path = "ui/pass/renamed.rs"]
mod renamed;
