//! Syntax into a model: every rule of `#[on]` and `handlers![]`, each with a message that says what
//! to write instead.
//!
//! Rules about the whole program (two handlers of one event, a missing state) are checked when the
//! server starts.

mod once_by;
mod options;
mod signature;

use std::collections::HashMap;
use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens as _;
use syn::{Attribute, Expr, Generics, ItemFn, ItemImpl, LitInt, LitStr, Path, Type, Visibility};

use crate::diagnose::Errors;
use crate::parse::{self, List, Method};
pub(crate) use once_by::OnceBy;
pub(crate) use options::Event;
pub(crate) use options::Place;
use options::{Options, given};
pub(crate) use signature::is_unnamed;

/// One handler, free of mistakes that can be seen from its tokens.
pub(crate) struct Handler {
    pub(crate) event: Event,
    pub(crate) namespace: Option<LitStr>,
    pub(crate) wrap: Vec<Expr>,
    pub(crate) also: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) concurrency: Option<LitInt>,
    pub(crate) once_by: Option<OnceBy>,
    pub(crate) ident: Ident,
    pub(crate) arguments: Vec<Argument>,
    /// The written return type, or `()` at the place where it would stand.
    pub(crate) answer: Type,
    /// The attributes that decide whether the handler exists: `cfg`, and `cfg_attr` that adds one.
    pub(crate) conditions: Vec<Attribute>,
    /// Lint levels that the user set for the signature, which the expansion repeats.
    pub(crate) lints: Vec<TokenStream>,
}

/// One argument of a handler.
pub(crate) struct Argument {
    /// For error texts: the name that the user gave it, or `_`.
    pub(crate) name: String,
    pub(crate) ty: Type,
}

/// A function with `#[on(..)]`. Without a handler, there were errors.
pub(crate) struct Function {
    pub(crate) krate: Path,
    pub(crate) visibility: Visibility,
    pub(crate) ident: Ident,
    pub(crate) conditions: Vec<Attribute>,
    /// A method is no place for the struct that carries a route.
    pub(crate) is_method: bool,
    /// There is a second `#[on]`.
    pub(crate) is_stacked: bool,
    pub(crate) handler: Option<Handler>,
}

/// An impl block with `#[on]`. Without handlers, there were errors.
pub(crate) struct Block {
    pub(crate) krate: Path,
    pub(crate) generics: Generics,
    pub(crate) ty: Type,
    pub(crate) conditions: Vec<Attribute>,
    pub(crate) handlers: Option<Vec<Handler>>,
}

/// `handlers![..]`.
pub(crate) struct Listed {
    pub(crate) krate: Path,
    pub(crate) entries: Vec<Listing>,
}

/// One entry of `handlers![..]`, with its attributes.
pub(crate) enum Listing {
    /// The name of an `#[on]` function.
    Handler(Vec<Attribute>, Path),
    /// A value: another list, or one whose methods are handlers.
    Value(Vec<Attribute>, Box<Expr>),
}

/// Checks a function and the attribute on it.
pub(crate) fn function(attribute: TokenStream, item: ItemFn, errors: &mut Errors) -> Function {
    let mut options = options::read(
        Place::Function,
        parse::entries(attribute),
        &item.sig.ident,
        errors,
    );
    let krate = krate(options.krate.take());
    let is_method = item.sig.receiver().is_some();
    if is_method {
        let receiver = item.sig.receiver();
        errors.push(
            receiver,
            "a method handles events only inside a block with `#[on]` of its own: \
             write `#[on]` on the `impl` as well",
        );
    }
    let is_stacked = stacked(&item.attrs, errors);
    let handler = handler(options, &item.attrs, &item.sig, errors);
    Function {
        krate,
        visibility: item.vis,
        ident: item.sig.ident,
        conditions: signature::conditions(&item.attrs),
        is_method,
        is_stacked,
        handler: handler.filter(|_| errors.is_empty()),
    }
}

/// Checks an impl block, the attribute on it and those on its methods.
pub(crate) fn block(
    attribute: TokenStream,
    item: ItemImpl,
    methods: Vec<syn::Result<Method>>,
    errors: &mut Errors,
) -> Block {
    let entries = parse::entries(attribute);
    let name = Ident::new("name", Span::call_site());
    let options = options::read(Place::Block, entries, &name, errors);
    if let Some((of, _)) = &item.trait_ {
        errors.push(
            of,
            "a trait's methods cannot be handlers: put `#[on]` on a block that implements no \
             trait, and call the trait from there",
        );
    }
    if methods.is_empty() {
        errors.push(
            &item.self_ty,
            "no method of this block handles an event: write `#[on(\"event\")]` on at least one",
        );
    }
    let mut handlers = Vec::new();
    for method in methods {
        let Some(Method { on, item }) = errors.check(method) else {
            continue;
        };
        let Some(attribute) = errors.check(parse::inside(&on)) else {
            continue;
        };
        let entries = parse::entries(attribute);
        let mut own = options::read(Place::Method(&on), entries, &item.sig.ident, errors);
        own.inherit(&options);
        stacked(&item.attrs, errors);
        signature::receiver(&item.sig, errors);
        handlers.extend(handler(own, &item.attrs, &item.sig, errors));
    }
    twice_in_block(&item.self_ty, &handlers, errors);
    Block {
        krate: krate(options.krate),
        generics: item.generics,
        conditions: signature::conditions(&item.attrs),
        ty: *item.self_ty,
        handlers: Some(handlers).filter(|_| errors.is_empty()),
    }
}

