//! The options in `#[on(..)]`.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use syn::parse::Parser as _;
use syn::{Attribute, Expr, ExprArray, LitInt, LitStr, Path};

use super::once_by::{GivenOnceBy, once_by};
use crate::diagnose::{self, Errors};
use crate::parse::Entry;

/// An event name or a namespace longer than this cannot arrive: the decoder refuses it.
const LONGEST_NAME: usize = 255;

/// The most events of one socket that may overlap: koio's own limit, which this crate can't read.
const MAX_CONCURRENCY: u16 = 1_024;

/// Where the attribute stands, which decides what may be in it.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    Function,
    Block,
    /// A method of a block, with its own attribute.
    Method(&'a Attribute),
}

impl Place<'_> {
    fn options(self) -> &'static [&'static str] {
        match self {
            Place::Function => &[
                "ns",
                "wrap",
                "also",
                "timeout",
                "concurrency",
                "once_by",
                "crate",
            ],
            Place::Block => &["ns", "wrap", "concurrency", "crate"],
            Place::Method(_) => &["ns", "wrap", "also", "timeout", "concurrency", "once_by"],
        }
    }
}

/// The options as far as they could be read.
///
/// `Some(None)` is an option that was there with a wrong value, so that a second one is still
/// reported as a repetition.
#[derive(Default)]
pub(super) struct Options {
    pub(super) event: Option<Event>,
    pub(super) namespace: Option<Option<LitStr>>,
    pub(super) wrap: Option<Vec<Expr>>,
    pub(super) also: Option<()>,
    pub(super) timeout: Option<Option<Duration>>,
    pub(super) concurrency: Option<Option<Concurrency>>,
    pub(super) once_by: Option<Option<GivenOnceBy>>,
    pub(super) krate: Option<Path>,
}

/// The name of an event.
pub(crate) enum Event {
    Literal(LitStr),
    /// A constant of the program. What it is called is checked where it is evaluated, by rustc.
    Constant(Path),
}

impl Event {
    /// The name, if it is known here.
    pub(super) fn literal(&self) -> Option<String> {
        match self {
            Self::Literal(name) => Some(name.value()),
            Self::Constant(_) => None,
        }
    }
}

impl quote::ToTokens for Event {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Literal(name) => name.to_tokens(tokens),
            Self::Constant(path) => path.to_tokens(tokens),
        }
    }
}

/// A number of events that may overlap.
#[derive(Clone)]
pub(super) struct Concurrency {
    key: Ident,
    events: LitInt,
    /// It stands on the impl block.
    is_inherited: bool,
}

impl Options {
    /// Adds the options of the block: its namespace and its concurrency unless the method names another, and its
    /// middleware around the method's.
    pub(super) fn inherit(&mut self, block: &Options) {
        if self.namespace.is_none() {
            self.namespace = block.namespace.clone();
        }
        if self.concurrency.is_none() {
            let inherited = given(block.concurrency.clone());
            self.concurrency = inherited.map(|concurrency| {
                Some(Concurrency {
                    is_inherited: true,
                    ..concurrency
                })
            });
        }
        if let Some(outer) = &block.wrap {
            let inner = self.wrap.take().unwrap_or_default();
            self.wrap = Some(outer.iter().cloned().chain(inner).collect());
        }
    }
}

pub(super) fn given<T>(option: Option<Option<T>>) -> Option<T> {
    option.flatten()
}

