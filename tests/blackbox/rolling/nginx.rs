//! nginx in front of two servers.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};

use super::Folder;
use crate::programs::{Program, free_addr, listens};

pub(crate) const NGINX: Program = Program("nginx");

/// It runs until this is dropped.
pub(crate) struct Nginx {
    child: Child,
    pub(crate) addr: SocketAddr,
}

impl Nginx {
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
        let child = NGINX
            .command()
            .arg("-c")
            .arg(&file)
            .stderr(log)
            .spawn()
            .expect("nginx");
        listens(&NGINX, addr).await;
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
