//! What a set-up says about the requests of its clients, beside the list of origins.

use std::{fmt, net::SocketAddr, panic::Location};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, request::Parts};
use tower::{Layer, Service};

use super::{HttpPipeline, Io, RequestBody};
use crate::{
    error::BoxError,
    transport::{Cors, SessionCookie},
};

impl Io {
    /// Believes these proxies: addresses, networks in CIDR notation, and `unix` for connections without an address. By default
    /// none is believed.
    ///
    /// Of a request from one of them
    ///
    /// - [`Handshake::address`](crate::Handshake::address) and
    ///   [`max_unconnected_per_address`](crate::engine::EngineConfig::max_unconnected_per_address) have the client's address:
    ///   the last one of `Forwarded` or `X-Forwarded-For` that is no trusted proxy. If the two name different clients, neither
    ///   is believed, since a proxy mostly passes on what it does not write itself;
    /// - the check of the page's origin has the host of `Forwarded` or `X-Forwarded-Host`, if there is one, and compares the
    ///   scheme as well if `Forwarded` or `X-Forwarded-Proto` has one.
    ///
    /// A header that can't be read, or comes from any other peer, is as if it were not there.
    ///
    /// ```
    /// let io = koio::Io::new().trust_proxies(["10.0.0.0/8", "127.0.0.1", "fd00::/8"]);
    /// ```
    ///
    /// `unix` stands for every connection that has no address: on a Unix socket, whose other end is a proxy on the same machine
    /// as a rule; and inside another server all of them, unless it [tells](Self::peer_address) their addresses.
    ///
    /// Anything else is an error at the start. Names are not looked up.
    #[track_caller]
    pub fn trust_proxies<P: AsRef<str>>(mut self, proxies: impl IntoIterator<Item = P>) -> Self {
        for proxy in proxies {
            let proxy = proxy.as_ref();
            let trusted = self.rules.proxies.trust(proxy);
            self.note_invalid(
                trusted,
                "names no proxy",
                proxy,
                "`10.0.0.0/8`, `::1` or `unix`",
            );
        }
        self
    }

    /// Where the address of a connection is, inside another server. koio's own listener knows it.
    ///
    /// The function gets the head of a request, with its extensions. It is not asked if the request has a
    /// [`PeerAddr`](crate::engine::PeerAddr). If it panics, the request is answered 500, and the log says so.
    ///
    /// ```
    /// use std::net::SocketAddr;
    /// # #[derive(Clone)]
    /// # struct ConnectInfo<T>(T);
    ///
    /// // `ConnectInfo` is axum's. With `app.into_make_service_with_connect_info::<SocketAddr>()`.
    /// let io = koio::Io::new().peer_address(|parts| {
    ///     let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    ///     info.map(|info| info.0)
    /// });
    /// ```
    pub fn peer_address(
        mut self,
        address: impl Fn(&Parts) -> Option<SocketAddr> + Send + Sync + 'static,
    ) -> Self {
        self.rules.peer = Some(Box::new(address));
        self
    }

