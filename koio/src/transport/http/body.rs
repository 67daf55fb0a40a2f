//! The body of a response: bytes that are complete when it is made, or a stream of events.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::answer_body::AnswerBody;
use crate::transport::event_source::EventStream;

/// The body of koio's own responses.
///
/// If the body of a poll's answer is dropped before its end, the session ends: what was in it is lost.
#[derive(Debug, Default)]
pub struct Body(Content);

#[derive(Default)]
enum Content {
    #[default]
    Empty,
    Bytes(Bytes),
    Answer(Box<AnswerBody>),
    Stream(EventStream),
}

impl Body {
    /// An empty body.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Content::Empty)
    }

    /// The answer to a poll.
    pub(super) fn answer(answer: AnswerBody) -> Self {
        Self(Content::Answer(Box::new(answer)))
    }

    /// A stream, which goes on until its session ends it.
    pub(super) fn stream(stream: EventStream) -> Self {
        Self(Content::Stream(stream))
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(if bytes.is_empty() {
            Content::Empty
        } else {
            Content::Bytes(bytes)
        })
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match &mut self.0 {
            Content::Empty => None,
            Content::Bytes(bytes) => Some(std::mem::take(bytes)),
            Content::Answer(answer) => answer.next(),
            Content::Stream(stream) => ready!(stream.poll_next(cx)),
        };
        if next.is_none() || self.size_hint().upper() == Some(0) {
            self.0 = Content::Empty;
        }
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Content::Empty => true,
            Content::Stream(stream) => stream.is_at_end(),
            Content::Bytes(_) | Content::Answer(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        let left = match &self.0 {
            Content::Empty => 0,
            Content::Bytes(bytes) => bytes.len(),
            Content::Answer(answer) => answer.left(),
            Content::Stream(_) => return SizeHint::default(),
        };
        SizeHint::with_exact(left as u64)
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty",
            Self::Bytes(_) => "bytes",
            Self::Answer(_) => "answer",
            Self::Stream(_) => "stream",
        })
    }
}
