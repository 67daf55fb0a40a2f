//! The files of the browser client, below the path of the server.
//!
//! All are in memory, under the names that were given to them. A request names one of these or gets nothing: no part of a
//! request reaches the file system.

use std::{
    borrow::Cow,
    ffi::OsString,
    fmt, io,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
};

use super::{
    Body,
    coding::{ContentCoding, vary},
    compression::compress,
    refusal::is_script,
    response,
};

/// The bundle of Socket.IO's client, as the packages `socket.io` (`client-dist`) and `socket.io-client` (`dist`) have it.
const BUNDLE: [&str; 8] = [
    "socket.io.js",
    "socket.io.js.map",
    "socket.io.min.js",
    "socket.io.min.js.map",
    "socket.io.esm.min.js",
    "socket.io.esm.min.js.map",
    "socket.io.msgpack.min.js",
    "socket.io.msgpack.min.js.map",
];

/// Bytes that a file of a directory may have. Those of Socket.IO 4.8 have 450 kB at most.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// zlib's usual level: each file is compressed once.
const LEVEL: u32 = 6;

/// The files of the browser client that a server has below its path: see [`Io::serve_client`](crate::Io::serve_client).
///
/// A directory with the official bundle, which is read once; or files that are in the program, for a server that is one binary;
/// or both.
///
/// ```
/// use koio::config::ClientFiles;
///
/// # const BUNDLE: &[u8] = b"..";
/// // const BUNDLE: &[u8] = include_bytes!("../assets/socket.io.min.js");
/// let files = ClientFiles::new().file("socket.io.min.js", BUNDLE);
/// let io = koio::Io::new().serve_client(files);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "files are served by the server that they are given to"]
pub struct ClientFiles {
    dir: Option<PathBuf>,
    files: Vec<(String, Cow<'static, [u8]>)>,
}

impl ClientFiles {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// The official bundle in a directory: `node_modules/socket.io/client-dist`, `node_modules/socket.io-client/dist`, or a copy
    /// of one. These are `socket.io.js`, `socket.io.min.js`, `socket.io.esm.min.js`, `socket.io.msgpack.min.js`, and a `.map` of
    /// each; other files of the directory are not served. A relative path begins at the directory in which the program runs.
    ///
    /// [`Io::serve_client`](crate::Io::serve_client) reads them into memory, 2 MB for Socket.IO 4.8. A file that is missing, can't
    /// be read or has more than 16 MiB is an error at the start. A directory with less than the bundle is served file by file:
    /// see [`file`](Self::file).
    pub fn from_dir(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: Some(dir.into()),
            files: Vec::new(),
        }
    }

    /// One more file: its name below the path of the server, and its content. The name has letters, digits, `.`, `-` and `_`, and
    /// ends with `.js`, `.mjs` or `.map`; any other is an error at the start. Of two files of a name the last counts.
    pub fn file(mut self, name: impl Into<String>, content: impl Into<Cow<'static, [u8]>>) -> Self {
        self.files.push((name.into(), content.into()));
        self
    }

    /// What the start calls it, if something is wrong.
    pub(crate) fn shown(&self) -> String {
        match &self.dir {
            Some(dir) => {
                let absolute = std::path::absolute(dir);
                absolute.as_ref().unwrap_or(dir).display().to_string()
            }
            None => "ClientFiles".to_owned(),
        }
    }

    /// Reads the directory, and checks everything.
    pub(crate) fn load(self) -> Result<ServedFiles, BadClientFiles> {
        let mut served = ServedFiles(Vec::new());
        if let Some(dir) = &self.dir {
            for (name, content) in read_bundle(dir)? {
                served.add(ServedFile::new(name.to_owned(), content));
            }
        }
        for (name, content) in self.files {
            if !is_file_name(&name) {
                return Err(BadClientFiles::Name(name));
            }
            let content = match content {
                Cow::Borrowed(content) => Bytes::from_static(content),
                Cow::Owned(content) => content.into(),
            };
            served.add(ServedFile::new(name, content));
        }
        if served.0.is_empty() {
            return Err(BadClientFiles::None);
        }
        Ok(served)
    }
}

impl From<PathBuf> for ClientFiles {
    fn from(dir: PathBuf) -> Self {
        Self::from_dir(dir)
    }
}

impl From<&Path> for ClientFiles {
    fn from(dir: &Path) -> Self {
        Self::from_dir(dir)
    }
}

impl From<OsString> for ClientFiles {
    fn from(dir: OsString) -> Self {
        Self::from_dir(dir)
    }
}

