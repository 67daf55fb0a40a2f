//! STUB until the wire layer lands.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    missing_debug_implementations
)]
use std::{fmt, ops::Deref, sync::Arc};

use serde::{Serialize, Serializer, de::DeserializeOwned, ser::SerializeSeq};
use serde_json::Value;

#[derive(Clone, Debug)]
pub struct EventName(Arc<str>);
impl From<&str> for EventName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}
impl Deref for EventName {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

#[derive(Clone, Debug, Default)]
pub struct RawArgs(pub Arc<Vec<Value>>, pub bool);
impl RawArgs {
    pub fn reader(&self) -> ArgsReader {
        ArgsReader(self.clone(), 0)
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
impl Serialize for RawArgs {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut seq = s.serialize_seq(Some(self.0.len()))?;
        for v in self.0.iter() {
            seq.serialize_element(v)?;
        }
        seq.end()
    }
}
#[derive(Debug)]
pub struct ArgsReader(RawArgs, usize);
impl ArgsReader {
    pub fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ArgError> {
        let at = self.1;
        let Some(v) = self.0.0.get(at) else {
            return Ok(None);
        };
        self.1 += 1;
        serde_json::from_value(v.clone())
            .map(Some)
            .map_err(|e| ArgError::Type {
                position: at,
                reason: e.to_string(),
            })
    }
    pub fn position(&self) -> usize {
        self.1
    }
    pub fn finish(&mut self) -> Result<(), ArgError> {
        if self.0.1 {
            Err(ArgError::Syntax(DecodeError))
        } else {
            Ok(())
        }
    }
}
#[derive(Clone, Copy, Debug)]
pub struct DecodeError;
#[derive(Debug)]
pub enum ArgError {
    Syntax(DecodeError),
    Type { position: usize, reason: String },
}
impl fmt::Display for ArgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
impl std::error::Error for ArgError {}
impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no JSON")
    }
}
