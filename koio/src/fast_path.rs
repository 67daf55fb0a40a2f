//! The fast paths, and the switch that turns them off in a test build.
//!
//! A fast path does what a slower, plainer path does too: its *slow twin*. Each stands behind one function that asks
//! [`FastPath::is_on`] first. In a normal build the answer is a constant, so the question costs nothing. Built with
//! `RUSTFLAGS="--cfg koio_slow_twins"` the slow twins run instead, so that the same test suite covers both; the variable
//! `KOIO_FAST_PATHS` then turns single ones on again (`KOIO_FAST_PATHS=http1,turn_buffer`), to find which one is to blame.

/// One path that exists for speed alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FastPath {
    /// An emitter writes to an idle connection itself. Twin: it queues the frame and wakes the session's task.
    DirectWrite,
    /// Frames that a session sends in its own turn are collected in a thread-local buffer. Twin: the outbox's queue.
    TurnBuffer,
    /// Plain requests are read and answered without hyper. Twin: hyper and the tower service.
    Http1,
    /// A handler without middleware runs without boxed futures. Twin: the onion.
    DirectHandler,
    /// A context without other owners serves the next event of the burst. Twin: a new one for each.
    ContextReuse,
    /// A JSON string without escapes is read and written without serde_json, and so is a placeholder in its usual spelling
    /// read. Twin: serde_json.
    PlainString,
    /// The text of relayed arguments is copied whole. Twin: each argument is written by itself.
    VerbatimArgs,
}

impl FastPath {
    /// Whether this build takes the fast path.
    #[cfg(not(koio_slow_twins))]
    #[inline]
    pub(crate) const fn is_on(self) -> bool {
        true
    }

    /// Whether this run takes the fast path. The variable is read once.
    #[cfg(koio_slow_twins)]
    pub(crate) fn is_on(self) -> bool {
        use std::sync::LazyLock;
        static ON: LazyLock<[bool; FastPath::ALL.len()]> = LazyLock::new(|| {
            let named = std::env::var("KOIO_FAST_PATHS").unwrap_or_default();
            FastPath::ALL.map(|path| named.split(',').any(|name| name == path.name()))
        });
        ON[self as usize]
    }

    /// In the order of their declaration.
    #[cfg(koio_slow_twins)]
    const ALL: [Self; 7] = [
        Self::DirectWrite,
        Self::TurnBuffer,
        Self::Http1,
        Self::DirectHandler,
        Self::ContextReuse,
        Self::PlainString,
        Self::VerbatimArgs,
    ];

    /// Its name in `KOIO_FAST_PATHS`.
    #[cfg(koio_slow_twins)]
    const fn name(self) -> &'static str {
        match self {
            Self::DirectWrite => "direct_write",
            Self::TurnBuffer => "turn_buffer",
            Self::Http1 => "http1",
            Self::DirectHandler => "direct_handler",
            Self::ContextReuse => "context_reuse",
            Self::PlainString => "plain_string",
            Self::VerbatimArgs => "verbatim_args",
        }
    }
}
