//! The rules for the signature of a handler.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::ext::IdentExt as _;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{
    Attribute, FnArg, Ident, Lifetime, Meta, Pat, ReceiverKind, ReturnType, Safety, Signature,
    Token, Type, TypeImplTrait, TypeReference,
};

use super::Argument;
use crate::diagnose::Errors;

/// Checks that it is async, and has nothing that only a caller could choose.
pub(super) fn is_callable(signature: &Signature, errors: &mut Errors) {
    if signature.asyncness.is_none() {
        errors.push(signature.fn_token, "a handler is async: write `async fn`");
    }
    if let Safety::Unsafe(token) = &signature.safety {
        errors.push(
            token,
            "koio calls handlers itself, so they cannot be unsafe",
        );
    }
    if let Some(abi) = &signature.abi {
        errors.push(abi, "a handler is an ordinary `async fn`: remove `extern`");
    }
    let generics = &signature.generics;
    if !generics.params.is_empty() {
        errors.push(
            generics,
            "koio calls handlers by their event alone, so they cannot be generic: name the types \
             here, and call a generic function from the body",
        );
    }
}

/// Checks for `&self`: one value serves all sockets at once.
pub(super) fn receiver(signature: &Signature, errors: &mut Errors) {
    match signature.receiver() {
        Some(receiver) if receiver.mutability.is_none() => match &receiver.kind {
            ReceiverKind::Reference(_, None, None) => {}
            _ => errors.push(receiver, ONE_VALUE),
        },
        Some(receiver) => errors.push(receiver, ONE_VALUE),
        None => errors.push(
            &signature.ident,
            "a handler in an impl block is a method: write `&self` as its first argument, or \
             move the function out of the block",
        ),
    }
}

const ONE_VALUE: &str = "one value handles the events of all sockets, many at once: write `&self`, \
                         and keep what changes in a `Mutex`";

/// The arguments after `self`, each read by its type.
pub(super) fn arguments(signature: &Signature, errors: &mut Errors) -> Vec<Argument> {
    let mut arguments = Vec::new();
    for input in &signature.inputs {
        let FnArg::Typed(input) = input else { continue };
        let conditions = input.attrs.iter();
        for condition in conditions.filter(|attribute| attribute.path().is_ident("cfg")) {
            errors.push(
                condition,
                "an argument is always there: put the `#[cfg]` on one of two handlers",
            );
        }
        owned(&input.ty, errors);
        arguments.push(Argument {
            name: argument_name(&input.pat),
            ty: (*input.ty).clone(),
        });
    }
    if let Some(variadic) = &signature.variadic {
        errors.push(variadic, "write `args: koio::Args` for all arguments");
    }
    arguments
}

/// The return type, which is named again in the expansion if it can be.
pub(super) fn answer(signature: &Signature) -> Type {
    match &signature.output {
        ReturnType::Default => {
            let nothing = quote::quote_spanned!(signature.fn_token.span()=> ());
            Type::Verbatim(nothing)
        }
        ReturnType::Type(_, ty) => (**ty).clone(),
    }
}

/// Whether there is an `impl Trait` in a type: such a type can't be named a second time.
pub(crate) fn is_unnamed(ty: &Type) -> bool {
    let mut unnamed = Unnamed(Vec::new());
    unnamed.visit_type(ty);
    !unnamed.0.is_empty()
}

/// The name that a pattern gives to an argument, for error texts.
fn argument_name(pattern: &Pat) -> String {
    struct First(Option<String>);
    impl<'ast> Visit<'ast> for First {
        fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
            self.0.get_or_insert(pattern.ident.unraw().to_string());
        }
    }
    let mut first = First(None);
    first.visit_pat(pattern);
    let name = first.0.unwrap_or_default();
    // `_msg` says "unused" to rustc and nothing to the client.
    match name.trim_start_matches('_') {
        "" => "_".to_owned(),
        name => name.to_owned(),
    }
}

