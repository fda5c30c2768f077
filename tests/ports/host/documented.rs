//! What the handbook shows is what the programs understand, and means what the text says.

use super::world::{BRANCHES, World, name, socket, user};
use crate::peers::debian::Debian;
use crate::peers::handbook::{block, blocks, page};
use crate::peers::haproxy::{Haproxy, UNIT};
use crate::peers::nginx::Nginx;
use std::os::unix::fs::MetadataExt;

/// Of what the page shows, everything is used by a test or looked at by hand.
#[test]
fn every_named_block_is_known() {
    let used = [
        "einrichten",
        "zweig",
        "ordner",
        "/etc/ssh/sshd_config.d/50-drk-relay-host.conf",
        "/etc/ssh/sshd_config.d/40-relay-musterstadt.conf",
        "/etc/ssh/sshd_config.d/40-relay-beispielhausen.conf",
        "/etc/ssh/sshd_config.d/10-schluessel.conf",
        "/etc/ssh/authorized_keys.d/relay-musterstadt",
        "/etc/tmpfiles.d/drk-relay-host.conf",
        "/etc/haproxy/haproxy.cfg",
        UNIT,
        "/etc/nginx/modules-enabled/90-drk-relay-host.conf",
        // Needs the machine's network and journal: looked at with `nft -c` and `systemd-analyze cat-config`.
        "/etc/nftables.conf",
        "/etc/systemd/journald.conf.d/drk-relay-host.conf",
    ];
    let mut named: Vec<_> = blocks().map(|(name, _)| name).collect();
    named.sort_unstable();
    let mut used = used.to_vec();
    used.sort_unstable();
    assert_eq!(named, used);
    for branch in BRANCHES {
        assert!(page().contains(&name(branch)) && page().contains(&socket(branch)), "{branch}");
    }
}

#[tokio::test]
async fn haproxy_and_nginx_accept_it_as_it_stands() {
    let debian = Debian::new().await;
    for mut command in [Haproxy::check(&debian), Nginx::check(&debian).await] {
        let output = command.output().await.expect("unshare");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{said}");
        assert!(!said.to_lowercase().contains("warn"), "{said}");
    }
}

#[tokio::test]
async fn sshd_accepts_it_and_nobody_else_is_touched() {
    let world = World::without_sshd("haproxy").await;
    let egress = "/etc/ssh/sshd_config.d/40-relay-musterstadt.conf";
    let port = "/etc/ssh/sshd_config.d/40-relay-beispielhausen.conf";
    let says = |text: &str, line: &str| text.lines().any(|found| found.eq_ignore_ascii_case(line));

    let branch = world.effective(&user(BRANCHES[0])).await;
    for line in block("/etc/ssh/sshd_config.d/50-drk-relay-host.conf").lines().skip(1).map(str::trim).filter(|line| !line.starts_with('#'))
    {
        assert!(says(&branch, line), "{line} in\n{branch}");
    }
    let root = world.effective("root").await;
    for line in
        ["maxsessions 10", "allowtcpforwarding yes", "authorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2", "permittty yes"]
    {
        assert!(says(&root, line), "{line} in\n{root}");
    }
    for (text, who) in [(&branch, "branch"), (&root, "root")] {
        assert!(says(text, "passwordauthentication no"), "{who}");
    }

    world.debian.documented(egress);
    world.debian.documented(port);
    let out = world.effective(&user(BRANCHES[0])).await;
    assert!(says(&out, "allowtcpforwarding yes") && says(&out, "allowstreamlocalforwarding remote"), "{out}");
    let destinations = block(egress).lines().find(|line| line.contains("PermitOpen")).expect("it says where to").trim();
    assert!(says(&out, destinations) && says(&out, "permitlisten 127.0.0.1:1") && says(&out, "maxsessions 0"), "{out}");
    let listening = world.effective(&user(BRANCHES[1])).await;
    assert!(says(&listening, "allowtcpforwarding remote") && says(&listening, "allowstreamlocalforwarding no"), "{listening}");
    assert!(says(&listening, "permitlisten 127.0.0.1:5001") && says(&listening, "permitopen none"), "{listening}");
    assert!(says(&world.effective("root").await, "allowtcpforwarding yes"), "what stands in one file ends with it");
}

/// Accounts without a password that works, and folders into which only the branch and HAProxy may go.
#[tokio::test]
async fn accounts_and_folders_are_as_described() {
    let world = World::without_sshd("haproxy").await;
    for branch in BRANCHES {
        let account = world.debian.shell(&format!("getent passwd {}; getent shadow {0}; id -nG {0}", user(branch))).await;
        assert!(account.contains(":/nonexistent:/usr/sbin/nologin\n") && account.contains(&format!("{}:*:", user(branch))), "{account}");
        assert!(account.contains("drk-relay") && !account.contains("haproxy"), "{account}");
        let folder = std::fs::metadata(world.debian.path(&format!("/run/drk-relay-host/{branch}"))).expect("it is there");
        assert_eq!(folder.mode() & 0o7777, 0o2750);
    }
    let above = std::fs::metadata(world.debian.path("/run/drk-relay-host")).expect("it is there");
    assert_eq!((above.mode() & 0o7777, above.uid()), (0o711, 0), "nobody may list the branches");
}
