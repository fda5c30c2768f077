//! Debian's nginx on a free port, with its module for streams, configured as the handbook says. Asserts only that it starts.

use super::debian::Debian;
use super::handbook::{block, with};
use crate::program::{Place, until};
use std::net::SocketAddr;
use std::process;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const CONFIGURATION: &str = "/etc/nginx/modules-enabled/90-drk-relay-host.conf";

/// It runs; ends with the test.
pub(crate) struct Nginx<'a> {
    pub(crate) address: SocketAddr,
    debian: &'a Debian,
    child: Child,
    _place: Place,
}

impl<'a> Nginx<'a> {
    /// As documented.
    pub(crate) async fn start(debian: &'a Debian) -> Nginx<'a> {
        let place = Place::reserve();
        prepare(debian, &with(block(CONFIGURATION), "listen [::]:443 ipv6only=off;", &format!("listen {};", place.address))).await;
        let child = debian.spawn(debian.command("/usr/sbin/nginx", ["-g", "daemon off;"]), "nginx.log");
        let mut nginx = Nginx { address: place.address, debian, child, _place: place };
        until(async || {
            assert_eq!(nginx.child.try_wait().expect("our child"), None, "it stays");
            TcpStream::connect(nginx.address).await.ok()
        })
        .await;
        nginx
    }

    /// Whether it accepts the configuration exactly as documented. It tries the ports, too: on a network of its own, where they are free.
    pub(crate) async fn check(debian: &Debian) -> Command {
        prepare(debian, block(CONFIGURATION)).await;
        debian.command("unshare", ["--net", "/usr/sbin/nginx", "-t"])
    }

    /// What it wrote into its logs.
    pub(crate) fn logged(&self) -> String {
        ["log/nginx/error.log", "log/nginx/drk-relay-host.log", "log/nginx/access.log"].map(|name| self.debian.said(name)).concat()
    }
}

/// Debian's page for port 80 goes, as documented, and whatever else this machine serves.
async fn prepare(debian: &Debian, text: &str) {
    debian.shell("rm -f /etc/nginx/sites-enabled/* /etc/nginx/conf.d/*").await;
    debian.write(CONFIGURATION, text, 0o644);
}

impl Drop for Nginx<'_> {
    #[expect(clippy::print_stderr, reason = "who reads why a test failed wants to know what nginx had to say")]
    fn drop(&mut self) {
        // SIGTERM: only it ends the workers, too.
        if let Some(id) = self.child.id() {
            let _ = process::Command::new("sh").args(["-c", &format!("kill -TERM {id}")]).status();
            while self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
                std::thread::yield_now();
            }
        }
        if std::thread::panicking() {
            eprintln!("nginx said:\n{}{}", self.debian.said("nginx.log"), self.logged());
        }
    }
}
