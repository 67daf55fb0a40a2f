//! [`OnceBy`]: by which key of the client an event is handled once.

use std::{any::type_name, fmt, panic::Location, sync::Arc};

use serde::Serialize;
use serde_json::value::RawValue;

use super::pointer;
use crate::{
    Error, Result,
    router::{catch_unwind::guard_call, context::Context, extract::Args},
};

/// The most bytes that the text of a key may have.
const MAX_KEY: usize = 1_024;

/// Where the key of an event is.
#[derive(Clone)]
pub(crate) enum OnceBy {
    /// A JSON pointer into the list of its arguments.
    Pointer(&'static str),
    /// A function of the program, and its name.
    Function(&'static str, KeyFunction),
}

/// The key that a function of the program finds in the arguments, as JSON.
type KeyFunction = Arc<dyn Fn(&Args) -> Result<String> + Send + Sync>;

impl OnceBy {
    /// A key that a function finds.
    pub(crate) fn function<K: Serialize, F>(key: F) -> Self
    where
        F: Fn(&Args) -> Result<K> + Send + Sync + 'static,
    {
        let text = move |args: &Args| {
            let key = key(args)?;
            serde_json::to_string(&key)
                .map_err(|error| Error::internal("the key is no JSON").because(error.into()))
        };
        Self::Function(type_name::<F>(), Arc::new(text))
    }

    /// What is wrong with it, if something is.
    pub(crate) fn wrong(&self) -> Option<&'static str> {
        match self {
            Self::Pointer(pointer) => pointer::split(pointer).err(),
            Self::Function(..) => None,
        }
    }

    /// The JSON text of the key.
    ///
    /// # Errors
    /// `bad_request` if there is none that can be one; else those of the function.
    pub(crate) fn key(&self, ctx: &Context) -> Result<String> {
        let args = Args::new(ctx.clone());
        let key = match self {
            Self::Pointer(pointer) => Self::at(pointer, &args)?,
            Self::Function(_, key) => {
                let args = args.clone().validated()?;
                Some(guard_call(|| key(&args)).and_then(|key| key)?)
            }
        };
        let wrong = |what: fmt::Arguments<'_>| {
            let event = ctx.event();
            Error::bad_request(format!(
                "{self}, by which `{event}` is handled once, {what}"
            ))
        };
        let has_binary = ctx
            .raw_args()
            .is_some_and(|args| !args.attachments().is_empty());
        match key.as_deref() {
            None | Some("null") => Err(wrong(format_args!("is missing"))),
            Some(key) if key.len() > MAX_KEY => Err(wrong(format_args!(
                "has {} bytes of JSON, and {MAX_KEY} at most make a key",
                key.len()
            ))),
            Some(key) if has_binary && key.contains("\"_placeholder\"") => {
                Err(wrong(format_args!("has binary data, which makes no key")))
            }
            Some(key) => Ok(key.to_owned()),
        }
    }

    fn at(pointer: &str, args: &Args) -> Result<Option<String>> {
        // Checked at the start.
        let (argument, rest) = pointer::split(pointer).map_err(Error::bad_request)?;
        let argument: Box<RawValue> = args.get(argument)?;
        Ok(pointer::find(argument.get(), rest).map(str::to_owned))
    }
}

/// "`/0/id`", or the function.
impl fmt::Display for OnceBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pointer(pointer) => write!(f, "`{pointer}`"),
            Self::Function(name, _) => write!(f, "the key of `{name}`"),
        }
    }
}

impl fmt::Debug for OnceBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key that a set-up gives to an event by its name, and the location of that call.
#[derive(Debug)]
pub(crate) struct GivenOnceBy {
    pub(crate) event: &'static str,
    pub(crate) once_by: OnceBy,
    pub(crate) location: &'static Location<'static>,
}
