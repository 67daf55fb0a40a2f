//! Compression of what is answered over HTTP.

use super::Io;
use crate::transport::HttpCompression;

impl Io {
    /// Compresses the answers to polls, for clients whose `Accept-Encoding` asks for gzip or deflate: Socket.IO's `httpCompression`.
    /// Needs the feature `compression`. Off by default.
    ///
    /// ```
    /// use koio::config::HttpCompression;
    ///
    /// let io = koio::Io::new().http_compression(HttpCompression::new().threshold(4096));
    /// ```
    ///
    /// An answer is compressed if it has [`threshold`](HttpCompression::threshold) bytes and gets shorter by it. Weights (`q=`) are
    /// looked at; of two codings that are wanted alike it is gzip. Errors, handshakes and the answers to POSTs are too short to gain,
    /// and stay as they are; a body that a client sends compressed is refused (415), with and without this. WebSockets have nothing
    /// to do with it. An answer is compressed whole, also where the emit of an event in it said
    /// [`compress(false)`](crate::emit::Emit::compress); Node leaves one as it is whose events all say so.
    ///
    /// Node has it on. It is off here because most clients move to a WebSocket, where it changes nothing; because a proxy in front
    /// does it as well; because compressing an answer of 4 KiB takes several times as long as all else that the poll costs; and because
    /// over TLS the length of an answer tells something of a secret in it to who can put words of his own beside that (BREACH).
    ///
    /// No connection keeps anything for it. Each thread that has compressed keeps its compressors, 270 KiB for each coding. An
    /// answer is compressed in one piece, about 10 ms for each megabyte.
    pub fn http_compression(mut self, compression: HttpCompression) -> Self {
        self.rules.compression = Some(compression);
        self
    }
}
