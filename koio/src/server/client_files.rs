//! The browser client, served beside the sessions.

use super::Io;
use crate::transport::ClientFiles;

impl Io {
    /// Serves the files of the browser client below koio's path, so that `<script src="/socket.io/socket.io.js">` is all that a page
    /// needs: Socket.IO's `serveClient`. Off by default, since the files are not a part of koio.
    ///
    /// Takes a directory with the official bundle, or [`ClientFiles`].
    ///
    /// ```no_run
    /// # use koio::{Io, Result};
    /// # #[tokio::main]
    /// # async fn main() -> Result<()> {
    /// Io::new()
    ///     .serve_client("node_modules/socket.io/client-dist")
    ///     .listen("127.0.0.1:3000")
    ///     .await
    /// # }
    /// ```
    ///
    /// The files are read here, once, and answered from memory to GET and HEAD; the query is ignored. `Cache-Control: public,
    /// max-age=0` and an `ETag` of the content let a browser ask whether its copy is the newest, which is answered 304. What is not
    /// there is answered 404, if its name ends with `.js`, `.mjs` or `.map`; every other request is for the sessions, as without the
    /// files.
    ///
    /// With the feature `compression` a file is compressed, once, for browsers that take gzip or deflate, whatever
    /// `Io::http_compression` says of the answers to polls.
    ///
    /// Every page may load the files, as it may load them from any other place. Pages of another origin that read them (`import`, or
    /// `crossorigin`) must be [let in](Self::allow_origin), as they must to connect.
    ///
    /// A directory without all eight files of the bundle, and a name that no file can have, are an error at the start that names
    /// the file and the directory.
    #[track_caller]
    pub fn serve_client(mut self, files: impl Into<ClientFiles>) -> Self {
        let files = files.into();
        let shown = files.shown();
        let loaded = files.load();
        let result = loaded.map(|files| self.rules.client_files = Some(files));
        self.note_invalid(
            result,
            "has not the files of the client",
            &shown,
            "`node_modules/socket.io/client-dist`",
        );
        self
    }
}
