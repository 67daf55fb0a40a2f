//! The errors of one item, reported together, and the phrases that several of them share.
//!
//! Every message says what to write instead, and has the span of the tokens at fault.

use proc_macro2::TokenStream;
use quote::ToTokens;

/// The errors of one item.
///
/// Validation goes on after an error, so that the user sees all of them at once.
#[derive(Default)]
pub(crate) struct Errors {
    list: Vec<syn::Error>,
}

impl Errors {
    /// Reports `message` at `culprit`, from its first token to its last.
    pub(crate) fn push(&mut self, culprit: impl ToTokens, message: impl std::fmt::Display) {
        self.list.push(syn::Error::new_spanned(culprit, message));
    }

    /// Takes over an error that names its own place.
    pub(crate) fn take(&mut self, error: syn::Error) {
        self.list.push(error);
    }

    /// Unwraps a result, keeping its error for the report.
    pub(crate) fn check<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.take(error)).ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl ToTokens for Errors {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for error in &self.list {
            error.to_compile_error().to_tokens(tokens);
        }
    }
}

/// Names in a sentence: `` `a`, `b` and `c` ``.
pub(crate) fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

/// The option that `key` is most likely a misspelling of.
pub(crate) fn meant(key: &str) -> Option<&'static str> {
    match key {
        "namespace" | "nsp" | "of" | "path" => Some("ns"),
        "middleware" | "with" | "layer" | "guard" => Some("wrap"),
        "concurrent" | "parallel" | "overlap" | "limit" => Some("concurrency"),
        "once" | "once_key" | "key" | "idempotent" | "dedup" => Some("once_by"),
        "deadline" | "time_out" => Some("timeout"),
        "krate" | "koio" => Some("crate"),
        _ => None,
    }
}

/// What to write instead of an event name that Socket.IO reserves.
pub(crate) fn reserved(event: &str) -> Option<&'static str> {
    match event {
        "connect" => Some("write `#[on(\"connection\")]` for the start of a connection"),
        "disconnecting" => Some("write `#[on(\"disconnect\")]` for the end of a connection"),
        "connect_error" => Some("a connection is refused by an error in the middleware"),
        "newListener" | "removeListener" => Some("no client can send it; choose another name"),
        _ => None,
    }
}
