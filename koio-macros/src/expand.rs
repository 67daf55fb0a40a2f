//! The model into tokens.
//!
//! Generated tokens name koio only through its `__private` module, found by the path that
//! `crate = ..` gave. They are located at the user's tokens, so that rustc's errors point there,
//! but belong to the macro (`mixed_site`): lints stay quiet about them, and local names cannot
//! clash with the user's.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::parse::Parser as _;
use syn::spanned::Spanned as _;
use syn::{Path, Type};

use crate::diagnose::Errors;
use crate::parse::{self, Target};
use crate::validate::{
    self, Argument, Block, Event, Function, Handler, Listed, Listing, OnceBy, is_unnamed,
};

/// `#[on(..)]`.
pub(crate) fn on(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let expansion = match parse::target(&item) {
        Ok(Target::Function(parsed)) => {
            let function = validate::function(attribute, parsed, &mut errors);
            let carrier = carrier(&function);
            let lint = parse::async_for_us();
            // A second `#[on]` would define the struct again, and hide the message about itself.
            let item = match function.is_stacked {
                true => parse::strip(item),
                false => item,
            };
            quote!(#lint #item #carrier)
        }
        Ok(Target::Block(parsed, methods)) => {
            let is_inherent = parsed.trait_.is_none();
            let block = validate::block(attribute, parsed, methods, &mut errors);
            let routes = is_inherent.then(|| routes(&block));
            let item = parse::without_on(item);
            quote!(#item #routes)
        }
        Ok(Target::Other) => {
            let message = "events are handled by an `async fn`, or by the methods of an `impl` \
                           block: `#[on]` goes on one of these";
            errors.take(syn::Error::new(Span::call_site(), message));
            item
        }
        Err(error) => {
            errors.take(error);
            item
        }
    };
    quote!(#expansion #errors)
}

/// `handlers![..]`.
pub(crate) fn handlers(entries: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let list = match parse::list.parse2(entries) {
        Ok(list) => validate::list(list, &mut errors),
        Err(error) => return error.to_compile_error(),
    };
    let list = collection(&list);
    quote!({ #errors #list })
}

/// The struct that shares the function's name and carries its route.
///
/// It has braces, and therefore lives among the types only, where no function is.
fn carrier(function: &Function) -> Option<TokenStream> {
    if function.is_method {
        return None;
    }
    let Function {
        krate,
        visibility,
        ident,
        conditions,
        handler,
        ..
    } = function;
    let at = at(ident.span());
    let private = private(krate, at);
    let lints = handler.iter().flat_map(|handler| &handler.lints);
    let body = match handler {
        Some(handler) => {
            let name = ident.unraw().to_string();
            route(handler, krate, &name, None)
        }
        // An error is reported already; this body keeps `handlers![]` from adding another.
        None => quote!(::core::unreachable!()),
    };
    let registered = handler.is_some().then(|| {
        quote_spanned! {at=>
            #(#conditions)*
            #private::register!(#ident {});
        }
    });
    Some(quote_spanned! {at=>
        #(#conditions)*
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code)]
        #visibility struct #ident {}

        #(#conditions)*
        #(#lints)*
        #[automatically_derived]
        impl #private::Routed for #ident {
            fn route(self) -> #private::Route {
                #body
            }
        }

        #registered
    })
}

/// The impl of `IntoRoutes` for a type with handler methods.
fn routes(block: &Block) -> TokenStream {
    let Block {
        krate,
        generics,
        ty,
        conditions,
        handlers,
    } = block;
    let at = at(ty.span());
    let private = private(krate, at);
    let (generics, _, bounds) = generics.split_for_impl();
    let body = match handlers {
        Some(handlers) => {
            let this = Ident::new("this", at);
            let type_name = validate::type_name(ty);
            let pushes = handlers.iter().map(|handler| {
                let name = format!("{type_name}::{}", handler.ident.unraw());
                let route = route(handler, krate, &name, Some(&this));
                let conditions = &handler.conditions;
                let lints = &handler.lints;
                quote_spanned! {at=>
                    #(#conditions)*
                    #(#lints)*
                    routes.push({
                        let #this = ::core::clone::Clone::clone(&#this);
                        #route
                    });
                }
            });
            quote_spanned! {at=>
                let #this = ::std::sync::Arc::new(self);
                let mut routes = ::std::vec::Vec::new();
                #(#pushes)*
                routes
            }
        }
        None => quote!(::core::unreachable!()),
    };
    quote_spanned! {at=>
        #(#conditions)*
        #[automatically_derived]
        impl #generics #private::IntoRoutes for #ty #bounds {
            fn into_routes(self) -> ::std::vec::Vec<#private::Route> {
                #body
            }
        }
    }
}