/// The packet is gone before the handler is, so nothing may borrow from it.
fn owned(ty: &Type, errors: &mut Errors) {
    let mut found = Borrows(Vec::new());
    match bare(ty) {
        // Also `&'static str`, which no packet can provide.
        Type::Reference(reference) => found.reference(reference),
        other => found.visit_type(other),
    }
    for (tokens, message) in found.0 {
        errors.push(tokens, message);
    }
    let mut unnamed = Unnamed(Vec::new());
    unnamed.visit_type(ty);
    for tokens in unnamed.0 {
        errors.push(
            tokens,
            "koio decides by the type how an argument is read, so it cannot be generic: name the \
             type instead of `impl Trait`",
        );
    }
}

/// A type without the invisible groups that `macro_rules` puts around it.
fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        other => other,
    }
}

struct Borrows(Vec<(TokenStream, String)>);

impl Borrows {
    fn reference(&mut self, reference: &TypeReference) {
        let instead = match bare(&reference.elem) {
            Type::Path(path) if path.path.is_ident("str") => "String".to_owned(),
            Type::Slice(slice) => {
                let element = text(&slice.elem);
                format!("Vec<{element}>")
            }
            other => text(other),
        };
        let message = format!("a handler owns its arguments: write `{instead}`");
        self.0.push((reference.to_token_stream(), message));
    }
}

impl<'ast> Visit<'ast> for Borrows {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        let lifetime = reference.lifetime.as_ref();
        match lifetime.is_some_and(|lifetime| lifetime.ident == "static") {
            true => visit::visit_type_reference(self, reference),
            false => self.reference(reference),
        }
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        if lifetime.ident != "static" {
            let message = format!(
                "a handler owns its arguments: write `'static` instead of `{lifetime}`, or use a \
                 type that borrows nothing"
            );
            self.0.push((lifetime.to_token_stream(), message));
        }
    }

    // The lifetimes in `fn(&str)` and `dyn Fn(&str)` are chosen by the caller and borrow nothing here.
    fn visit_type_fn_ptr(&mut self, _: &'ast syn::TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments(
        &mut self,
        _: &'ast syn::ParenthesizedGenericArguments,
    ) {
    }
}

struct Unnamed(Vec<TokenStream>);

impl<'ast> Visit<'ast> for Unnamed {
    fn visit_type_impl_trait(&mut self, ty: &'ast TypeImplTrait) {
        self.0.push(ty.to_token_stream());
    }
}

fn text(ty: &Type) -> String {
    let spaced = ty.to_token_stream().to_string();
    spaced
        .replace(" :: ", "::")
        .replace(" < ", "<")
        .replace(" >", ">")
        .replace(" ,", ",")
}

/// The attributes that decide whether an item exists, to be repeated on the items beside it.
pub(super) fn conditions(attributes: &[Attribute]) -> Vec<Attribute> {
    attributes.iter().filter_map(condition).collect()
}

fn condition(attribute: &Attribute) -> Option<Attribute> {
    if attribute.path().is_ident("cfg") {
        return Some(attribute.clone());
    }
    // Of `cfg_attr(unix, cfg(..), inline)` only the `cfg` concerns the items beside it.
    let Meta::List(list) = &attribute.meta else {
        return None;
    };
    if !list.path.is_ident("cfg_attr") {
        return None;
    }
    let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
    let mut metas = parser.parse2(list.tokens.clone()).ok()?.into_iter();
    let predicate = metas.next()?;
    let added: Vec<Meta> = metas.filter(|meta| meta.path().is_ident("cfg")).collect();
    let repeated = || syn::parse_quote!(#[cfg_attr(#predicate, #(#added),*)]);
    (!added.is_empty()).then(repeated)
}

/// The lint levels on a handler, since its types are named again in the expansion.
///
/// `expect` becomes `allow`: it is fulfilled where the user wrote it.
pub(super) fn lints(attributes: &[Attribute]) -> Vec<TokenStream> {
    let mut lints = Vec::new();
    for attribute in attributes {
        let level = attribute.path().get_ident().map(Ident::to_string);
        match (level.as_deref(), &attribute.meta) {
            (Some("expect" | "allow"), Meta::List(list)) => {
                let names = &list.tokens;
                lints.push(quote!(#[allow(#names)]));
            }
            (Some("deprecated"), _) => lints.push(quote!(#[allow(deprecated)])),
            _ => {}
        }
    }
    lints
}
