//! The file that outlives the server: a line of JSON for each message and each login.

use crate::{
    history::{Conversation, Message},
    people::Login,
};
use base64::{Engine as _, prelude::BASE64_STANDARD as BASE64};
use serde::{Deserialize, Serialize};
use serde_json::ser::{Formatter, Serializer};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;

const MUCH: u64 = 64_000_000;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Line {
    Login(Login),
    Message(Conversation, Message),
}

pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    written: u64,
}

impl Journal {
    /// Locked, so that a second server finds out before it can do harm.
    pub(crate) fn open(path: PathBuf, mut take: impl FnMut(Line)) -> io::Result<Self> {
        let file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)?;
        file.try_lock()?;
        for line in BufReader::new(&file).split(b'\n') {
            let line = line?;
            match serde_json::from_slice(&line) {
                Ok(line) => take(line),
                Err(_) if line.is_empty() => {}
                Err(error) => eprintln!("{}: a damaged line is skipped: {error}", path.display()),
            }
        }
        Ok(Self {
            path,
            file,
            written: 0,
        })
    }

    /// Hands a line to the operating system: it survives the end of this process, though not a
    /// power cut (for that, `sync_data`). It takes microseconds, or a millisecond for an image, and so may be
    /// done where no thread should wait for long.
    /// It begins with its line break, so what a failed write has left behind spoils no other line.
    pub(crate) fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut text = vec![b'\n'];
        line.serialize(&mut Serializer::with_formatter(&mut text, Base64))?;
        self.written += text.len() as u64;
        self.file.write_all(&text)
    }

    /// Whether it is worth its while to be written anew.
    pub(crate) fn is_long(&self) -> bool {
        self.written > MUCH
    }

    /// Writes the file anew, with these lines only.
    pub(crate) fn rewrite(&mut self, lines: &[Line]) -> io::Result<()> {
        let path = self.path.with_added_extension("new");
        let file = File::create(&path)?;
        file.try_lock()?;
        let mut new = Self {
            path: self.path.clone(),
            file,
            written: 0,
        };
        for line in lines {
            new.write(line)?;
        }
        fs::rename(path, &self.path)?;
        new.written = 0;
        *self = new;
        Ok(())
    }
}

/// JSON in which bytes are base64.
struct Base64;

impl Formatter for Base64 {
    fn write_byte_array<W: Write + ?Sized>(&mut self, to: &mut W, bytes: &[u8]) -> io::Result<()> {
        write!(to, "\"{}\"", BASE64.encode(bytes))
    }
}
