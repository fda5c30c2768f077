//! A relay host in the wrong hands: it has the right key, and opens what nobody asked for.

use super::{Running, config, now, pace};
use crate::peers::sshd::{Host, make_key, public};
use crate::program::within;
use drk_relay::config::TunnelForward;
use drk_relay::port::tunnel::Pace;
use russh::keys::PrivateKey;
use russh::server::{Auth, Handler, Session, VerifiedPublicKey, run_stream};
use russh::{Channel, ChannelOpenFailure};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Lets everybody in, forwards everything, and shows the sessions.
struct Hostile(mpsc::Sender<russh::server::Handle>);

impl Handler for Hostile {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, _: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        Ok(Auth::Accept)
    }

    async fn streamlocal_forward(&mut self, _: &str, session: &mut Session) -> Result<bool, russh::Error> {
        self.0.try_send(session.handle()).expect("room for one");
        Ok(true)
    }
}

/// Where it listens, and its sessions.
async fn hostile(key: PrivateKey) -> (SocketAddr, mpsc::Receiver<russh::server::Handle>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, (show, sessions)) = (listener.local_addr().expect("bound"), mpsc::channel(8));
    let config = Arc::new(russh::server::Config { keys: vec![key], ..Default::default() });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let session = run_stream(Arc::clone(&config), stream, Hostile(show.clone())).await.expect("a session");
            tokio::spawn(session);
        }
    });
    (address, sessions)
}

fn refused<T>(opened: Result<Channel<T>, russh::Error>) -> bool
where
    T: From<(russh::ChannelId, russh::ChannelMsg)>,
{
    match opened {
        Ok(_) => false,
        Err(error) => matches!(
            error,
            russh::Error::ChannelOpenFailure(ChannelOpenFailure::AdministrativelyProhibited | ChannelOpenFailure::UnknownChannelType)
        ),
    }
}

#[tokio::test]
async fn nothing_but_the_forward_is_let_in() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("host");
    make_key(&path);
    let (address, mut sessions) = hostile(PrivateKey::read_openssh_file(&path).expect("a key")).await;
    let socket = "/run/relay/in.sock";
    let branch = Host::start("").await.branch();
    let mut running = Running::start(config(address, public(&path), &branch, TunnelForward::Unix(socket.to_owned())), pace());
    let host = within(sessions.recv()).await.expect("it logs in");
    within(async {
        assert!(refused(host.channel_open_session().await), "session");
        assert!(refused(host.channel_open_agent().await), "agent");
        assert!(refused(host.channel_open_x11("127.0.0.1", 6000).await), "x11");
        assert!(refused(host.channel_open_direct_tcpip("127.0.0.1", 22, "127.0.0.1", 1).await), "direct-tcpip");
        assert!(refused(host.channel_open_direct_streamlocal("/run/docker.sock").await), "direct-streamlocal");
        assert!(refused(host.channel_open_forwarded_tcpip("127.0.0.1", 443, "127.0.0.1", 1).await), "a port");
        assert!(refused(host.channel_open_forwarded_streamlocal("/run/relay/other.sock").await), "another socket");
        let mut wanted = host.channel_open_forwarded_streamlocal(socket).await.expect("asked for").into_stream();
        let mut stream = running.streams.recv().await.expect("handed over");
        stream.write_all(b"x").await.expect("written");
        assert_eq!(wanted.read_u8().await.expect("a byte"), b'x');
    })
    .await;
    assert_eq!(running.tunnel.handed(), 1);
}

#[tokio::test]
async fn a_host_that_ends_every_session_is_visited_more_and_more_rarely() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("host");
    make_key(&path);
    let (address, mut sessions) = hostile(PrivateKey::read_openssh_file(&path).expect("a key")).await;
    let branch = Host::start("").await.branch();
    let (first, longest) = (Duration::from_millis(40), Duration::from_secs(60));
    let pace = Pace { first, longest, proved: Duration::from_secs(60), ..pace() };
    let (began, _running) = (now(), Running::start(config(address, public(&path), &branch, TunnelForward::Unix("/x".to_owned())), pace));
    for _ in 0..8 {
        let host = within(sessions.recv()).await.expect("it comes back");
        // It may have gone by itself.
        let _ = host.disconnect(russh::Disconnect::ByApplication, "again".to_owned(), "en".to_owned()).await;
    }
    // Half of 40, 80, 160, 320, 640, 1280 and 2560 ms at least: a session that is up proves nothing yet.
    let took = now() - began;
    assert!(took >= 2_540, "came back too fast: eight sessions in {took} ms");
}