impl From<&str> for ClientFiles {
    fn from(dir: &str) -> Self {
        Self::from_dir(dir)
    }
}

impl From<String> for ClientFiles {
    fn from(dir: String) -> Self {
        Self::from_dir(dir)
    }
}

/// Why files can't be served.
#[derive(Debug)]
pub(crate) enum BadClientFiles {
    None,
    Name(String),
    /// They are not in the directory.
    Missing(Vec<&'static str>),
    Unreadable(&'static str, io::Error),
    TooLong {
        name: &'static str,
        bytes: u64,
    },
}

impl fmt::Display for BadClientFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("there is no file in it"),
            Self::Name(name) => write!(
                f,
                "`{}` is no name: it has letters, digits, `.`, `-` and `_`, and ends with `.js`, `.mjs` or `.map`",
                name.escape_debug()
            ),
            Self::Missing(names) => write!(
                f,
                "{} {} not there. Fewer than the {} of the bundle are served by `ClientFiles::file`",
                names.join(", "),
                if names.len() == 1 { "is" } else { "are" },
                BUNDLE.len()
            ),
            Self::Unreadable(name, error) => write!(f, "{name} can't be read: {error}"),
            Self::TooLong { name, bytes } => {
                write!(f, "{name} has {bytes} bytes, and may have {MAX_FILE}")
            }
        }
    }
}

fn read_bundle(dir: &Path) -> Result<Vec<(&'static str, Bytes)>, BadClientFiles> {
    let mut files = Vec::new();
    let mut missing = Vec::new();
    for name in BUNDLE {
        match read(&dir.join(name)) {
            Ok(Ok(content)) => files.push((name, content)),
            Ok(Err(bytes)) => return Err(BadClientFiles::TooLong { name, bytes }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(name),
            Err(error) => return Err(BadClientFiles::Unreadable(name, error)),
        }
    }
    if missing.is_empty() {
        Ok(files)
    } else {
        Err(BadClientFiles::Missing(missing))
    }
}

/// A file, or its length if that is above the limit.
fn read(file: &Path) -> io::Result<Result<Bytes, u64>> {
    let bytes = std::fs::metadata(file)?.len();
    if bytes > MAX_FILE {
        return Ok(Err(bytes));
    }
    std::fs::read(file).map(|content| Ok(content.into()))
}

fn is_file_name(name: &str) -> bool {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    is_script(name) && !name.starts_with('.') && name.bytes().all(in_name)
}

/// Files in memory, by their names.
#[derive(Debug)]
pub(crate) struct ServedFiles(Vec<ServedFile>);

#[derive(Debug)]
struct ServedFile {
    name: String,
    content: Bytes,
    /// A hash of the content, in hexadecimal.
    tag: String,
    /// Compressed by gzip and by zlib, when that is first asked for; `None` if it would not be shorter.
    compressed: [OnceLock<Option<Bytes>>; 2],
}

impl ServedFiles {
    fn add(&mut self, file: ServedFile) {
        self.0.retain(|other| other.name != file.name);
        self.0.push(file);
    }

    /// The answer to a request for what is `below` the path of the server, without the slash. `None` if it is for no file.
    pub(super) fn answer(
        &self,
        method: &Method,
        below: &str,
        headers: &HeaderMap,
    ) -> Option<Response<Body>> {
        if !is_script(below) || !matches!(*method, Method::GET | Method::HEAD) {
            return None;
        }
        let file = self.0.iter().find(|file| file.name == below);
        let Some(file) = file else {
            return Some(response::text(
                StatusCode::NOT_FOUND,
                "Not Found".to_owned(),
            ));
        };
        Some(file.answer(*method == Method::HEAD, headers))
    }
}

impl ServedFile {
    fn new(name: String, content: Bytes) -> Self {
        Self {
            tag: tag(&content),
            name,
            content,
            compressed: [const { OnceLock::new() }; 2],
        }
    }

    fn compressed(&self, coding: ContentCoding) -> Option<&Bytes> {
        let [gzip, deflate] = &self.compressed;
        let once = match coding {
            ContentCoding::Gzip => gzip,
            ContentCoding::Deflate => deflate,
        };
        let compressed = once.get_or_init(|| compress(coding, LEVEL, &self.content));
        compressed.as_ref()
    }

    fn answer(&self, is_head: bool, asked: &HeaderMap) -> Response<Body> {
        let wanted = ContentCoding::wanted_by(asked);
        let compressed = wanted.and_then(|coding| Some((coding, self.compressed(coding)?)));
        let etag = match compressed {
            // RFC 9110 section 8.8.3: what is compressed is another representation.
            Some((coding, _)) => format!("\"{}-{coding}\"", self.tag),
            None => format!("\"{}\"", self.tag),
        };
        let content = compressed.map_or(&self.content, |(_, content)| content);
        let mut answer = Response::new(Body::empty());
        if is_known(&etag, asked) {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            let content_type = if self.name.ends_with(".map") {
                "application/json; charset=utf-8"
            } else {
                "application/javascript; charset=utf-8"
            };
            let headers = answer.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            if let Some((coding, _)) = compressed {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
            }
            if is_head {
                headers.insert(CONTENT_LENGTH, content.len().into());
            } else {
                *answer.body_mut() = content.clone().into();
            }
        }
        let headers = answer.headers_mut();
        // A page asks each time whether its copy is the newest.
        let always_asked = HeaderValue::from_static("public, max-age=0");
        headers.insert(CACHE_CONTROL, always_asked);
        if let Ok(etag) = HeaderValue::try_from(etag) {
            headers.insert(ETAG, etag);
        }
        if cfg!(feature = "compression") {
            vary(headers);
        }
        answer
    }
}

/// The tag of a content: the same on every server, whichever version of the client says that it is.
fn tag(content: &[u8]) -> String {
    // FNV-1a. Nobody but the operator chooses the contents, so nobody makes two of one tag.
    let hash = content
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016x}")
}

