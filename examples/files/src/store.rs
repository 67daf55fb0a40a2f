//! The files: who sent them, where they are, how much room they take.

use std::{
    collections::HashMap,
    env, fs,
    io::SeekFrom,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use koio::{Bytes, Error, Result, SocketId, ensure};
use tokio::{
    fs::OpenOptions,
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
};

use crate::{ALL, CHUNK};

pub(crate) struct Store {
    folder: PathBuf,
    files: Mutex<HashMap<String, Arc<File>>>,
    used: Arc<AtomicU64>,
}

/// A file that is there, or on its way.
pub(crate) struct File {
    pub(crate) owner: SocketId,
    path: PathBuf,
    size: u64,
    /// Written by the owner alone, whose events are handled one at a time.
    received: AtomicU64,
    used: Arc<AtomicU64>,
}

impl Store {
    pub(crate) fn new() -> Result<Self> {
        let folder = env::temp_dir().join(format!("koio-files-{}", random()?));
        fs::create_dir(&folder)?;
        Ok(Self {
            folder,
            files: Mutex::default(),
            used: Arc::default(),
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps room for a file, and returns its id.
    pub(crate) async fn reserve(&self, owner: SocketId, size: u64) -> Result<String> {
        let id = random()?;
        let (path, room) = (self.folder.join(&id), room(size));
        let fits = |used: u64| Some(used + room).filter(|used| *used <= ALL);
        let reserved = self.used.fetch_update(Relaxed, Relaxed, fits);
        ensure!(
            reserved.is_ok(),
            "full",
            "there is no room; try again later"
        );
        let file = File {
            owner,
            path,
            size,
            received: AtomicU64::new(0),
            used: Arc::clone(&self.used),
        };
        tokio::fs::File::create_new(&file.path).await?;
        self.files().insert(id.clone(), Arc::new(file));
        Ok(id)
    }

    pub(crate) fn find(&self, id: &str) -> Result<Arc<File>> {
        let file = self.files().get(id).cloned();
        file.ok_or_else(|| Error::new("no_file", "there is no such file"))
    }

    pub(crate) fn remove_all_of(&self, owner: SocketId) {
        // Dropped when the lock is free again: that is when they are removed.
        let is_theirs = |_: &String, file: &mut Arc<File>| file.owner == owner;
        let _gone: Vec<_> = self.files().extract_if(is_theirs).collect();
    }

    fn files(&self) -> MutexGuard<'_, HashMap<String, Arc<File>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl File {
    /// Writes the next bytes, and returns how many there are then.
    pub(crate) async fn append(&self, bytes: &Bytes) -> Result<u64> {
        let at = self.received.load(Relaxed);
        let received = at + bytes.len() as u64;
        ensure!(
            received <= self.size,
            "too_much",
            "the file was to have {} bytes",
            self.size
        );
        let mut file = OpenOptions::new().write(true).open(&self.path).await?;
        // Not at its end: a write that failed may have left something there.
        file.seek(SeekFrom::Start(at)).await?;
        file.write_all(bytes).await?;
        file.flush().await?;
        self.received.store(received, Relaxed);
        Ok(received)
    }

    /// A chunk of what has been received.
    pub(crate) async fn read(&self, at: u64) -> Result<Bytes> {
        let left = self.received.load(Relaxed).saturating_sub(at);
        let mut bytes = vec![0; left.min(CHUNK as u64) as usize];
        let mut file = tokio::fs::File::open(&self.path).await?;
        file.seek(SeekFrom::Start(at)).await?;
        file.read_exact(&mut bytes).await?;
        Ok(bytes.into())
    }
}

/// The file goes with whoever uses it last, and its room is free again.
impl Drop for File {
    fn drop(&mut self) {
        // If it can't be removed now, it goes with the folder.
        let _ = fs::remove_file(&self.path);
        self.used.fetch_sub(room(self.size), Relaxed);
    }
}

/// Small files take the room of a chunk, so that there can't be very many of them.
fn room(size: u64) -> u64 {
    size.max(CHUNK as u64)
}

fn random() -> Result<String> {
    Ok(format!(
        "{:016x}{:016x}",
        getrandom::u64()?,
        getrandom::u64()?
    ))
}
