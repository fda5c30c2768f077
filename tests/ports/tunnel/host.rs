//! The fixture itself, with OpenSSH's own client: what fails here is no fault of ours.

use crate::peers::sshd::Host;
use crate::program::{until, within};
use std::process::Stdio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio::process::{Child, Command};

/// `ssh -N -R socket:address`.
fn client(host: &Host, socket: &str, to: std::net::SocketAddr) -> Child {
    let branch = host.branch();
    let known = host.path("known_hosts");
    std::fs::write(&known, format!("[127.0.0.1]:{} {}\n", host.address().port(), host.host_key())).expect("written");
    let mut command = Command::new("ssh");
    command.args(["-F", "/dev/null", "-N", "-o", "ExitOnForwardFailure=yes", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]);
    command.arg("-o").arg(format!("UserKnownHostsFile={}", known.display())).arg("-i").arg(&branch.key_file);
    command.args(["-p", &host.address().port().to_string(), "-R", &format!("{socket}:{to}"), &format!("{}@127.0.0.1", branch.user)]);
    command.stdin(Stdio::null()).kill_on_drop(true).spawn().expect("ssh is installed")
}

#[tokio::test]
async fn openssh_forwards_and_a_frozen_session_is_taken_over() {
    let host = Host::start("").await;
    let (first, second) = (TcpListener::bind("127.0.0.1:0").await.expect("port"), TcpListener::bind("127.0.0.1:0").await.expect("port"));
    let socket = host.branch().socket("in.sock");
    let _frozen = client(&host, &socket, first.local_addr().expect("bound"));
    let mut caller = until(async || UnixStream::connect(&socket).await.ok()).await;
    let (mut stream, _) = within(first.accept()).await.expect("a connection");
    caller.write_all(b"ping").await.expect("written");
    let mut read = [0; 4];
    within(stream.read_exact(&mut read)).await.expect("four bytes");
    assert_eq!(&read, b"ping");
    host.freeze_sessions();
    let _living = client(&host, &socket, second.local_addr().expect("bound"));
    let accepted = async || {
        let _caller = UnixStream::connect(&socket).await.ok()?;
        tokio::time::timeout(std::time::Duration::from_millis(200), second.accept()).await.ok()
    };
    until(accepted).await.expect("the second client has it now");
}