fn handler(
    options: Options,
    attributes: &[Attribute],
    signature: &syn::Signature,
    errors: &mut Errors,
) -> Option<Handler> {
    signature::is_callable(signature, errors);
    let arguments = signature::arguments(signature, errors);
    let answer = signature::answer(signature);
    let event = options.event?;
    Some(Handler {
        concurrency: options::own_concurrency(&event, options.concurrency, errors),
        once_by: once_by::own(
            // A constant is neither `connection` nor `disconnect`: rustc finds that.
            &event.literal().unwrap_or_default(),
            given(options.once_by),
            options.also.is_some(),
            errors,
        ),
        event,
        namespace: given(options.namespace),
        wrap: options.wrap.unwrap_or_default(),
        also: options.also.is_some(),
        timeout: given(options.timeout),
        ident: signature.ident.clone(),
        arguments,
        answer,
        conditions: signature::conditions(attributes),
        lints: signature::lints(attributes),
    })
}

/// Reports a second `#[on]`, which would need a second struct of the same name.
fn stacked(attributes: &[Attribute], errors: &mut Errors) -> bool {
    let mut others = attributes
        .iter()
        .filter(|attribute| parse::is_on(attribute));
    let second = others.next();
    if let Some(second) = second {
        errors.push(
            second,
            "a handler has one `#[on(..)]`: write a second function that calls this one",
        );
    }
    second.is_some()
}

/// Reports two handlers of one event, unless the second has `also`, or one has a `cfg` that may remove it.
fn twice_in_block(ty: &Type, handlers: &[Handler], errors: &mut Errors) {
    let mut first: HashMap<(Option<String>, String), &Ident> = HashMap::new();
    let certain = handlers
        .iter()
        .filter(|handler| handler.conditions.is_empty());
    for handler in certain.filter(|handler| !handler.also) {
        let namespace = handler.namespace.as_ref().map(LitStr::value);
        let Some(event) = handler.event.literal() else {
            continue;
        };
        let ident = *first
            .entry((namespace, event.clone()))
            .or_insert(&handler.ident);
        if *ident != handler.ident {
            let ty = type_name(ty);
            errors.push(
                &handler.event,
                format!(
                    "`{ty}::{ident}` handles \"{event}\" already: choose another event, or add \
                     `also` to run after it"
                ),
            );
        }
    }
}

/// Checks the entries of `handlers![..]`.
pub(crate) fn list(list: List, errors: &mut Errors) -> Listed {
    let mut seen: Vec<String> = Vec::new();
    let mut entries = Vec::new();
    for (attributes, entry) in list.entries {
        let path = match bare(entry) {
            Expr::Path(path) => path,
            // The parentheses mark a value. They are left out, since rustc would warn that they are unused.
            Expr::Paren(value) => {
                entries.push(Listing::Value(attributes, value.expr));
                continue;
            }
            value => {
                entries.push(Listing::Value(attributes, Box::new(value)));
                continue;
            }
        };
        let name = path.to_token_stream().to_string().replace(' ', "");
        // With a `cfg`, only one of two equal entries may remain.
        if attributes.is_empty() {
            match seen.contains(&name) {
                true => errors.push(
                    &path,
                    format!("`{name}` is in this list twice: remove one of the two"),
                ),
                false => seen.push(name),
            }
        }
        entries.push(Listing::Handler(attributes, path.path));
    }
    Listed {
        krate: krate(list.krate),
        entries,
    }
}

/// An expression without the invisible group that `macro_rules` puts around it.
fn bare(entry: Expr) -> Expr {
    match entry {
        Expr::Group(group) => bare(*group.expr),
        other => other,
    }
}

fn krate(given: Option<Path>) -> Path {
    given.unwrap_or_else(|| syn::parse_quote_spanned!(Span::mixed_site()=> ::koio))
}

/// `Chat` for `Chat<S>`: a name for people.
pub(crate) fn type_name(ty: &Type) -> String {
    match ty {
        Type::Path(path) => {
            let names = path.path.segments.iter();
            let names: Vec<String> = names.map(|segment| segment.ident.to_string()).collect();
            names.join("::")
        }
        Type::Group(group) => type_name(&group.elem),
        other => other.to_token_stream().to_string(),
    }
}