/// Whether the client says that it has the content of this tag (RFC 9110 section 13.1.2).
fn is_known(etag: &str, headers: &HeaderMap) -> bool {
    headers.get_all(IF_NONE_MATCH).iter().any(|value| {
        let mut tags = value.as_bytes().split(|byte| *byte == b',');
        tags.any(|tag| {
            let tag = tag.trim_ascii();
            tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag.as_bytes()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> ServedFiles {
        let files = ClientFiles::new().file("socket.io.js", b"hello");
        files.load().unwrap()
    }

    fn status(method: &Method, below: &str) -> Option<u16> {
        let answer = files().answer(method, below, &HeaderMap::new());
        answer.map(|answer| answer.status().as_u16())
    }

    #[test]
    fn a_file_is_answered_to_its_own_name_alone() {
        assert_eq!(status(&Method::GET, "socket.io.js"), Some(200));
        assert_eq!(status(&Method::HEAD, "socket.io.js"), Some(200));
        for below in [
            "other.js",
            "../socket.io.js",
            "./socket.io.js",
            "/socket.io.js",
            "%2e%2e/socket.io.js",
            "socket.io%2ejs.js",
            "SOCKET.IO.js",
            "x/socket.io.js",
        ] {
            assert_eq!(status(&Method::GET, below), Some(404), "{below}");
        }
        for below in ["", "socket.io", "socket.io.js/", "socket.io.js\0", "js"] {
            assert_eq!(status(&Method::GET, below), None, "{below}");
        }
        assert_eq!(status(&Method::POST, "socket.io.js"), None);
    }

    #[test]
    fn a_tag_is_known_alone_in_a_list_weak_and_as_a_star() {
        let etag = "\"a\"";
        for (given, known) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\" , W/\"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static(given));
            assert_eq!(is_known(etag, &headers), known, "{given}");
        }
        assert!(!is_known(etag, &HeaderMap::new()));
    }

    #[test]
    fn a_tag_changes_with_the_content_and_with_nothing_else() {
        assert_eq!(tag(b"hello"), tag(b"hello"));
        assert_eq!(tag(b"a"), "af63dc4c8601ec8c");
        assert_ne!(tag(b"hello"), tag(b"hellp"));
    }

    #[test]
    fn the_last_file_of_a_name_counts() {
        let files = ClientFiles::new().file("a.js", b"old").file("a.js", b"new");
        let served = files.load().unwrap();
        assert_eq!(served.0.len(), 1);
        assert_eq!(served.0[0].content, "new");
    }

    #[test]
    fn what_can_not_be_served_is_told_with_its_reason() {
        let why = |files: ClientFiles| files.load().unwrap_err().to_string();
        assert_eq!(why(ClientFiles::new()), "there is no file in it");
        for name in [
            "", "a", "../a.js", "a/b.js", ".js", "ä.js", "a.js?", "a.css",
        ] {
            let told = why(ClientFiles::new().file(name, b""));
            assert!(told.contains(&format!("`{name}` is no name")), "{told}");
        }
        let told = why("/nowhere".into());
        assert!(
            told.starts_with("socket.io.js, socket.io.js.map,"),
            "{told}"
        );
    }
}
