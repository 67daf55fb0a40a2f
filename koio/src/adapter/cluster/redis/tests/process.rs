//! A Redis server of the tests' own, and a line to it whose other end can change.

use std::{
    env, fs,
    io::Write as _,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use redis::{FromRedisValue, PushInfo};
use tokio::{io::copy_bidirectional, net::TcpStream, task::JoinHandle};

use super::super::{server::RedisServer, socket::RedisSocket};

/// A server with its files in a folder of its own; both are gone when this is dropped.
pub(super) struct RedisProcess {
    child: Child,
    pub(super) port: u16,
    folder: Folder,
    options: Vec<String>,
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("koio-redis-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Whether the server is installed. If not, the test says that it is left out, unless nothing may be.
pub(super) fn is_there() -> bool {
    let version = Command::new("redis-server")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if version.is_ok_and(|status| status.success()) {
        return true;
    }
    assert!(
        env::var_os("KOIO_TESTS_RUN").is_none(),
        "redis-server is not installed"
    );
    let mut stderr = std::io::stderr().lock();
    writeln!(stderr, "\nLEFT OUT: Redis, which is not installed.\n").ok();
    false
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

impl RedisProcess {
    /// Starts a server with these options beside its own, and waits until it answers.
    pub(super) fn start(options: &[&str]) -> Self {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let (folder, port) = (Folder::new(), free_port());
        let child = spawn(&folder.0, port, &options);
        let process = Self {
            child,
            port,
            folder,
            options,
        };
        process.wait();
        process
    }

    /// Starts what watches over servers, and is none.
    pub(super) fn sentinel() -> Self {
        let (folder, port) = (Folder::new(), free_port());
        let file = folder.0.join("sentinel.conf");
        fs::write(&file, format!("port {port}\nbind 127.0.0.1\n")).expect("a file");
        let child = Command::new("redis-server")
            .arg(file)
            .arg("--sentinel")
            .current_dir(&folder.0)
            .stdout(Stdio::null())
            .stdin(Stdio::null())
            .spawn()
            .expect("redis-server");
        let process = Self {
            child,
            port,
            folder,
            options: Vec::new(),
        };
        process.wait();
        process
    }

    fn wait(&self) {
        let begin = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(20), "Redis starts");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(super) fn unix_socket(&self) -> PathBuf {
        self.folder.0.join("redis.sock")
    }

    /// Ends it as a crash does.
    pub(super) fn kill(&mut self) {
        self.child.kill().expect("the server's end");
        self.child.wait().expect("the server's end");
    }

    /// Starts it again on the same port.
    pub(super) fn restart(&mut self) {
        self.child = spawn(&self.folder.0, self.port, &self.options);
        self.wait();
    }

    pub(super) fn pause(&self) {
        self.signal("-STOP");
    }

    pub(super) fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(status.is_ok_and(|status| status.success()), "{signal}");
    }

    /// Sends one command by a connection of its own.
    pub(super) async fn command<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let server = RedisServer::parse(&self.url()).expect("a URL");
        let within = Duration::from_secs(20);
        let mut socket = RedisSocket::open(&server, None::<fn(PushInfo)>, within)
            .await
            .expect("a connection");
        let (name, arguments) = words.split_first().expect("a command");
        redis::cmd(name)
            .arg(arguments)
            .query_async(&mut socket.commands)
            .await
            .expect("an answer")
    }
}

impl Drop for RedisProcess {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn spawn(folder: &Path, port: u16, options: &[String]) -> Child {
    let log = fs::File::create(folder.join("output")).expect("a file");
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no"])
        .args(["--unixsocket", "redis.sock"])
        .arg("--dir")
        .arg(folder)
        .args(options)
        .current_dir(folder)
        .stdout(log)
        .stdin(Stdio::null())
        .spawn()
        .expect("redis-server")
}

/// A port in front of a server that can change: new connections go to the new one, open ones stay where they are, as with
/// a name that follows the master.
pub(super) struct SwitchedLine {
    pub(super) port: u16,
    target: Arc<AtomicU16>,
    accepting: JoinHandle<()>,
}

impl SwitchedLine {
    pub(super) async fn to(server: &RedisProcess) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let target = Arc::new(AtomicU16::new(server.port));
        let to = Arc::clone(&target);
        let accepting = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let port = to.load(Ordering::Relaxed);
                tokio::spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await {
                        copy_bidirectional(&mut client, &mut server).await.ok();
                    }
                });
            }
        });
        Self {
            port,
            target,
            accepting,
        }
    }

    pub(super) fn switch_to(&self, server: &RedisProcess) {
        self.target.store(server.port, Ordering::Relaxed);
    }
}

impl Drop for SwitchedLine {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
