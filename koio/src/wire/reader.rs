//! Arguments read by position.

use std::{cell::Cell, ops::Deref};

use serde::de::{Deserialize, DeserializeOwned, IgnoredAny};

use super::de::{Attachment, Guarded, Scope, Text};
use super::json;
use super::{ArgError, Bytes, DecodeError, DecodeErrorKind, RawArgs};

/// Reads arguments one after the other, each parsed from where the last one ended.
///
/// Whoever uses the arguments must call [`finish`](Self::finish) before, for only that looks at
/// what no type has read.
///
/// `A` is a reference to the arguments, or whatever else keeps them.
#[derive(Clone, Debug)]
pub struct ArgsReader<A> {
    args: A,
    /// Behind the last argument that was read, or where they start.
    at: usize,
    position: usize,
    /// Whether no item of the list comes before `at`.
    first: bool,
    /// Whether the rest is known to be JSON.
    checked: bool,
    /// Whether all arguments are known to have no white space around them.
    tight: bool,
    /// Whether the end of the list has been reached and looked at.
    ended: bool,
}

impl<A: Deref<Target = RawArgs>> ArgsReader<A> {
    /// Starts at the first argument.
    pub fn new(args: A) -> Self {
        Self {
            at: args.start(),
            position: 0,
            first: !args.is_named(),
            checked: args.is_checked(),
            tight: args.is_tight(),
            ended: false,
            args,
        }
    }

    /// What keeps the arguments.
    pub fn source(&self) -> &A {
        &self.args
    }

    /// How many arguments have been read.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// The next argument, or nothing if there are no more.
    ///
    /// After [`ArgError::Type`] the argument counts as read, and the next call goes on behind it.
    ///
    /// # Errors
    ///
    /// [`ArgError::Type`] if the argument is not of this type, and [`ArgError::Syntax`] if the text
    /// is not JSON from here on.
    // No iterator: each item has a type of its own.
    #[allow(clippy::should_implement_trait)]
    pub fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ArgError> {
        let Some(start) = self.seek()? else {
            return Ok(None);
        };
        if let Some((value, end)) = self.ready(start) {
            self.advance(end);
            return Ok(Some(value));
        }
        let text = self.args.data().get(start..).unwrap_or_default();
        let failed = Cell::new(false);
        let scope = Scope::new(self.args.binaries(), &failed);
        let mut json = serde_json::Deserializer::from_slice(text);
        let result = T::deserialize(Guarded::new(&mut json, scope));
        let used = json.into_iter::<IgnoredAny>().byte_offset();
        match result {
            // A type may swallow an error, or not look at its input at all. Then serde_json stands
            // in the middle of the argument, and what it would read next is not the next one.
            Ok(value) if used > 0 && !failed.get() => {
                self.advance(start + used);
                Ok(Some(value))
            }
            Ok(value) => {
                let end = self.skip(start)?;
                self.advance(end);
                Ok(Some(value))
            }
            Err(error) => {
                let end = self.skip(start)?;
                self.advance(end);
                self.check()?;
                self.mended(start, end)
                    .unwrap_or(Err(error))
                    .map(Some)
                    .map_err(|error| self.misfit(start, &error))
            }
        }
    }

    /// What is wrong with the argument that starts here, and was the last one.
    fn misfit(&self, start: usize, error: &serde_json::Error) -> ArgError {
        let misfit = ArgError::from_serde(self.position - 1, error);
        if self.args.binaries().is_none() {
            return misfit;
        }
        let argument = self.args.data().get(start..).unwrap_or_default();
        let failed = Cell::new(false);
        let scope = Scope::new(self.args.binaries(), &failed);
        let mut json = serde_json::Deserializer::from_slice(argument);
        let binary = Bytes::deserialize(Guarded::new(&mut json, scope));
        misfit.about_binary(binary.is_ok())
    }

