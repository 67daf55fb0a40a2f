//! `Io::allow_request`: the program decides whether a session may open.

use std::future::Future;

use super::Io;
use crate::{
    Error,
    transport::{AllowRequest, OpeningRequest, Rejection},
};

impl Io {
    /// Asks a function of yours whether a session may open: Socket.IO's `allowRequest`. It may wait, for a database or another
    /// service.
    ///
    /// It is called once for each handshake, over polling or WebSocket, that koio itself would let in: behind the check of the
    /// origin and all limits, ahead of any middleware. Requests of a session that is open, an upgrade included, are not asked for
    /// again. The handshake counts among the [unconnected
    /// sessions](crate::engine::EngineConfig::max_unconnected) while it waits, and holds up no other request.
    ///
    /// What it returns is kept for handlers: [`Handshake::extension`](crate::Handshake::extension) finds it by its type; `()` keeps
    /// nothing. A [`Rejection`] is the answer to the client, which sees a `connect_error`: over polling its `description` is the
    /// status, and its `context.responseText` the answer, which the client empties when its listeners have returned. Of a WebSocket
    /// that was refused, browsers and the official client show no more than that it was. Who is to learn more is refused by a
    /// middleware around `connection`, whose error has data.
    ///
    /// After [`allow_request_timeout`](crate::config::Config::allow_request_timeout) the client is answered 503, and if the function
    /// panics 500; the log says why. The function is called by the task of the connection, and must not block. The last function
    /// counts.
    ///
    /// ```
    /// use http::StatusCode;
    /// use koio::server::{OpeningRequest, Rejection};
    ///
    /// #[derive(Clone)]
    /// struct User(String);
    /// # async fn look_up(_token: &str) -> std::io::Result<Option<User>> { Ok(None) }
    ///
    /// let io = koio::Io::new().allow_request(|request: OpeningRequest| async move {
    ///     let token = request.query("token").unwrap_or_default();
    ///     // `?`: a database that is down is answered 500.
    ///     let user = look_up(&token).await?;
    ///     user.ok_or_else(|| Rejection::new("log in first").status(StatusCode::UNAUTHORIZED))
    /// });
    /// ```
    ///
    /// # Cancel safety
    /// The function's future is dropped when the client hangs up, and at the deadline.
    pub fn allow_request<F, Fut, T>(mut self, allows: F) -> Self
    where
        F: Fn(OpeningRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, Rejection>> + Send + 'static,
        T: Clone + Send + Sync + 'static,
    {
        self.rules.allow_request = Some(AllowRequest::new(allows));
        self
    }
}

/// An error that clients may see refuses with 403 and its message; any other with 500.
impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        if error.is_shown() {
            Self::new(error.message().to_owned())
        } else {
            Self::hidden(error)
        }
    }
}