/// Reads the entries of one `#[on(..)]`; `handler` is the name in the examples of the errors.
pub(super) fn read(
    place: Place<'_>,
    entries: Vec<Entry>,
    handler: &Ident,
    errors: &mut Errors,
) -> Options {
    let mut options = Options::default();
    let mut named = false;
    for (position, entry) in entries.into_iter().enumerate() {
        match entry {
            Entry::Value(value) => {
                options.name(place, value, named, errors);
                named = true;
            }
            // `#[on(sendMsg)]`: a name without its quotes rather than an option.
            Entry::Option { key, value: None } if position == 0 && !is_option(&key) => {
                options.name(place, quote::quote!(#key), named, errors);
                named = true;
            }
            Entry::Option { key, value } => {
                // The error about `event = ".."` says how to write a name: no second error asks for one.
                named |= key == "event" || key == "name";
                options.option(place, &key, value, errors);
            }
        }
    }
    if !named {
        let example = handler.to_string();
        let example = example.trim_start_matches("r#");
        let message = format!("which event? Write its name first: `#[on(\"{example}\")]`");
        match place {
            Place::Function => errors.take(syn::Error::new(Span::call_site(), message)),
            Place::Method(on) => errors.push(on, message),
            Place::Block => {}
        }
    }
    options
}

fn is_option(key: &Ident) -> bool {
    Place::Function.options().iter().any(|option| key == option)
}

impl Options {
    fn name(&mut self, place: Place<'_>, value: TokenStream, named: bool, errors: &mut Errors) {
        if let Place::Block = place {
            errors.push(
                value,
                "the event names stand on the methods of this block: `#[on]` or \
                 `#[on(ns = \"/chat\")]` here, `#[on(\"sendMsg\")]` there",
            );
        } else if named {
            errors.push(
                value,
                "a handler has one event: write a second function that calls this one",
            );
        } else {
            self.event = errors.check(event(value));
        }
    }

    fn option(
        &mut self,
        place: Place<'_>,
        key: &Ident,
        value: Option<TokenStream>,
        errors: &mut Errors,
    ) {
        let name = key.to_string();
        if !place.options().contains(&name.as_str()) {
            errors.push(key, not_an_option(place, &name));
            return;
        }
        let repeated = match name.as_str() {
            "ns" => self.namespace.is_some(),
            "wrap" => self.wrap.is_some(),
            "also" => self.also.is_some(),
            "timeout" => self.timeout.is_some(),
            "concurrency" => self.concurrency.is_some(),
            "once_by" => self.once_by.is_some(),
            _ => self.krate.is_some(),
        };
        if repeated {
            errors.push(
                key,
                format!("`{name}` is given twice: remove one of the two"),
            );
            return;
        }
        match name.as_str() {
            "ns" => self.namespace = Some(errors.check(namespace(key, value))),
            "wrap" => self.wrap = Some(errors.check(wrap(key, value)).unwrap_or_default()),
            "timeout" => self.timeout = Some(errors.check(timeout(key, value))),
            "concurrency" => {
                let events = errors.check(concurrency(key, value));
                self.concurrency = Some(events.map(|events| Concurrency {
                    key: key.clone(),
                    events,
                    is_inherited: false,
                }));
            }
            "once_by" => self.once_by = Some(errors.check(once_by(key, value))),
            "also" => {
                self.also = Some(());
                if value.is_some() {
                    errors.push(value, "`also` takes no value: write it alone");
                }
            }
            _ => self.krate = errors.check(krate(key, value)),
        }
    }
}

fn not_an_option(place: Place<'_>, name: &str) -> String {
    let elsewhere = match place {
        Place::Block if matches!(name, "also" | "timeout" | "once_by") => {
            Some("it belongs on the methods")
        }
        Place::Method(_) if name == "crate" => Some("it belongs on the impl block"),
        _ => None,
    };
    if let Some(elsewhere) = elsewhere {
        return format!("`{name}` is not an option here: {elsewhere}");
    }
    if name == "event" || name == "name" {
        return "the event name stands alone and first: `#[on(\"sendMsg\")]`".to_owned();
    }
    let known = diagnose::listed(place.options());
    match diagnose::meant(name) {
        Some(meant) => {
            format!("unknown option `{name}`: did you mean `{meant}`? There are {known}")
        }
        None => format!("unknown option `{name}`: there are {known}"),
    }
}

/// Whether a path is that of a constant, by the way in which it is written.
fn is_constant(path: &Path) -> bool {
    let name = path.segments.last().map(|last| last.ident.to_string());
    let is_upper = |char: char| char.is_ascii_uppercase() || char.is_ascii_digit() || char == '_';
    name.is_some_and(|name| {
        name.chars().all(is_upper) && name.contains(|char: char| char.is_ascii_uppercase())
    })
}

fn event(value: TokenStream) -> syn::Result<Event> {
    if let Ok(path) = syn::parse2::<Path>(value.clone())
        && is_constant(&path)
    {
        return Ok(Event::Constant(path));
    }
    let Ok(name) = syn::parse2::<LitStr>(value.clone()) else {
        let mut written = value.to_string();
        if !written
            .chars()
            .all(|char| char.is_alphanumeric() || char == '_')
        {
            "sendMsg".clone_into(&mut written);
        }
        let message = format!(
            "the event name must be a string literal or a constant, since it is checked while compiling: \
             `#[on(\"{written}\")]`"
        );
        return Err(syn::Error::new_spanned(value, message));
    };
    let event = name.value();
    let wrong = if event.is_empty() {
        Some("an event needs a name: `#[on(\"sendMsg\")]`".to_owned())
    } else if event.len() > LONGEST_NAME {
        Some(format!(
            "no event with so long a name is accepted: use at most {LONGEST_NAME} bytes"
        ))
    } else {
        diagnose::reserved(&event)
            .map(|instead| format!("\"{event}\" is reserved by the protocol: {instead}"))
    };
    match wrong {
        Some(message) => Err(syn::Error::new_spanned(name, message)),
        None => Ok(Event::Literal(name)),
    }
}

fn namespace(key: &Ident, value: Option<TokenStream>) -> syn::Result<LitStr> {
    let example = "write `ns = \"/chat\"`";
    let name: LitStr = literal(key, value, example)?;
    let text = name.value();
    let wrong = if !text.starts_with('/') {
        Some(format!(
            "a namespace starts with a slash: write `ns = \"/{text}\"`"
        ))
    } else if text.contains([',', '?']) {
        Some("no client can name this namespace: leave out `,` and `?`".to_owned())
    } else if text.len() > LONGEST_NAME {
        Some(format!(
            "no namespace with so long a name is accepted: use at most {LONGEST_NAME} bytes"
        ))
    } else {
        None
    };
    match wrong {
        Some(message) => Err(syn::Error::new_spanned(name, message)),
        None => Ok(name),
    }
}

fn wrap(key: &Ident, value: Option<TokenStream>) -> syn::Result<Vec<Expr>> {
    let message = "`wrap` takes a list of middleware: write `wrap = [first, second]`";
    let Some(value) = value else {
        return Err(syn::Error::new_spanned(key, message));
    };
    match syn::parse2::<ExprArray>(value.clone()) {
        Ok(list) => Ok(list.elems.into_iter().collect()),
        Err(_) => Err(syn::Error::new_spanned(value, message)),
    }
}

fn timeout(key: &Ident, value: Option<TokenStream>) -> syn::Result<Duration> {
    let example = "write a number and a unit: `timeout = \"5s\"`, `\"250ms\"` or `\"2m\"`";
    let text: LitStr = literal(key, value, example)?;
    let wrong = |what: &str| syn::Error::new_spanned(&text, format!("{what}: {example}"));
    match duration(&text.value()) {
        None => Err(wrong("this is not a duration")),
        Some(Duration::ZERO) => Err(wrong("no handler can finish in no time")),
        Some(duration) => Ok(duration),
    }
}

fn concurrency(key: &Ident, value: Option<TokenStream>) -> syn::Result<LitInt> {
    let example = "write a number of events: `concurrency = 16`";
    let Some(value) = value else {
        return Err(syn::Error::new_spanned(
            key,
            format!("`concurrency` needs a value: {example}"),
        ));
    };
    let number = syn::parse2::<LitInt>(value.clone());
    let wrong = |what: String| syn::Error::new_spanned(&value, format!("{what}: {example}"));
    let Ok(number) = number else {
        return Err(wrong("`concurrency` takes a number".to_owned()));
    };
    if !matches!(number.suffix(), "" | "usize") {
        return Err(wrong("the number has no suffix".to_owned()));
    }
    match number.base10_parse::<u16>() {
        Ok(1..=MAX_CONCURRENCY) => Ok(number),
        _ => Err(wrong(format!(
            "`concurrency` is at least 1 and at most {MAX_CONCURRENCY}, not {number}"
        ))),
    }
}

/// The concurrency of one handler. `connection` and `disconnect` have none: a block's is not meant for them.
pub(super) fn own_concurrency(
    event: &Event,
    concurrency: Option<Option<Concurrency>>,
    errors: &mut Errors,
) -> Option<LitInt> {
    let concurrency = given(concurrency)?;
    // A constant is neither: rustc finds that.
    let event = event.literal().unwrap_or_default();
    if !matches!(event.as_str(), "connection" | "disconnect") {
        return Some(concurrency.events);
    }
    if !concurrency.is_inherited {
        errors.push(
            concurrency.key,
            format!("`{event}` always runs alone: leave out `concurrency`"),
        );
    }
    None
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|char: char| !char.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

fn krate(key: &Ident, value: Option<TokenStream>) -> syn::Result<Path> {
    let message = "`crate` takes the path that koio has here: write `crate = my_koio`";
    let Some(value) = value else {
        return Err(syn::Error::new_spanned(key, message));
    };
    Path::parse_mod_style
        .parse2(value.clone())
        .map_err(|_| syn::Error::new_spanned(value, message))
}

fn literal(key: &Ident, value: Option<TokenStream>, example: &str) -> syn::Result<LitStr> {
    let Some(value) = value else {
        return Err(syn::Error::new_spanned(
            key,
            format!("`{key}` needs a value: {example}"),
        ));
    };
    syn::parse2(value.clone()).map_err(|_| {
        syn::Error::new_spanned(value, format!("`{key}` takes a string literal: {example}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("5s"), Some(Duration::from_secs(5)));
        assert_eq!(duration("2m"), Some(Duration::from_secs(120)));
        assert_eq!(duration("1h"), Some(Duration::from_secs(3600)));
        for wrong in ["", "5", "s", "-5s", "5 s", "1.5s", "5S", "5sec", "５s"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_duration_too_long_for_milliseconds_is_none() {
        assert_eq!(
            duration("18446744073709551615ms"),
            Some(Duration::from_millis(u64::MAX))
        );
        assert_eq!(duration("18446744073709551616ms"), None);
        assert_eq!(duration("18446744073709551615s"), None);
    }
}
