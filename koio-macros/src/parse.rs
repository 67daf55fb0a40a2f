//! Tokens into syntax: the inside of the attribute, and the item under it.
//!
//! Only the grammar is checked here. The bodies of functions are cut out before the parse: they are not
//! needed, and while the user types they often do not parse.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Attribute, ImplItemFn, Item, ItemFn, ItemImpl, Meta, Token};

/// An entry of `#[on(..)]`, between two commas.
pub(crate) enum Entry {
    /// `"sendMsg"`, or other tokens that are no option.
    Value(TokenStream),
    /// `ns = "/chat"` or `also`.
    Option {
        key: Ident,
        value: Option<TokenStream>,
    },
}

/// Splits the inside of `#[on(..)]`. One broken entry does not hide the others.
pub(crate) fn entries(attribute: TokenStream) -> Vec<Entry> {
    split_at_commas(attribute).into_iter().map(entry).collect()
}

fn entry(tokens: TokenStream) -> Entry {
    let option = |input: ParseStream<'_>| -> syn::Result<Entry> {
        // Any word, since one of the options is called `crate`.
        let key = input.call(Ident::parse_any)?;
        if input.is_empty() {
            return Ok(Entry::Option { key, value: None });
        }
        input.parse::<Token![=]>()?;
        let value = Some(input.parse()?);
        Ok(Entry::Option { key, value })
    };
    option
        .parse2(tokens.clone())
        .unwrap_or(Entry::Value(tokens))
}

