//! A branch's key is good for that branch's socket, and for nothing else on the host.

use super::stand_in::Device;
use super::world::{BRANCHES, World, name, socket};
use crate::peers::handbook::{block, with};
use crate::program::within;
use std::fs;
use std::os::unix::fs::MetadataExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const EGRESS: &str = "/etc/ssh/sshd_config.d/40-relay-musterstadt.conf";
const PORT: &str = "/etc/ssh/sshd_config.d/40-relay-beispielhausen.conf";
const NO_FORWARD: &str = "remote port forwarding failed";
const PROHIBITED: &str = "administratively prohibited";

/// The socket belongs to the branch, and HAProxy's group may connect; the other branch may neither connect nor look.
#[tokio::test]
async fn a_socket_is_for_its_branch_and_haproxy() {
    let world = World::new().await;
    let device = Device::start(&name(BRANCHES[0]), true).await;
    let _tunnel = world.tunnel(BRANCHES[0], device.address).await;
    let (made, folder) = (fs::metadata(world.socket(BRANCHES[0])).expect("it is there"), world.socket(BRANCHES[0]));
    let folder = fs::metadata(folder.parent().expect("a folder")).expect("it is there");
    assert_eq!((made.mode() & 0o777, made.uid(), made.gid()), (0o660, folder.uid(), folder.gid()));

    // Python is on every machine that runs tests/run.
    let connect = format!("import socket; socket.socket(socket.AF_UNIX).connect('{}')", socket(BRANCHES[0]));
    let as_user = |user: &str, program: &str| format!("setpriv --reuid={user} --regid={user} --init-groups {program}");
    world.debian.shell(&as_user("haproxy", &format!("/usr/bin/python3 -c \"{connect}\""))).await;
    for (program, why) in
        [(format!("/usr/bin/python3 -c \"{connect}\""), "Permission"), (format!("ls {}", "/run/drk-relay-host/musterstadt"), "Permission")]
    {
        let refused = world.debian.shell(&format!("! {} 2>&1", as_user("relay-beispielhausen", &program))).await;
        assert!(refused.contains(why), "{program}: {refused}");
    }
}

/// Its key logs in as nobody else, and what it may bind is in its own folder.
#[tokio::test]
async fn a_branch_can_take_nothing_from_another() {
    let world = World::new().await;
    let device = Device::start(&name(BRANCHES[0]), true).await;
    let _tunnel = world.tunnel(BRANCHES[0], device.address).await;
    let before = fs::metadata(world.socket(BRANCHES[0])).expect("it is there").ino();

    let output = within(world.ssh(BRANCHES[1], BRANCHES[0], &["-N"], &[]).output()).await.expect("ssh is installed");
    assert_eq!(output.status.code(), Some(255));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Permission denied (publickey)"));

    let forbidden = [
        socket(BRANCHES[0]),
        "/run/drk-relay-host/musterstadt/other.sock".to_owned(),
        "/run/drk-relay-host/third.sock".to_owned(),
        "/run/haproxy.sock".to_owned(),
        "/var/lib/haproxy/dev/other".to_owned(),
        "/etc/ssh/authorized_keys.d/x".to_owned(),
    ];
    for path in forbidden {
        let (code, _, said) = world.tries(BRANCHES[1], &["-N", "-R", &format!("{path}:{}", device.address)], &[]).await;
        assert!(code == Some(255) && said.contains(NO_FORWARD), "{path}: {said}");
        assert!(!world.debian.path(&path).exists() || path == socket(BRANCHES[0]), "{path}");
    }
    assert_eq!(fs::metadata(world.socket(BRANCHES[0])).expect("it is still there").ino(), before);
    // What it may do: the same key, the same host.
    world.tunnel(BRANCHES[1], device.address).await;
}

