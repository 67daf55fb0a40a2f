//! The names of requests.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// The name of one request, which its answers repeat. It is unique among the requests that the asking node waits for; the
/// nodes that answer look at it no further.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(super) struct RequestId(Arc<str>);

impl RequestId {
    /// Sixteen hexadecimal digits, as Node's adapters have them.
    pub(super) fn numbered(number: u64) -> Self {
        Self(format!("{number:016x}").into())
    }
}

impl RequestId {
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "for Redis"))]
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl From<String> for RequestId {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl From<RequestId> for String {
    fn from(request: RequestId) -> Self {
        request.0.as_ref().to_owned()
    }
}
