//! Programs of the system that tests start: nginx, NATS, Redis.

use std::env;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use koio_tests::until_async;
use tokio::net::TcpStream;

/// A program that says its version with `-v`, or with `--version`.
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
        let says = |path: &str, flag| {
            let version = Command::new(path)
                .arg(flag)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            version.is_ok_and(|status| status.success())
        };
        paths
            .into_iter()
            .find(|path| says(path, "-v") || says(path, "--version"))
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
    let what = format!("{} to listen", program.0);
    until_async(&what, async || TcpStream::connect(addr).await.is_ok()).await;
}

/// A Redis or a NATS, which runs until this is dropped.
pub(crate) struct BrokerProcess {
    program: &'static Program,
    pub(crate) addr: SocketAddr,
    options: Vec<String>,
    child: Child,
}

impl BrokerProcess {
    /// Starts it on an address of its own, which it takes by the option `ip` and by `--port`.
    pub(crate) async fn start(program: &'static Program, ip: &str, options: &[&str]) -> Self {
        let addr = free_addr();
        let (own_ip, port) = (addr.ip().to_string(), addr.port().to_string());
        let own = [ip, &own_ip, "--port", &port];
        let options: Vec<_> = own
            .iter()
            .chain(options)
            .map(|&option| option.to_owned())
            .collect();
        let broker = Self {
            program,
            addr,
            child: Self::spawn(program, &options),
            options,
        };
        listens(program, addr).await;
        broker
    }

    fn spawn(program: &Program, options: &[String]) -> Child {
        program
            .command()
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect(program.0)
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the broker's end");
        self.child.wait().expect("the broker's end");
    }

    /// Starts it again, on the same address.
    pub(crate) async fn restart(&mut self) {
        self.child = Self::spawn(self.program, &self.options);
        listens(self.program, self.addr).await;
    }
}

impl Drop for BrokerProcess {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