/// Neither a port on the host nor a way out, nor a socket of somebody else's.
#[tokio::test]
async fn without_a_variant_there_is_no_tcp_and_no_way_out() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let open = listener.local_addr().expect("bound").to_string();
    for port in ["127.0.0.1:1:127.0.0.1:9", "127.0.0.1:0:127.0.0.1:9", "0:127.0.0.1:9", "127.0.0.1:5001:127.0.0.1:9", "*:8080:127.0.0.1:9"]
    {
        let (code, _, said) = world.tries(BRANCHES[1], &["-N", "-R", port], &[]).await;
        assert!(code == Some(255) && said.contains(NO_FORWARD), "{port}: {said}");
    }
    let (code, _, said) = world.tries(BRANCHES[1], &["-W", &open], &[]).await;
    assert!(code == Some(255) && said.contains(PROHIBITED), "{said}");

    // To connect to a socket through the host: the client opens its own end first and asks for the rest at the first connection.
    let device = Device::start(&name(BRANCHES[0]), true).await;
    let _tunnel = world.tunnel(BRANCHES[0], device.address).await;
    let place = crate::program::Place::reserve();
    let local = format!("{}:{}", place.address, socket(BRANCHES[0]));
    let own = world.tunnel_for(BRANCHES[1], &["-N", "-L", &local], "Local forwarding listening").await;
    let mut stream = tokio::net::TcpStream::connect(place.address).await.expect("it listens");
    let mut nothing = Vec::new();
    let _ = within(stream.read_to_end(&mut nothing)).await;
    assert!(nothing.is_empty() && own.said().contains("open failed"), "{}", own.said());
    assert!(world.debian.said("sshd.log").contains("refused streamlocal port forward"));
}

/// No command, no shell, no files, no agent, no screen.
#[tokio::test]
async fn there_are_no_sessions() {
    let world = World::new().await;
    let cases: [(&[&str], &[&str]); 6] = [
        (&[], &["echo", "in"]),
        (&["-tt"], &[]),
        (&["-s"], &["sftp"]),
        (&["-A"], &["env"]),
        (&["-X"], &["env"]),
        (&["-T"], &["cat", "/etc/passwd"]),
    ];
    for (options, what) in cases {
        let (code, came, said) = world.tries(BRANCHES[1], options, what).await;
        assert!(said.contains("Authenticated to 127.0.0.1"), "the key is good, and it is not for lack of that: {said}");
        assert!(code == Some(255) && came.is_empty(), "{options:?} {what:?}: {code:?} {came} {said}");
    }
}

/// With the variant for the way out: to exactly what is listed, by the name that is listed.
#[tokio::test]
async fn the_way_out_leads_where_it_is_permitted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let echo = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            stream.write_all(b"the broker").await.expect("written");
        }
    });
    let world = World::without_sshd("haproxy").await;
    world.debian.write("/etc/hosts", "127.0.0.1 localhost broker.example graph.facebook.com\n", 0o644);
    let world = world.serve(&[(EGRESS, with(block(EGRESS), ":8883", &format!(":{port}")))]).await;

    let (_, came, said) = world.tries(BRANCHES[0], &["-W", &format!("broker.example:{port}")], &[]).await;
    assert_eq!(came, "the broker", "{said}");
    for other in
        [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("graph.facebook.com:{port}"), "broker.example:22".to_owned()]
    {
        let (code, came, said) = world.tries(BRANCHES[0], &["-W", &other], &[]).await;
        assert!(code == Some(255) && came.is_empty() && said.contains(PROHIBITED), "{other}: {said}");
    }
    let (code, _, said) = world.tries(BRANCHES[0], &["-N", "-R", "127.0.0.1:0:127.0.0.1:9"], &[]).await;
    assert!(code == Some(255) && said.contains(NO_FORWARD), "{said}");
    let (code, _, said) = world.tries(BRANCHES[1], &["-W", &format!("broker.example:{port}")], &[]).await;
    assert!(code == Some(255) && said.contains(PROHIBITED), "the other branch has no way out: {said}");
    // The way in is as before.
    let device = Device::start(&name(BRANCHES[0]), true).await;
    world.tunnel(BRANCHES[0], device.address).await;
    echo.abort();
}

/// With the variant for a TCP port: that one, on loopback, and no socket.
#[tokio::test]
async fn a_tcp_port_is_the_one_that_is_permitted() {
    let place = crate::program::Place::reserve();
    let port = place.address.port();
    let world = World::without_sshd("haproxy").await;
    let world = world.serve(&[(PORT, with(block(PORT), "127.0.0.1:5001", &place.address.to_string()))]).await;
    let device = Device::start(&name(BRANCHES[1]), false).await;
    let forward = format!("127.0.0.1:{port}:{}", device.address);
    let _tunnel = world.tunnel_for(BRANCHES[1], &["-N", "-R", &forward], "remote forward success").await;
    let answer = device.identity.called(place.address, &name(BRANCHES[1])).await.expect("it answers");
    assert!(answer.contains("200 OK"), "{answer}");
    for other in [format!("0.0.0.0:{port}"), "127.0.0.1:0".to_owned(), socket(BRANCHES[1])] {
        let (code, _, said) = world.tries(BRANCHES[1], &["-N", "-R", &format!("{other}:127.0.0.1:9")], &[]).await;
        assert!(code == Some(255) && said.contains(NO_FORWARD), "{other}: {said}");
    }
}