    /// The next argument; a missing one reads as `null`, as it would in JavaScript.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub fn next_or_null<T: DeserializeOwned>(&mut self) -> Result<T, ArgError> {
        if let Some(value) = self.next()? {
            return Ok(value);
        }
        let position = self.position;
        self.position += 1;
        serde_json::from_slice(b"null").map_err(|error| ArgError::from_serde(position, &error))
    }

    /// Checks all that has not been read, up to the end of the list: its syntax and its depth.
    ///
    /// # Errors
    ///
    /// [`ArgError::Syntax`] if it is not JSON.
    pub fn finish(&mut self) -> Result<(), ArgError> {
        self.check()?;
        Ok(())
    }

    /// All arguments, known to be JSON from now on, so that passing them on need not look at them again.
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish).
    pub fn whole(&mut self) -> Result<RawArgs, ArgError> {
        self.finish()?;
        Ok(self.args.clone().approved(self.tight))
    }

    /// Starts at the first argument again. What has been validated need not be validated again.
    #[must_use]
    pub fn restarted(&self) -> Self
    where
        A: Clone,
    {
        Self {
            checked: self.checked || self.ended,
            tight: self.tight,
            ..Self::new(self.args.clone())
        }
    }

    /// All arguments, to be passed on. If they have been validated, passing them on need not validate them again.
    #[must_use]
    pub fn args(&self) -> RawArgs {
        let args = self.args.clone();
        match self.checked {
            true => args.approved(self.tight),
            false => args,
        }
    }

    /// The start of the next argument, if there is one.
    pub(super) fn seek(&mut self) -> Result<Option<usize>, DecodeError> {
        if self.ended {
            return Ok(None);
        }
        let start = item(self.args.data(), self.at, self.first)?;
        self.ended = start.is_none();
        Ok(start)
    }

    /// The argument that starts here, if it is a string without escapes or an attachment, and the type takes it. All
    /// else is left to serde_json, and so are the words of an error.
    fn ready<T: DeserializeOwned>(&self, start: usize) -> Option<(T, usize)> {
        match self.args.data().get(start..)? {
            [b'"', text @ ..] => {
                let (text, behind) = text.split_at_checked(json::plain(text))?;
                if behind.first() != Some(&b'"') {
                    return None;
                }
                let value = T::deserialize(Text(text)).ok()?;
                Some((value, start + text.len() + 2))
            }
            object @ [b'{', ..] => {
                let attachments = self.args.binaries()?;
                let (index, len) = json::usual_placeholder(object, attachments.len())?;
                let value = T::deserialize(Attachment(attachments.get(index)?)).ok()?;
                Some((value, start + len))
            }
            _ => None,
        }
    }

    /// Counts the argument that ends here as read.
    pub(super) fn advance(&mut self, end: usize) {
        self.at = end;
        self.first = false;
        self.position += 1;
    }

    /// The end of the argument that starts here.
    fn skip(&self, start: usize) -> Result<usize, DecodeError> {
        json::value(self.args.data(), start, 1, &mut json::Unwatched)
    }

    fn check(&mut self) -> Result<(), DecodeError> {
        if self.checked || self.ended {
            return Ok(());
        }
        let data = self.args.data();
        let (mut at, mut first, mut tight) = (self.at, self.first, self.position == 0);
        while let Some(start) = item(data, at, first)? {
            tight &= start == at + usize::from(!first);
            at = json::value(data, start, 1, &mut json::Unwatched)?;
            first = false;
        }
        self.tight = tight && data.get(at) == Some(&b']');
        self.checked = true;
        Ok(())
    }

    /// Tries again if the argument holds halves of surrogate pairs, which are the one thing in valid
    /// JSON that serde_json refuses whatever the type.
    fn mended<T: DeserializeOwned>(
        &self,
        start: usize,
        end: usize,
    ) -> Option<serde_json::Result<T>> {
        let text = json::mend_surrogates(self.args.data().get(start..end)?)?;
        let failed = Cell::new(false);
        let scope = Scope::new(self.args.binaries(), &failed);
        let mut json = serde_json::Deserializer::from_slice(&text);
        Some(T::deserialize(Guarded::new(&mut json, scope)))
    }
}

/// The start of the item behind `at`, if the list does not end there. `first` says that no item comes before `at`.
fn item(list: &[u8], at: usize, first: bool) -> Result<Option<usize>, DecodeError> {
    let at = json::whitespace(list, at);
    match list.get(at) {
        Some(b']') => {
            let end = json::whitespace(list, at + 1);
            if end != list.len() {
                return Err(DecodeError::new(DecodeErrorKind::Json, end));
            }
            Ok(None)
        }
        Some(b',') if !first => Ok(Some(json::whitespace(list, at + 1))),
        Some(_) if first => Ok(Some(at)),
        _ => Err(DecodeError::new(DecodeErrorKind::Json, at)),
    }
}