    /// Keeps what a middleware of another server has put into the extensions of a request, for
    /// [`Handshake::extension`](crate::Handshake::extension). Each type is named once; without it nothing is kept, since the
    /// extensions of a server hold buffers that an idle connection should not keep.
    ///
    /// ```
    /// # use koio::{Context, Error, Io, Result};
    /// #[derive(Clone)]
    /// struct User(String);
    ///
    /// async fn who(ctx: Context) -> Result<String> {
    ///     let user = ctx.handshake().extension::<User>();
    ///     user.map(|user| user.0.clone()).ok_or_else(|| Error::new("unauthorized", "log in"))
    /// }
    /// let io = Io::new().keep_extension::<User>();
    /// ```
    pub fn keep_extension<T: Clone + Send + Sync + 'static>(mut self) -> Self {
        self.rules.keep_extension::<T>();
        self
    }

    /// Lets pages in by a function of yours: it gets the origin, as the browser has sent it, and the head of the request.
    ///
    /// It is asked for each request of a page that is neither of the same host nor
    /// [listed](Self::allow_origin), preflights included. It must not block. If it panics, the request is answered 500, and the log
    /// says so.
    ///
    /// ```
    /// // Previews, each on a host of its own.
    /// let io = koio::Io::new().allow_origin_if(|origin, _| {
    ///     let host = origin.strip_prefix("https://");
    ///     host.is_some_and(|host| host.ends_with(".preview.example.com"))
    /// });
    /// ```
    pub fn allow_origin_if(
        mut self,
        allows: impl Fn(&str, &Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.rules.origin_predicate = Some(Box::new(allows));
        self
    }

    /// Whether pages that are let in get CORS headers. Default yes. Without them koio checks origins and answers no
    /// preflight, for programs in which another layer (tower-http's `CorsLayer`) writes these headers: twice in one answer, a
    /// browser refuses them.
    pub fn cors_headers(mut self, sent: bool) -> Self {
        self.rules.origins.cors_headers(sent);
        self
    }

    /// Adds headers to the answer to each handshake: to that of a polling client's first GET, and to the 101 of a WebSocket
    /// that opens a session. Named as the event of Engine.IO.
    ///
    /// The function gets the head of the request, and an empty map. A header in it replaces koio's of the same name; but
    /// `Set-Cookie` and `Vary` are added, and those that say how the answer is read (`Connection`, `Content-Encoding`,
    /// `Content-Length`, `Content-Type`, `Sec-WebSocket-Accept`, `Sec-WebSocket-Extensions`, `Transfer-Encoding`, `Upgrade`) stay
    /// koio's. It must not block. It is called ahead of the session: if it panics, none is opened, the handshake is answered 500,
    /// and the log says so.
    ///
    /// ```
    /// use http::HeaderValue;
    ///
    /// let io = koio::Io::new().initial_headers(|_, headers| {
    ///     headers.insert("x-served-by", HeaderValue::from_static("node-1"));
    /// });
    /// ```
    pub fn initial_headers(
        mut self,
        add: impl Fn(&Parts, &mut HeaderMap) + Send + Sync + 'static,
    ) -> Self {
        self.rules.initial_headers = Some(Box::new(add));
        self
    }

    /// Adds headers to each answer of koio's: to polls, POSTs, the 101 of a WebSocket, preflights and refusals. The event `headers`
    /// of Engine.IO, which leaves refusals out.
    ///
    /// The function gets the head of the request, and an empty map, which counts as in [`initial_headers`](Self::initial_headers). It
    /// must not block; if it panics, the request is answered 500 without them, and the log says so. What answers a request that can't
    /// be read, or that is longer than it may be, has none of them.
    ///
    /// With it, requests no longer take the short way past hyper (`koio/docs/performance.md`): long-polling costs about half as much
    /// again. A WebSocket is not slower, once it is open.
    ///
    /// ```
    /// use http::{HeaderValue, header::STRICT_TRANSPORT_SECURITY};
    ///
    /// let io = koio::Io::new().headers(|_, headers| {
    ///     headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000"));
    /// });
    /// ```
    pub fn headers(mut self, add: impl Fn(&Parts, &mut HeaderMap) + Send + Sync + 'static) -> Self {
        self.rules.headers = Some(Box::new(add));
        self
    }

    /// Puts a tower layer around each HTTP request under koio's path, handshakes of WebSockets included: what `io.engine.use(fn)` is
    /// in Socket.IO. The first is the outermost. [`layer`](Self::layer) is the one around events.
    ///
    /// It is for koio's own listener, and works inside other servers too, where a layer of theirs around
    /// [`into_layer`](Self::into_layer) does the same. What is [attached](Self::attach) beside koio has layers of its own. What a
    /// layer puts into the extensions of a request is kept for handlers with [`keep_extension`](Self::keep_extension), and
    /// [`allow_request`](Self::allow_request) sees it; the address of the client is there as [`PeerAddr`](crate::engine::PeerAddr).
    ///
    /// A poll waits for as long as nothing is sent: a timeout below [`ping_interval`](Self::ping_interval) ends sessions, and so
    /// does a layer that drops the answer to a poll. An error of a layer is answered 503 if it is tower's timeout or load shedding,
    /// 500 otherwise.
    ///
    /// With a layer, requests no longer take the short way past hyper (`koio/docs/performance.md`): long-polling costs about half as
    /// much again. A WebSocket is not slower, once it is open.
    ///
    /// ```
    /// use http::{HeaderValue, Response};
    /// use tower::ServiceBuilder;
    ///
    /// // As helmet does it.
    /// let io = koio::Io::new().http_layer(
    ///     ServiceBuilder::new().map_response(|mut response: Response<koio::server::HttpBody>| {
    ///         let nosniff = HeaderValue::from_static("nosniff");
    ///         response.headers_mut().insert("x-content-type-options", nosniff);
    ///         response
    ///     }),
    /// );
    /// ```
    pub fn http_layer<L, B>(mut self, layer: L) -> Self
    where
        L: Layer<HttpPipeline> + Send + 'static,
        L::Service:
            Service<Request<RequestBody>, Response = Response<B>> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request<RequestBody>>>::Error: Into<BoxError>,
        <L::Service as Service<Request<RequestBody>>>::Future: Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.http_layers
            .push(Box::new(move |inner| HttpPipeline::new(layer.layer(inner))));
        self
    }

    /// What CORS headers say to the pages of other origins that are [let in](Self::allow_origin): own headers on requests and
    /// answers, how long a preflight is valid, cookies. Without it they say what [`Cors::new`] says.
    ///
    /// One without a page that it is for, or that contradicts the origins, is an error at the start.
    #[track_caller]
    pub fn cors(mut self, cors: Cors) -> Self {
        self.cors_at = Some(Location::caller());
        self.rules.cors = Some(cors);
        self
    }

    /// Whether sessions over polling may move to WebSocket. Default yes; see
    /// [`EngineConfig::allow_upgrades`](crate::engine::EngineConfig::allow_upgrades).
    #[track_caller]
    pub fn allow_upgrades(self, allowed: bool) -> Self {
        self.config(|config| config.engine.allow_upgrades = allowed)
    }

    /// Makes the ids of sessions by a function of yours: Engine.IO's `generateId`, for a balancer that reads in them which node has a
    /// session. The function gets the head of the handshake and a random id to make one of. Ids of sockets are others, but for
    /// [revision 3](Self::allow_eio3).
    ///
    /// **An id is a secret.** Whoever knows it reads and writes what its session does over polling. Leave at least 22 of the random
    /// characters in, and never make one of what a client sends, or of a number that counts.
    ///
    /// An id has as many characters as the random one, 32: letters and digits of ASCII, `-` and `_`. With any other, or that of a
    /// session that is there, the handshake is refused (400, `Bad request`), and the log says why. It must not block; if
    /// it panics, the handshake is answered 500, and the log says so.
    ///
    /// A client of [revision 3](Self::allow_eio3) takes its session's id for that of its socket. The random one has 19 characters
    /// then, of which at least 13 are to be left in, and koio puts a `_` before what the function makes of it: `_node7_..`. Rooms
    /// and other nodes know the socket by it, so make each id once.
    ///
    /// ```
    /// let io = koio::Io::new().generate_id(|_, random| format!("node7_{}", &random[6..]));
    /// ```
    pub fn generate_id(
        mut self,
        make: impl Fn(&Parts, &str) -> String + Send + Sync + 'static,
    ) -> Self {
        self.rules.new_id = Some(Box::new(make));
        self
    }

    /// Sets a cookie with the session's id at each handshake over long-polling, for a balancer that keeps the requests of a
    /// session on one server by it: `io=<id>; Path=/; HttpOnly; SameSite=Lax` for the name `io`. Off by default, as in
    /// Socket.IO 4. A WebSocket that opens a session needs none: it stays where it is.
    ///
    /// A name or attributes that no cookie can have are an error at the start.
    #[track_caller]
    pub fn cookie(mut self, cookie: impl Into<SessionCookie>) -> Self {
        let cookie = cookie.into();
        let shown = format!("{cookie:?}");
        self.note_invalid(cookie.check(), "is no cookie", &shown, "`io`");
        self.rules.cookie = Some(cookie);
        self
    }

    /// Keeps the first mistake for the start.
    #[track_caller]
    pub(super) fn note_invalid<E: fmt::Display>(
        &mut self,
        result: Result<(), E>,
        what: &str,
        given: &str,
        example: &str,
    ) {
        if let Err(why) = result {
            let location = Location::caller();
            self.invalid_rule.get_or_insert_with(|| {
                format!("`{given}` {what}: {why} ({location}). Right is {example}, for example")
            });
        }
    }
}
