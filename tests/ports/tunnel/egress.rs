//! The way out: through the relay host to whom it lets us, and the proxy for those who know proxies only.

use super::{Running, pace, said_again};
use crate::peers::sshd::Host;
use crate::program::{Place, until, within};
use drk_relay::port::tunnel::proxy;
use secrecy::SecretString;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::process::Stdio;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio_util::task::AbortOnDropHandle;

/// A server far away that repeats what it hears.
async fn far_away() -> (SocketAddr, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = split(stream);
                copy(&mut from, &mut to).await
            });
        }
    });
    (address, AbortOnDropHandle::new(task))
}

/// A web server far away with one page.
async fn page() -> (SocketAddr, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nHallo").await;
        }
    });
    (address, AbortOnDropHandle::new(task))
}

#[tokio::test]
async fn connections_go_where_the_relay_host_lets_them() {
    let (allowed, _allowed) = far_away().await;
    let (forbidden, _forbidden) = far_away().await;
    let nobody = Place::reserve();
    let host = Host::start(&format!("PermitOpen {allowed} {}", nobody.address)).await;
    let running = Running::to(&host, pace());
    let port = allowed.port();
    let mut stream = within(running.tunnel.open("127.0.0.1", port)).await.expect("waits for the session, and is let through");
    assert!(within(said_again(&mut stream)).await.expect("an echo"));
    let refused = async |port| match within(running.tunnel.open("127.0.0.1", port)).await {
        Ok(_) => panic!("let through"),
        Err(error) => (error.kind(), error.to_string()),
    };
    let (kind, why) = refused(forbidden.port()).await;
    assert!(kind == ErrorKind::PermissionDenied && why.contains("PermitOpen"), "{why}");
    let (kind, why) = refused(nobody.address.port()).await;
    assert!(kind == ErrorKind::ConnectionRefused, "{why}");
    assert!(within(said_again(&mut stream)).await.expect("an echo still"));
}

#[tokio::test]
async fn without_a_session_there_is_no_way_out_and_it_says_so() {
    let nobody = Place::reserve();
    let host = Host::start("").await;
    let branch = host.branch();
    let forward = drk_relay::config::TunnelForward::Unix(branch.socket("in.sock"));
    let config = super::config(nobody.address, host.host_key(), &branch, forward);
    let mut pace = pace();
    pace.open = std::time::Duration::from_millis(50);
    let running = Running::start(config, pace);
    let error = within(running.tunnel.open("127.0.0.1", 1)).await.err().expect("nobody is there");
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::NotConnected, "the tunnel is down"));
}

struct Proxy {
    address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

async fn proxy(running: &Running) -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, tunnel) = (listener.local_addr().expect("bound"), running.tunnel.clone());
    let task = tokio::spawn(async move {
        let error = proxy::serve(&listener, &SecretString::from("geheim"), &tunnel).await;
        panic!("{error}");
    });
    Proxy { address, _task: AbortOnDropHandle::new(task) }
}

/// What curl sees: the page, and the proxy's answer to CONNECT.
async fn curl(proxy: &str, url: &str) -> (String, String) {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--proxytunnel", "--write-out", "%{stderr}%{http_connect}", "--proxy", proxy, url]);
    let output = within(command.stdin(Stdio::null()).output()).await.expect("curl is installed");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn the_proxy_serves_who_has_the_credential() {
    let (far, _page) = page().await;
    let (echo, _echo) = far_away().await;
    let host = Host::start(&format!("PermitOpen {far} {echo}")).await;
    let running = Running::to(&host, pace());
    running.up().await;
    let proxy = proxy(&running).await;
    let at = |credential: &str| format!("http://{credential}{}", proxy.address);
    let (url, elsewhere) = (format!("http://{far}/"), "http://127.0.0.1:9/".to_owned());
    assert_eq!(curl(&at("relay:geheim@"), &url).await.0, "Hallo");
    let (page, why) = curl(&at("relay:geheim@"), &elsewhere).await;
    assert!(page.is_empty() && why.ends_with("502"), "{why}");
    for credential in ["", "relay:geheime@", "geheim:@", "relay:@"] {
        let (page, why) = curl(&at(credential), &url).await;
        assert!(page.is_empty() && why.ends_with("407"), "{credential}: {why}");
    }
    let said = async |request: &str| {
        let mut stream = TcpStream::connect(proxy.address).await.expect("it listens");
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut answer = String::new();
        within(stream.read_to_string(&mut answer)).await.expect("an answer, and the end");
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    // `relay:geheim` in base64.
    let knows = "Proxy-Authorization: Basic cmVsYXk6Z2VoZWlt";
    assert_eq!(said(&format!("GET {url} HTTP/1.1\r\nHost: x\r\n{knows}\r\n\r\n")).await, "405");
    assert_eq!(said(&format!("CONNECT {far} HTTP/1.1\r\n\r\nProxy-Authorization: Digest x\r\n\r\n")).await, "407");
    assert_eq!(said(&format!("CONNECT nowhere HTTP/1.1\r\n{knows}\r\n\r\n")).await, "400");
    assert_eq!(said(&format!("CONNECT {far} HTTP/1.1\r\nLong: {}\r\n\r\n", "x".repeat(20_000))).await, "431");
    assert_eq!(said("\x16\x03\x01garbage\r\n\r\n").await, "400");
    // Bytes that are sent along with the request are the first of the conversation.
    let mut stream = TcpStream::connect(proxy.address).await.expect("it listens");
    stream.write_all(format!("CONNECT {echo} HTTP/1.1\r\n{knows}\r\n\r\nHallo").as_bytes()).await.expect("written");
    let mut heard = String::new();
    while !heard.ends_with("Hallo") {
        let mut bytes = [0; 64];
        let read = within(stream.read(&mut bytes)).await.expect("an echo");
        assert!(read > 0, "{heard}");
        heard += std::str::from_utf8(&bytes[..read]).expect("text");
    }
    assert!(heard.starts_with("HTTP/1.1 200"), "{heard}");
    until(async || said_again(&mut stream).await.ok()).await;
}
