//! The file that outlives the server: a line of JSON for each message.

use crate::message::Kept;
use base64::{Engine as _, prelude::BASE64_STANDARD as BASE64};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Result, Write};
use std::path::{Path, PathBuf};

const MUCH: usize = 100_000_000; // bytes

pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    written: usize,
}

impl Journal {
    /// Gives every message to `keep`. The file is locked, so that a second server finds out before it does harm.
    pub(crate) fn open(path: &Path, mut keep: impl FnMut(Kept)) -> Result<Self> {
        let mut options = File::options();
        let file = options.read(true).append(true).create(true).open(path)?;
        file.try_lock()?;
        for line in BufReader::new(&file).split(b'\n').skip(1) {
            match serde_json::from_slice(&line?) {
                Ok(kept) => keep(kept),
                Err(error) => eprintln!("a damaged line of the history is skipped: {error}"),
            }
        }
        let path = path.to_owned();
        Ok(Self {
            path,
            file,
            written: 0,
        })
    }

    /// Whether there may be much in it that is not kept any more.
    pub(crate) fn is_long(&self) -> bool {
        self.written >= MUCH
    }

    /// A new file in the old one's place, with these messages and no others.
    pub(crate) fn rewrite<'a>(&mut self, all: impl Iterator<Item = &'a Kept>) -> Result<()> {
        let path = self.path.with_added_extension("new");
        let mut file = File::create(&path)?;
        file.try_lock()?;
        #[cfg(unix)] // what is private, and the keys, are for nobody else on the machine
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        for kept in all {
            file.write_all(&line(kept)?)?;
        }
        fs::rename(path, &self.path)?;
        (self.file, self.written) = (file, 0);
        Ok(())
    }

    /// What is written outlives this process. It does not outlive the machine: that would take `sync_data`, and a
    /// thread that may wait for a disk. Handing a line to the operating system takes microseconds, and an image a
    /// millisecond.
    pub(crate) fn write(&mut self, kept: &Kept) -> Result<()> {
        let line = line(kept)?;
        self.written += line.len();
        self.file.write_all(&line)
    }
}

/// The line break comes first, so that half a line, which a full disk may leave, spoils no other.
fn line(kept: &Kept) -> Result<Vec<u8>> {
    let mut line = vec![b'\n'];
    kept.serialize(&mut Serializer::with_formatter(&mut line, Base64))?;
    Ok(line)
}

/// JSON as usual, but bytes are base64.
struct Base64;

impl Formatter for Base64 {
    fn write_byte_array<W: Write + ?Sized>(&mut self, to: &mut W, bytes: &[u8]) -> Result<()> {
        write!(to, "\"{}\"", BASE64.encode(bytes))
    }
}
