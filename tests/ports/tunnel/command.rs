//! What a technician types: a key, and whether the way to the relay host is free.

use crate::peers::sshd::Host;
use crate::program::{Machine, Place, says, until};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;

/// A machine whose relay.toml asks for a tunnel to `host`.
fn machine(host: &Host) -> Machine {
    let nobody = Place::reserve();
    let (machine, branch) = (Machine::new(nobody.address, nobody.address), host.branch());
    let listen = format!("listen = \"{}\"\n", machine.webhook.address);
    let section = format!(
        "mode = \"tunnel\"\nurl = \"https://wa.drk-musterstadt.example\"\ntls = \"file\"\ncertificate_file = \"chain.pem\"\n\
         key_file = \"tls.key\"\n[tunnel]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{}\"\nhost_key = \"{}\"\nforward = \"unix:{}\"\n\
         key_file = \"tunnel.key\"\n",
        host.address().port(),
        branch.user,
        host.host_key(),
        branch.socket("in.sock")
    );
    let text = fs::read_to_string(machine.path("relay.toml")).expect("text");
    assert_eq!(text.matches(&listen).count(), 1);
    let without: String = text.replace("mode = \"listen\"\n", "").replace(&listen, &section);
    fs::write(machine.path("relay.toml"), without).expect("written");
    let identity = rcgen::generate_simple_self_signed(["wa.drk-musterstadt.example".to_owned()]).expect("a certificate");
    machine.write("chain.pem", &identity.cert.pem(), 0o644);
    machine.write("tls.key", &identity.signing_key.serialize_pem(), 0o600);
    machine.write("tunnel.key", &branch.key, 0o600);
    machine
}

#[tokio::test]
async fn keygen_makes_a_key_that_gets_in_and_overwrites_none() {
    let host = Host::start("").await;
    let machine = machine(&host);
    let path = machine.path("new.key").to_str().expect("text").to_owned();
    let (code, printed, error) = says(&["tunnel", "keygen", "--key", &path, "--comment", "Ortsverein Musterstadt"]).await;
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    let line = printed.lines().find(|line| line.starts_with("restrict,port-forwarding ssh-ed25519 AAAA")).expect("the line");
    assert!(line.ends_with(" Ortsverein Musterstadt") && printed.contains(&path) && printed.contains("[tunnel]"), "{printed}");
    let key = fs::read(&path).expect("a key");
    let (code, _, error) = says(&["tunnel", "keygen", "--key", &path]).await;
    assert!(code == Some(1) && error.contains("gibt es schon") && fs::read(&path).expect("a key") == key, "{error}");
    let (code, _, error) = says(&["tunnel", "keygen", "--key", "/proc/new.key"]).await;
    assert!(code == Some(1) && error.contains("Schreibrechte"), "{error}");
    let (code, ..) = says(&["tunnel", "keygen", "--key", &format!("{path}2"), "--comment", "a\nssh-ed25519 AAAA"]).await;
    assert_eq!(code, Some(2), "a comment is one line");
    // OpenSSH's own tool takes it, and so does sshd.
    let output = std::process::Command::new("ssh-keygen").args(["-yf", &path]).output().expect("ssh-keygen is installed");
    assert_eq!(line.trim_start_matches("restrict,port-forwarding "), String::from_utf8(output.stdout).expect("text").trim());
    host.authorize(&host.branch().user, line);
    machine.write("tunnel.key", std::str::from_utf8(&key).expect("text"), 0o600);
    let (code, printed, error) = machine.says(&["tunnel", "check"]).await;
    assert_eq!((code, printed.matches('✓').count(), error.as_str()), (Some(0), 4, ""), "{printed}");
}

#[tokio::test]
async fn check_goes_as_far_as_it_gets_and_says_what_to_do() {
    let mut host = Host::start("").await;
    let machine = machine(&host);
    let (code, printed, error) = machine.says(&["tunnel", "check"]).await;
    assert_eq!((code, printed.matches('✓').count(), error.as_str()), (Some(0), 4, ""), "{printed}");
    let refused = async || {
        let (code, printed, error) = machine.says(&["tunnel", "check"]).await;
        assert!(code == Some(1) && error.contains("kommt nicht zustande"), "{printed}{error}");
        let ticks = printed.matches('✓').count();
        (ticks, printed.split('✗').nth(1).expect("where it ends").trim().to_owned())
    };
    let user = host.branch().user;
    host.authorize(&user, "");
    let (ticks, why) = refused().await;
    assert!(ticks == 2 && why.starts_with("Anmeldung") && why.contains(&host.branch().public), "{why}");
    let pinned = host.host_key();
    host.become_another();
    host.restart().await;
    let (ticks, why) = refused().await;
    assert!(ticks == 1 && why.starts_with("Schlüssel") && why.contains(&format!("host_key = \"{}\"", host.host_key())), "{why}");
    // What it prints can be put into the configuration as it is.
    machine.edit("relay.toml", &format!("host_key = \"{pinned}\""), &format!("host_key = \"{}\"", host.host_key()));
    assert_eq!(refused().await.0, 2);
    host.kill();
    let (ticks, why) = refused().await;
    assert!(ticks == 0 && why.starts_with("Verbindung"), "{why}");
    machine.edit("relay.toml", "[tunnel]\nhost = \"127.0.0.1\"", "[tunnel]\nhost = \"relay.invalid\"");
    let (ticks, why) = refused().await;
    assert!(ticks == 0 && why.starts_with("Name"), "{why}");
}

#[tokio::test]
async fn check_takes_nothing_away_from_a_relay_that_runs() {
    let host = Host::start("").await;
    let (machine, socket) = (machine(&host), host.branch().socket("in.sock"));
    let mut running = super::Running::to(&host, super::pace());
    running.up().await;
    let _echo = running.echo();
    fs::create_dir_all(machine.path("state")).expect("a directory");
    // Whoever answers at the status socket is a relay.
    let asked = UnixListener::bind(machine.path("state/status.sock")).expect("a socket");
    let answering = tokio::spawn(async move {
        let (mut stream, _) = asked.accept().await.expect("it asks");
        stream.write_all(b"{}").await.expect("written");
    });
    let (code, printed, error) = machine.says(&["tunnel", "check"]).await;
    assert_eq!((code, printed.matches('✓').count(), error.as_str()), (Some(0), 3, ""), "{printed}");
    assert!(printed.contains("Weiterleitung: nicht geprüft"), "{printed}");
    answering.await.expect("it asked");
    until(async || super::echoes(&socket).await).await;
    assert!(host.log().matches("Accepted publickey").count() == 2, "both were logged in at the same time");
}
