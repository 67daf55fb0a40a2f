//! Arguments read by position.

use std::{cell::Cell, ops::Deref};

use serde::de::{Deserialize, DeserializeOwned, IgnoredAny};

use super::{error::ArgError, raw_args::RawArgs};
use crate::wire::json::{self, Bytes, Scope, WithAttachments};
use crate::wire::{DecodeError, DecodeErrorKind};

/// For so many arguments the whole text behind them is checked to be UTF-8. For those after them the end of each is looked for
/// first, so that a list of many arguments is not checked as often as it has arguments.
const CHECKED_WHOLE: usize = 8;

impl RawArgs {
    /// Reads them one by one.
    #[must_use]
    pub fn reader(&self) -> ArgsReader<&Self> {
        ArgsReader::new(self)
    }
}

/// Reads arguments one after the other, each parsed from where the last one ended.
///
/// Call [`finish`](Self::finish) before the arguments are used: it validates those that no type has read.
///
/// `A` owns or borrows the arguments.
#[derive(Clone, Debug)]
pub struct ArgsReader<A> {
    args: A,
    /// The end of the last argument that was read, or where the first one starts.
    at: usize,
    /// How many arguments have been read.
    position: usize,
    /// Whether no item of the list comes before `at`.
    first: bool,
    /// Whether the unread arguments are known to be valid JSON.
    validated: bool,
    /// Whether all arguments are known to have no white space around them.
    compact: bool,
    /// Whether the end of the list has been reached and validated.
    ended: bool,
}

impl<A: Deref<Target = RawArgs>> ArgsReader<A> {
    /// Starts at the first argument.
    pub fn new(args: A) -> Self {
        Self {
            at: args.start(),
            position: 0,
            first: !args.has_name(),
            validated: args.is_validated(),
            compact: args.is_compact(),
            ended: false,
            args,
        }
    }

    /// The arguments, as they were given to [`new`](Self::new).
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
    // Not an iterator, since each argument may have another type.
    #[allow(clippy::should_implement_trait)]
    pub fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ArgError> {
        let Some(start) = self.seek()? else {
            return Ok(None);
        };
        let text = self.args.list().get(start..).unwrap_or_default();
        if let Some((value, len)) = json::read_fast(text, self.args.binaries()) {
            self.advance(start + len);
            return Ok(Some(value));
        }
        let failed = Cell::new(false);
        let scope = Scope::new(self.args.binaries(), &failed);
        let mut json = serde_json::Deserializer::from_str(self.utf8(start)?);
        let result = T::deserialize(WithAttachments::new(&mut json, scope));
        let used = json.into_iter::<IgnoredAny>().byte_offset();
        match result {
            // serde_json's offset is the end of the argument, unless a type swallowed an error, did not read its input, or
            // read only the beginning of it (an `i128` reads the `1` of `1.0`).
            Ok(value)
                if used > 0 && !failed.get() && is_behind_value(self.args.list(), start + used) =>
            {
                self.advance(start + used);
                Ok(Some(value))
            }
            Ok(value) => {
                let end = self.skip(start)?;
                self.advance(end);
                if used > 0 && !failed.get() && start + used < end {
                    self.validate()?;
                    let prefix = ArgError::only_a_prefix(self.position - 1, used, end - start);
                    return match self.again(start, end) {
                        Some(Ok(value)) => Ok(Some(value)),
                        _ => Err(prefix),
                    };
                }
                Ok(Some(value))
            }
            Err(error) => {
                let end = self.skip(start)?;
                self.advance(end);
                self.validate()?;
                self.again(start, end)
                    .unwrap_or(Err(error))
                    .map(Some)
                    .map_err(|error| self.misfit(start, &error))
            }
        }
    }

    /// Reads an argument again that its type has refused, if that may be for how it is written.
    #[cold]
    fn again<T: DeserializeOwned>(
        &self,
        start: usize,
        end: usize,
    ) -> Option<serde_json::Result<T>> {
        json::read_again(self.args.list().get(start..end)?, self.args.binaries())
    }

