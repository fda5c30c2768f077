//! Who is told what is wrong, and what happened lately: real commands, a heartbeat's address that we listen at, mosquitto, and the real
//! binary killed in between. When an alarm begins and ends is tested in the middle.

mod documented;
mod events;
mod told;
mod ways;

use crate::program::{Machine, until};
use std::fs;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// An alarm command that writes down what it is told: a line for each time.
pub(crate) fn listens(machine: &Machine) {
    let told = machine.path("told");
    let script = format!(
        "#!/bin/sh\necho \"$DRK_RELAY_ALARM $DRK_RELAY_STATE $(grep -c '^') ${{CREDENTIALS_DIRECTORY-}}${{NOTIFY_SOCKET-}}\" >> '{}'\n",
        told.display()
    );
    machine.write("alarm", &script, 0o755);
    machine.edit("relay.toml", "[branch]", "[alarm]\ncommand = [\"./alarm\"]\n[branch]");
}

/// Codes and words that the command was told, in their order.
pub(crate) fn told(machine: &Machine) -> Vec<String> {
    let text = fs::read_to_string(machine.path("told")).unwrap_or_default();
    text.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

/// Returns when the command was told so many things, and which.
pub(crate) async fn told_so_many(machine: &Machine, many: usize) -> Vec<String> {
    until(async || Some(told(machine)).filter(|told| told.len() >= many)).await
}

/// Where a heartbeat goes.
struct Address {
    /// Its URL, with a secret in it.
    url: String,
    /// First line and body of each request.
    beats: mpsc::Receiver<(String, String)>,
    _server: AbortOnDropHandle<()>,
}

impl Address {
    /// One that answers with this status line, and perhaps more lines.
    async fn answering(status: &'static str) -> Address {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/ping/geheim", listener.local_addr().expect("bound"));
        let (sender, beats) = mpsc::channel(64);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Some(request) = answered(stream, status).await else { continue };
                if sender.send(request).await.is_err() {
                    return;
                }
            }
        });
        Address { url, beats, _server: AbortOnDropHandle::new(server) }
    }
}

async fn answered(mut stream: TcpStream, status: &str) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0_usize) {
                stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes()).await.ok()?;
                return Some((head.lines().next()?.to_owned(), body.to_owned()));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
