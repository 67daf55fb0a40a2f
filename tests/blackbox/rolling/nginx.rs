//! nginx in front of two servers.

use std::env;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use koio_tests::within;
use tokio::net::TcpStream;

use super::{Folder, free_port};

/// Where Debian puts it: not every user has that in the path.
const PROGRAMS: [&str; 2] = ["nginx", "/usr/sbin/nginx"];

/// It runs until this is dropped.
pub(crate) struct Nginx {
    child: Child,
    pub(crate) addr: SocketAddr,
}

fn program() -> Option<&'static str> {
    PROGRAMS.into_iter().find(|program| {
        let version = Command::new(program)
            .arg("-v")
            .stderr(Stdio::null())
            .status();
        version.is_ok_and(|status| status.success())
    })
}

/// Where it may listen.
pub(crate) fn free_addr() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

impl Nginx {
    /// Whether it is installed. If not, the test says that it is left out, unless nothing may be.
    pub(crate) fn is_there() -> bool {
        if program().is_some() {
            return true;
        }
        assert!(
            env::var_os("KOIO_TESTS_RUN").is_none(),
            "nginx is not installed"
        );
        let mut stderr = std::io::stderr().lock();
        writeln!(
            stderr,
            "\nLEFT OUT: koio behind nginx, which is not installed.\n"
        )
        .ok();
        false
    }

    /// Starts it in front of these servers. Each user's requests go to one of them, and to the other if that is gone or
    /// shuts down.
    pub(super) async fn start(folder: &Folder, servers: [SocketAddr; 2], keepalive: bool) -> Self {
        let addr = free_addr();
        let [one, other] = servers;
        let upgraded = "proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;";
        let locations = if keepalive {
            format!("location / {{ proxy_pass http://koio; {upgraded} }}")
        } else {
            format!(
                "location / {{
                  if ($http_upgrade) {{ rewrite ^ /upgrade$uri last; }}
                  proxy_pass http://koio;
                }}
                location /upgrade/ {{
                  internal;
                  rewrite ^/upgrade(/.*) $1 break;
                  proxy_pass http://koio;
                  {upgraded}
                }}"
            )
        };
        let pool = if keepalive { "keepalive 64;" } else { "" };
        let http = format!(
            "map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
            upstream koio {{
              hash $arg_user;
              server {one} max_fails=0; server {other} max_fails=0;
              {pool}
            }}
            proxy_next_upstream error timeout http_503;
            server {{
              listen {addr} backlog=4096;
              {locations}
            }}"
        );
        Self::with(folder.path(), addr, &http).await
    }

    /// Starts it with this `http` block, in which it listens on `addr`. Its files are in `folder`.
    pub(crate) async fn with(folder: &Path, addr: SocketAddr, http: &str) -> Self {
        let path = folder.display();
        let config = format!(
            "daemon off; pid {path}/nginx.pid; error_log {path}/error.log;
            events {{ worker_connections 8192; }}
            http {{
              access_log off;
              client_body_temp_path {path}/body; proxy_temp_path {path}/proxy;
              fastcgi_temp_path {path}/fastcgi; uwsgi_temp_path {path}/uwsgi; scgi_temp_path {path}/scgi;
              {http}
            }}"
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, config).expect("a file");
        let log = fs::File::create(folder.join("output")).expect("a file");
        let child = Command::new(program().expect("nginx"))
            .arg("-c")
            .arg(&file)
            .stderr(log)
            .spawn()
            .expect("nginx");
        let listening = async {
            while TcpStream::connect(addr).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        within("nginx to listen", listening).await;
        Self { child, addr }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its master process ends the workers.
        let quit = format!("kill -TERM {}", self.child.id());
        Command::new("sh").args(["-c", &quit]).status().ok();
        self.child.wait().ok();
    }
}