/// One handler's `Route`: it reads the arguments, calls the function, and makes a reply of the value.
fn route(handler: &Handler, krate: &Path, name: &str, this: Option<&Ident>) -> TokenStream {
    let (event, answer) = (&handler.event, &handler.answer);
    let ident = named(&handler.ident);
    let at = at(ident.span());
    let private = private(krate, at);
    let call = Ident::new("call", at);
    let numbered = handler.arguments.iter().enumerate();
    let reads = numbered.map(|(index, argument)| read(index, argument, krate, &call));
    let described = handler.arguments.iter().map(|argument| {
        let (ty, name) = (&argument.ty, &argument.name);
        quote_spanned!(self::at(ty.span())=> .arg::<#ty>(#name))
    });
    let values = (0..handler.arguments.len()).map(value);
    let called = match this {
        None => quote_spanned!(at=> #ident(#(#values),*)),
        Some(this) => quote_spanned!(at=> Self::#ident(&#this, #(#values),*)),
    };
    let replied = replied(krate, answer, &called, &call);
    let answered = if is_unnamed(answer) {
        let written = answer.to_token_stream().to_string();
        quote_spanned!(at=> .unnamed_answer(#written))
    } else {
        quote_spanned! {self::at(answer.span())=>
            .answer::<#answer>({
                use #private::HasValue as _;
                #private::Returns::<#answer>::new().has_value()
            })
        }
    };
    let run = quote_spanned! {at=>
        async move {
            use #private::IntoReply as _;
            #(#reads)*
            #call.finish()?;
            #replied
        }
    };
    // Each event clones the `Arc` of the value.
    let run = match this {
        None => quote_spanned!(at=> |mut #call: #private::Call| #run),
        Some(this) => quote_spanned! {at=>
            move |mut #call: #private::Call| {
                let #this = ::core::clone::Clone::clone(&#this);
                #run
            }
        },
    };
    let options = options(handler);
    let path = format!("::{name}");
    let event = match event {
        Event::Literal(_) => quote!(#event),
        Event::Constant(constant) => quote_spanned! {self::at(constant.span())=> {
            const __KOIO_EVENT: &::core::primitive::str = #private::event_name(#constant);
            __KOIO_EVENT
        }},
    };
    quote_spanned! {at=>
        #private::Route::new(
            #private::Meta {
                event: #event,
                name: ::core::concat!(::core::module_path!(), #path),
                file: ::core::file!(),
                line: ::core::line!(),
            },
            #run,
        )
        #(#described)*
        #answered
        #options
    }
}

/// Reads one argument into a variable.
///
/// rustc checks the bound on the type three times: where it is written, at the call and at the
/// `await`. It reports once what it finds at one place, so all of it stands at the type, and in the
/// type's own hygiene.
fn read(index: usize, argument: &Argument, krate: &Path, call: &Ident) -> TokenStream {
    let Argument { name, ty } = argument;
    let value = value(index);
    let mut spans = ty.to_token_stream().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    let last = spans.last().unwrap_or(first);
    let private = private(krate, first);
    let method = quote_spanned!(first=> #private::Call::read);
    let parameters = quote_spanned!(last=> ::<#ty>(&mut #call, #name));
    let waiting = quote_spanned!(first=> .await?);
    quote_spanned!(at(first)=> let #value = #method #parameters #waiting;)
}

/// Calls the function and makes a reply of its value. The span is the return type's, so that rustc's errors point
/// there.
fn replied(krate: &Path, answer: &Type, called: &TokenStream, call: &Ident) -> TokenStream {
    let at = at(answer.span());
    let private = private(krate, at);
    quote_spanned!(at=> #private::Out(#called.await).into_reply(&#call))
}

/// The options that the user wrote, each as a call on the route.
fn options(handler: &Handler) -> TokenStream {
    let mut calls = TokenStream::new();
    if let Some(namespace) = &handler.namespace {
        calls.extend(quote_spanned!(at(namespace.span())=> .namespace(#namespace)));
    }
    if handler.also {
        calls.extend(quote_spanned!(at(handler.event.span())=> .also()));
    }
    if let Some(timeout) = handler.timeout {
        // `validate` made it from a `u64` of milliseconds.
        let milliseconds = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        calls.extend(quote_spanned! {at(handler.event.span())=>
            .timeout(::core::time::Duration::from_millis(#milliseconds))
        });
    }
    if let Some(events) = &handler.concurrency {
        calls.extend(quote_spanned!(at(events.span())=> .concurrency(#events)));
    }
    match &handler.once_by {
        Some(OnceBy::Pointer(pointer)) => {
            calls.extend(quote_spanned!(at(pointer.span())=> .once_by(#pointer)));
        }
        Some(OnceBy::Function(function)) => {
            calls.extend(quote_spanned!(at(function.span())=> .once_by_key(#function)));
        }
        None => {}
    }
    for middleware in &handler.wrap {
        calls.extend(quote_spanned!(at(middleware.span())=> .wrap(#middleware)));
    }
    calls
}

/// The value of `handlers![..]`.
fn collection(list: &Listed) -> TokenStream {
    let Listed { krate, entries } = list;
    let handlers = Ident::new("handlers", Span::mixed_site());
    let entries = entries.iter().map(|entry| match entry {
        Listing::Handler(attributes, path) => {
            quote_spanned! {at(path.span())=>
                #(#attributes)*
                let #handlers = #handlers.one(#path {});
            }
        }
        Listing::Value(attributes, value) => quote_spanned! {at(value.span())=>
            #(#attributes)*
            let #handlers = #handlers.add(#value);
        },
    });
    let at = Span::mixed_site();
    let private = private(krate, at);
    quote_spanned! {at=>
        let #handlers = #private::Handlers::new();
        #(#entries)*
        #handlers
    }
}

fn value(index: usize) -> Ident {
    format_ident!("value{}", index, span = Span::mixed_site())
}

/// koio's hidden module, as a path whose tokens all have one span.
///
/// One token from elsewhere would make rustc point at the whole attribute.
fn private(krate: &Path, at: Span) -> TokenStream {
    let path = quote!(#krate::__private).into_iter();
    path.map(|mut token| {
        // `$crate` means what it means only with its own hygiene.
        let hygiene = match token.to_string() == "$crate" {
            true => token.span().located_at(at),
            false => at,
        };
        token.set_span(hygiene);
        token
    })
    .collect()
}

/// A user's name in the macro's hygiene, where functions and types are what they are outside.
fn named(ident: &Ident) -> Ident {
    let mut ident = ident.clone();
    ident.set_span(at(ident.span()));
    ident
}

/// The user's place, the macro's hygiene.
fn at(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Editors need the item even if the attribute is wrong.
    #[test]
    fn the_expansion_contains_the_item_unchanged() {
        let item = quote! {
            /// Documented.
            #[inline]
            pub async fn send(text: String) -> u32 { broken + }
        };
        for attribute in [
            quote!("send"),
            quote!(),
            quote!(9, =, ns),
            quote!("connect"),
        ] {
            let expansion = on(attribute, item.clone()).to_string();
            assert!(expansion.contains(&item.to_string()), "{expansion}");
        }
    }

    #[test]
    fn the_expansion_contains_a_block_without_the_attributes_of_its_methods() {
        let expansion = on(
            quote!(ns = "/chat"),
            quote! {
                impl Chat {
                    #[on("join")]
                    #[koio::on("enter")]
                    async fn join(&self) { half typed
                    }
                }
            },
        )
        .to_string();
        let kept = quote!(async fn join(&self) { half typed }).to_string();
        assert!(expansion.contains(&kept), "{expansion}");
        assert!(!expansion.contains("# [on"), "{expansion}");
        assert!(!expansion.contains("koio :: on"), "{expansion}");
    }

    #[test]
    fn the_expansion_of_an_item_that_is_no_handler_is_the_item_and_an_error() {
        for item in [
            quote!(
                struct Send;
            ),
            quote!(
                mod send {}
            ),
            quote!(fn),
        ] {
            let expansion = on(quote!("send"), item.clone()).to_string();
            assert!(expansion.starts_with(&item.to_string()), "{expansion}");
            assert!(expansion.contains("compile_error"), "{expansion}");
        }
    }
}