    /// The error for the argument that starts here and was read last.
    fn misfit(&self, start: usize, error: &serde_json::Error) -> ArgError {
        let misfit = ArgError::from_serde(self.position - 1, error);
        if self.args.binaries().is_none() {
            return misfit;
        }
        let Ok(argument) = self.utf8(start) else {
            return misfit;
        };
        let failed = Cell::new(false);
        let scope = Scope::new(self.args.binaries(), &failed);
        let mut json = serde_json::Deserializer::from_str(argument);
        let binary = Bytes::deserialize(WithAttachments::new(&mut json, scope));
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

    /// Validates all unread arguments, up to the end of the list: their syntax and depth.
    ///
    /// # Errors
    ///
    /// [`ArgError::Syntax`] if it is not JSON.
    pub fn finish(&mut self) -> Result<(), ArgError> {
        self.validate()?;
        Ok(())
    }

    /// All arguments, validated, so that sending them on need not validate them again.
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish).
    pub fn whole(&mut self) -> Result<RawArgs, ArgError> {
        self.finish()?;
        Ok(self.args.clone().into_validated(self.compact))
    }

    /// Starts at the first argument again. What has been validated need not be validated again.
    #[must_use]
    pub fn restarted(&self) -> Self
    where
        A: Clone,
    {
        Self {
            validated: self.validated || self.ended,
            compact: self.compact,
            ..Self::new(self.args.clone())
        }
    }

    /// All arguments, to be passed on. If they have been validated, passing them on need not validate them again.
    #[must_use]
    pub fn args(&self) -> RawArgs {
        let args = self.args.clone();
        match self.validated {
            true => args.into_validated(self.compact),
            false => args,
        }
    }

    /// The start of the next argument, if there is one.
    pub(super) fn seek(&mut self) -> Result<Option<usize>, DecodeError> {
        if self.ended {
            return Ok(None);
        }
        let start = item(self.args.list(), self.at, self.first)?;
        self.ended = start.is_none();
        Ok(start)
    }

    /// Counts the argument that ends here as read.
    pub(super) fn advance(&mut self, end: usize) {
        self.at = end;
        self.first = false;
        self.position += 1;
    }

    /// The text from here to the end of the argument or beyond, for serde_json: told that it is UTF-8, it does not check each
    /// string by itself (a struct of 200 bytes: 9,770 → 9,150 instructions).
    fn utf8(&self, start: usize) -> Result<&str, DecodeError> {
        let list = self.args.list();
        let end = match self.position {
            ..CHECKED_WHOLE => list.len(),
            _ => self.skip(start)?,
        };
        simdutf8::basic::from_utf8(list.get(start..end).unwrap_or_default())
            .map_err(|_| DecodeError::new(DecodeErrorKind::NotUtf8, start))
    }

    /// The end of the argument that starts here.
    fn skip(&self, start: usize) -> Result<usize, DecodeError> {
        json::value(self.args.list(), start, 1, &mut json::Unwatched)
    }

    fn validate(&mut self) -> Result<(), DecodeError> {
        if self.validated || self.ended {
            return Ok(());
        }
        let list = self.args.list();
        let (mut at, mut first, mut compact) = (self.at, self.first, self.position == 0);
        while let Some(start) = item(list, at, first)? {
            compact &= start == at + usize::from(!first);
            at = json::value(list, start, 1, &mut json::Unwatched)?;
            first = false;
        }
        self.compact = compact && list.get(at) == Some(&b']');
        self.validated = true;
        Ok(())
    }
}

/// Whether an item of a list can have ended before `at`.
fn is_behind_value(list: &[u8], at: usize) -> bool {
    matches!(
        list.get(at),
        Some(b',' | b']' | b' ' | b'\t' | b'\n' | b'\r')
    )
}

/// The start of the item behind `at`, or `None` if the list ends there. `first`: no item comes before `at`.
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