/// Commas inside brackets belong to what is inside; a comma at the end adds nothing.
pub(crate) fn split_at_commas(tokens: TokenStream) -> Vec<TokenStream> {
    let mut pieces = vec![TokenStream::new()];
    for token in tokens {
        match (&token, pieces.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => {
                pieces.push(TokenStream::new());
            }
            (_, Some(piece)) => piece.extend([token]),
            (_, None) => {}
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// The item under `#[on]`.
pub(crate) enum Target {
    /// A function, or a method whose impl block has no `#[on]` of its own.
    Function(ItemFn),
    /// An impl block, and those of its methods that have `#[on(..)]`.
    Block(ItemImpl, Vec<syn::Result<Method>>),
    /// Something that cannot handle events.
    Other,
}

/// One `#[on(..)]` method of a block.
pub(crate) struct Method {
    /// Its `#[on(..)]` attribute.
    pub(crate) on: Attribute,
    /// The method, without that attribute and with an empty body.
    pub(crate) item: ImplItemFn,
}

/// Reads the item under the attribute.
pub(crate) fn target(item: &TokenStream) -> syn::Result<Target> {
    let (hollow, body) = hollow(item.clone());
    Ok(match syn::parse2(hollow)? {
        Item::Fn(function) => Target::Function(function),
        Item::Impl(block) => Target::Block(block, methods(body.unwrap_or_default())),
        _ => Target::Other,
    })
}

/// Takes the body out of an item and leaves empty braces in its place.
fn hollow(item: TokenStream) -> (TokenStream, Option<TokenStream>) {
    let mut trees: Vec<TokenTree> = item.into_iter().collect();
    let body = match trees.last_mut() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            let body = group.stream();
            let mut empty = Group::new(Delimiter::Brace, TokenStream::new());
            empty.set_span(group.span());
            *group = empty;
            Some(body)
        }
        _ => None,
    };
    (trees.into_iter().collect(), body)
}

fn methods(body: TokenStream) -> Vec<syn::Result<Method>> {
    let mut found = Vec::new();
    let mut item = TokenStream::new();
    let mut marked = false;
    let mut trees = body.into_iter().peekable();
    while let Some(tree) = trees.next() {
        marked |= starts_on(&tree, trees.peek());
        // An item ends at its braces or its semicolon. Where that cuts too early (a block in a
        // constant), what is left over has no `#[on]` and falls through here.
        let ends = match &tree {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            TokenTree::Punct(punct) => punct.as_char() == ';',
            _ => false,
        };
        item.extend([tree]);
        if ends {
            let item = std::mem::take(&mut item);
            if std::mem::take(&mut marked) {
                found.push(method(item));
            }
        }
    }
    found
}

fn method(item: TokenStream) -> syn::Result<Method> {
    let not_a_method = || {
        let message =
            "inside an impl block `#[on(..)]` goes on its methods: `async fn name(&self, ..)`";
        syn::Error::new_spanned(item.clone(), message)
    };
    let (hollow, _) = hollow(item.clone());
    let mut method: ImplItemFn = syn::parse2(hollow).map_err(|error| {
        let names_fn = |tree| matches!(tree, TokenTree::Ident(ident) if ident == "fn");
        match item.clone().into_iter().any(names_fn) {
            true => error,
            false => not_a_method(),
        }
    })?;
    let place = method.attrs.iter().position(is_on);
    let on = place.map(|place| method.attrs.remove(place));
    let on = on.ok_or_else(not_a_method)?;
    Ok(Method { on, item: method })
}

/// True for `#[on]`, `#[on(..)]`, `#[koio::on(..)]`.
pub(crate) fn is_on(attribute: &Attribute) -> bool {
    let last = attribute.path().segments.last();
    last.is_some_and(|segment| segment.ident == "on")
}

/// The inside of a method's `#[on(..)]`, as rustc would hand it to the macro.
pub(crate) fn inside(on: &Attribute) -> syn::Result<TokenStream> {
    match &on.meta {
        Meta::List(list) => Ok(list.tokens.clone()),
        Meta::NameValue(pair) => {
            let message = "write the event name in parentheses: `#[on(\"sendMsg\")]`";
            Err(syn::Error::new_spanned(pair, message))
        }
        _ => Ok(TokenStream::new()),
    }
}

/// The attribute that replaces `#[on(..)]`. koio requires a handler to be async even if it awaits
/// nothing, so clippy must not warn about that.
pub(crate) fn async_for_us() -> TokenStream {
    quote::quote_spanned!(Span::mixed_site()=> #[allow(clippy::unused_async)])
}

/// The block as the user wrote it, without the `#[on(..)]` of its methods.
///
/// Works on tokens, so that it keeps a block that does not parse.
pub(crate) fn without_on(block: TokenStream) -> TokenStream {
    let mut trees: Vec<TokenTree> = block.into_iter().collect();
    if let Some(TokenTree::Group(group)) = trees.last_mut()
        && group.delimiter() == Delimiter::Brace
    {
        let mut kept = Group::new(Delimiter::Brace, strip(group.stream()));
        kept.set_span(group.span());
        *group = kept;
    }
    trees.into_iter().collect()
}

/// Takes out every `#[on(..)]` among these tokens, except inside braces.
pub(crate) fn strip(body: TokenStream) -> TokenStream {
    let mut kept = TokenStream::new();
    let mut trees = body.into_iter().peekable();
    while let Some(tree) = trees.next() {
        match starts_on(&tree, trees.peek()) {
            true => {
                trees.next();
                kept.extend(async_for_us());
            }
            false => kept.extend([tree]),
        }
    }
    kept
}

/// True where `#` and `[on ..]` follow each other.
fn starts_on(tree: &TokenTree, next: Option<&TokenTree>) -> bool {
    match (tree, next) {
        (TokenTree::Punct(hash), Some(TokenTree::Group(group))) if hash.as_char() == '#' => {
            let attribute = quote::quote!(#hash #group);
            let parsed = Attribute::parse_outer.parse2(attribute);
            parsed.is_ok_and(|attributes| attributes.iter().any(is_on))
        }
        _ => false,
    }
}

/// The inside of `handlers![..]`.
pub(crate) struct List {
    /// `crate = path;` in front of the entries: where koio is, if not at `::koio`.
    pub(crate) krate: Option<syn::Path>,
    /// Entries with their attributes, each a path or an expression.
    pub(crate) entries: Vec<(Vec<Attribute>, syn::Expr)>,
}

/// Reads the inside of `handlers![..]`.
pub(crate) fn list(input: ParseStream<'_>) -> syn::Result<List> {
    let mut krate = None;
    // `koio::handlers!` writes the first; a second one is the user's.
    while input.peek(Token![crate]) && input.peek2(Token![=]) {
        input.parse::<Token![crate]>()?;
        input.parse::<Token![=]>()?;
        krate = Some(input.call(syn::Path::parse_mod_style)?);
        input.parse::<Token![;]>()?;
    }
    let mut entries = Vec::new();
    while !input.is_empty() {
        let attributes = input.call(Attribute::parse_outer)?;
        entries.push((attributes, input.parse()?));
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(List { krate, entries })
}
