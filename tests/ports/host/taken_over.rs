//! A device that comes back gets its socket, whatever became of its old connection.

use super::stand_in::Device;
use super::world::{BRANCHES, World, name};
use crate::peers::haproxy::Haproxy;
use crate::peers::nginx::Nginx;
use crate::peers::processes::signal;
use crate::program::until;
use std::net::SocketAddr;
use tokio::net::UnixStream;

const BRANCH: &str = BRANCHES[0];

/// Two devices: the second stands for the same one after it has come back. Both have the branch's name.
async fn devices() -> (Device, Device) {
    (Device::start(&name(BRANCH), true).await, Device::start(&name(BRANCH), true).await)
}

/// Whether this one answers, and not the other: their certificates differ.
async fn answers(device: &Device, front: SocketAddr) -> bool {
    device.identity.called(front, &name(BRANCH)).await.is_ok_and(|answer| answer.contains("200 OK"))
}

/// Everything that works for the branch is killed at once, and its socket stays behind.
#[tokio::test]
async fn a_socket_that_was_left_over_is_taken_over() {
    let world = World::new().await;
    let haproxy = Haproxy::start(&world.debian).await;
    let (old, new) = devices().await;
    let tunnel = world.tunnel(BRANCH, old.address).await;
    assert!(answers(&old, haproxy.address).await);
    signal("KILL", &world.sessions(BRANCH));
    until(async || UnixStream::connect(world.socket(BRANCH)).await.err()).await;
    assert!(world.socket(BRANCH).exists(), "nobody has tidied up");
    tunnel.kill().await;

    let _tunnel = world.tunnel(BRANCH, new.address).await;
    assert!(answers(&new, haproxy.address).await);
}

/// The old device is gone without a word (power cut, cable): its session still holds the socket. The new one does not wait for sshd to
/// notice, and when the old one ends at last, it takes nothing with it.
#[tokio::test]
async fn a_frozen_session_loses_its_socket_to_the_next() {
    let world = World::new().await;
    let haproxy = Haproxy::start(&world.debian).await;
    let (old, new) = devices().await;
    let frozen = world.tunnel(BRANCH, old.address).await;
    assert!(answers(&old, haproxy.address).await);
    signal("STOP", &[frozen.id()]);
    let before = world.sessions(BRANCH);
    assert!(!before.is_empty());

    let _tunnel = world.tunnel(BRANCH, new.address).await;
    assert!(before.iter().all(|session| world.sessions(BRANCH).contains(session)), "the old session is still there");
    assert!(answers(&new, haproxy.address).await);

    frozen.kill().await;
    until(async || before.iter().all(|session| !world.sessions(BRANCH).contains(session)).then_some(())).await;
    assert!(answers(&new, haproxy.address).await, "the end of the old session leaves the socket alone");
}

/// The same with the host's half frozen, and with nginx in front.
#[tokio::test]
async fn a_session_that_is_frozen_on_the_host_loses_it_too() {
    let world = World::with_group("www-data").await;
    let nginx = Nginx::start(&world.debian).await;
    let (old, new) = (Device::start(&name(BRANCH), false).await, Device::start(&name(BRANCH), false).await);
    let _frozen = world.tunnel(BRANCH, old.address).await;
    assert!(answers(&old, nginx.address).await);
    let before = world.sessions(BRANCH);
    signal("STOP", &before);
    let _tunnel = world.tunnel(BRANCH, new.address).await;
    assert!(answers(&new, nginx.address).await);
    signal("CONT", &before);
}
