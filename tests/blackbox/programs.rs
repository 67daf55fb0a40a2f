//! Programs of the system that tests start: nginx, NATS, Redis.

use std::env;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use koio_tests::within;
use tokio::net::TcpStream;

/// A program that says its version with `-v`.
pub(crate) struct Program(pub(crate) &'static str);

impl Program {
    /// How it is started.
    pub(crate) fn command(&self) -> Command {
        Command::new(self.path().expect(self.0))
    }

    /// Whether it is installed. If not, the test says that it is left out, unless nothing may be.
    pub(crate) fn is_there(&self) -> bool {
        let name = self.0;
        if self.path().is_some() {
            return true;
        }
        assert!(
            env::var_os("KOIO_TESTS_RUN").is_none(),
            "{name} is not installed"
        );
        // Not `eprintln!`, which the test runner would keep to itself.
        let mut stderr = std::io::stderr().lock();
        writeln!(stderr, "\nLEFT OUT: {name}, which is not installed.\n").ok();
        false
    }

    /// In the path, or where Debian puts it: not every user has that in the path.
    fn path(&self) -> Option<String> {
        let paths = [self.0.to_owned(), format!("/usr/sbin/{}", self.0)];
        paths.into_iter().find(|path| {
            let version = Command::new(path)
                .arg("-v")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            version.is_ok_and(|status| status.success())
        })
    }
}

/// An address that was free a moment ago, for a program that can't say which one it took. Its port is below those that the system
/// gives to connections and to listeners on port 0, so that no other test gets it before the program binds it.
pub(crate) fn free_addr() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = std::process::id() % 20_000;
    let free = (0..20_000).find_map(|_| {
        let offset = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 10_000 + (first + offset) % 20_000;
        let addr = SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).expect("a port")));
        TcpListener::bind(addr).is_ok().then_some(addr)
    });
    free.expect("a port")
}

/// Waits until the program listens there.
pub(crate) async fn listens(program: &Program, addr: SocketAddr) {
    let listening = async {
        while TcpStream::connect(addr).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(&format!("{} to listen", program.0), listening).await;
}
