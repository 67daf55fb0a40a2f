//! The macros of koio: `#[on]` and `handlers![]`. Use them through the `koio` crate, which
//! re-exports them and whose hidden parts they name.
//!
//! One item goes through four rooms, each a file:
//!
//! 1. `parse`: tokens into syntax. Bodies are cut out unread, so that a half-typed one does no harm.
//! 2. `validate`: syntax into a model, every rule in one place; collects errors, never stops at one.
//! 3. `expand`: the model into tokens.
//! 4. `diagnose`: the errors of one item, reported together, and the words they share.
//!
//! The user's item is always given back, whatever is wrong with the attribute.

mod diagnose;
mod expand;
mod parse;
mod validate;

use proc_macro::TokenStream;

/// Makes a function, or the methods of a value, handle events.
#[proc_macro_attribute]
pub fn on(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand::on(attribute.into(), item.into()).into()
}

/// Lists handlers.
#[proc_macro]
pub fn handlers(entries: TokenStream) -> TokenStream {
    expand::handlers(entries.into()).into()
}
