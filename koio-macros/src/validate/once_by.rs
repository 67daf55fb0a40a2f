//! The option `once_by`: where the key is by which an event is handled once.

use proc_macro2::{Ident, TokenStream};
use syn::{Expr, ExprLit, Lit, LitStr};

use crate::diagnose::Errors;

/// Where the key is by which an event is handled once.
pub(crate) enum OnceBy {
    /// A JSON pointer into the list of the arguments.
    Pointer(LitStr),
    /// A function that finds it.
    Function(Box<Expr>),
}

/// What was written, and where the option stands.
pub(super) struct GivenOnceBy {
    key: Ident,
    once_by: OnceBy,
}

/// Reads the value of `once_by`.
pub(super) fn once_by(key: &Ident, value: Option<TokenStream>) -> syn::Result<GivenOnceBy> {
    let example = "write where the key is in the arguments, `once_by = \"/0/id\"`";
    let Some(value) = value else {
        return Err(syn::Error::new_spanned(
            key,
            format!("`once_by` needs a value: {example}"),
        ));
    };
    let wrong = |what: &str| syn::Error::new_spanned(&value, format!("{what}: {example}"));
    let once_by = match syn::parse2(value.clone()) {
        Ok(Expr::Lit(ExprLit {
            lit: Lit::Str(pointer),
            ..
        })) => match wrong_pointer(&pointer.value()) {
            Some(what) => Err(wrong(what)),
            None => Ok(OnceBy::Pointer(pointer)),
        },
        Ok(function @ (Expr::Path(_) | Expr::Closure(_) | Expr::Call(_))) => {
            Ok(OnceBy::Function(Box::new(function)))
        }
        _ => Err(wrong(
            "`once_by` takes a JSON pointer, or a function of the arguments",
        )),
    };
    Ok(GivenOnceBy {
        key: key.clone(),
        once_by: once_by?,
    })
}

/// What is wrong with a JSON pointer into a list of arguments. koio checks the same at the start.
fn wrong_pointer(pointer: &str) -> Option<&'static str> {
    let Some(tokens) = pointer.strip_prefix('/') else {
        return Some("a JSON pointer begins with a slash");
    };
    let argument = tokens.split('/').next().unwrap_or_default();
    let is_number = !argument.is_empty() && argument.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || argument.len() > 1 && argument.starts_with('0') {
        return Some("the pointer begins with the number of an argument, counted from zero");
    }
    let mut escapes = tokens.split('~').skip(1);
    if !escapes.all(|escape| escape.starts_with(['0', '1'])) {
        return Some("in a JSON pointer `~` is written `~0`, and a slash in a name `~1`");
    }
    None
}

/// The key of one handler. An event of which no client sends arguments has none.
pub(super) fn own(
    event: &str,
    given: Option<GivenOnceBy>,
    also: bool,
    errors: &mut Errors,
) -> Option<OnceBy> {
    let GivenOnceBy { key, once_by } = given?;
    if matches!(event, "connection" | "disconnect") {
        errors.push(
            key,
            format!("no client sends arguments with `{event}`: leave out `once_by`"),
        );
    } else if also {
        errors.push(
            key,
            "a handler with `also` runs whenever the first of its event does: write `once_by` there",
        );
    }
    Some(once_by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_begins_with_the_number_of_an_argument() {
        for right in ["/0", "/0/id", "/12/a~1b/~0"] {
            assert_eq!(wrong_pointer(right), None, "{right}");
        }
        for wrong in ["", "0/id", "id", "/", "/id", "/01", "/-", "/0/~", "/0/~2"] {
            assert!(wrong_pointer(wrong).is_some(), "{wrong}");
        }
    }
}
