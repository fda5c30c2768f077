//! `[ingress]`, `[tunnel]`, `[acme]` and `[egress]`: what they amount to together, and what is wrong with them.

use super::{Folder, edited};
use drk_relay::config::{Address, CertificateConfig, Config, EgressConfig, IngressConfig, TunnelForward};
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey};

/// A branch behind a tunnel.
const TUNNELLED: &str = r#"state_dir = "state"
[branch]
name = "DRK-Ortsverein Musterstadt"
contact = "07751 5550100"
privacy = "drk-musterstadt.example/datenschutz"
[[feed]]
name = "corona"
title = "Corona"
[[feed.metric]]
name = "cases_new"
label = "Neue Fälle"
kind = "count"
[whatsapp]
phone_number_id = "2"
token_file = "token"
app_secret_file = "app-secret"
verify_token_file = "verify-token"
[ingress]
mode = "tunnel"
url = "https://WA.musterstadt.example"
[tunnel]
host = "relay.example.org"
user = "relay-musterstadt"
key_file = "tunnel-key"
host_key = "HOST_KEY"
forward = "unix:/run/relay-musterstadt/in.sock"
"#;

fn key() -> PrivateKey {
    PrivateKey::random(&mut rand_core(), Algorithm::Ed25519).expect("a key")
}

fn rand_core() -> impl russh::keys::ssh_key::rand_core::CryptoRng {
    russh::keys::key::safe_rng()
}

/// The folder, and the configuration with a real host key in it.
fn tunnelled() -> (Folder, String) {
    let folder = Folder::new();
    folder.write("tunnel-key", &key().to_openssh(LineEnding::LF).expect("written"), 0o600);
    let host_key = key().public_key().to_openssh().expect("written");
    (folder, edited(TUNNELLED, "HOST_KEY", &host_key))
}

fn config(folder: &Folder, text: &str) -> Config {
    folder.check(text).unwrap_or_else(|error| panic!("{error}")).config
}

#[test]
fn a_tunnel_ends_tls_here_and_gets_its_own_certificate() {
    let (folder, text) = tunnelled();
    let config = config(&folder, &text);
    let IngressConfig::Tunnel(tunnel) = &config.ingress else { panic!("{:?}", config.ingress) };
    assert_eq!((tunnel.host.as_str(), tunnel.port, tunnel.user.as_str()), ("relay.example.org", 22, "relay-musterstadt"));
    assert_eq!(tunnel.forward, TunnelForward::Unix("/run/relay-musterstadt/in.sock".to_owned()));
    assert!(config.tls.proxy_protocol);
    assert_eq!(config.tls.encrypted.as_ref().map(|tls| tls.name.as_str()), Some("wa.musterstadt.example"));
    let Some(CertificateConfig::Acme(acme)) = &config.certificate else { panic!("{:?}", config.certificate) };
    assert_eq!(acme.directory, "https://acme-v02.api.letsencrypt.org/directory");
    assert_eq!((acme.name.as_str(), &acme.folder), ("wa.musterstadt.example", &folder.path("state/acme")));
    let probe = config.probe.expect("an address");
    assert_eq!((probe.host.as_str(), probe.port), ("wa.musterstadt.example", 443));
    assert!(matches!(config.egress, EgressConfig::Direct) && !config.mqtt.egress);
}

#[test]
fn the_same_line_may_carry_everything() {
    let (folder, text) = tunnelled();
    let text = edited(&text, "unix:/run/relay-musterstadt/in.sock", "127.0.0.1:5001");
    let all = config(&folder, &format!("{text}[egress]\nmode = \"tunnel\"\n[mqtt]\nhost = \"broker.example\"\negress = true\n"));
    let IngressConfig::Tunnel(tunnel) = &all.ingress else { panic!("{:?}", all.ingress) };
    assert_eq!(tunnel.forward, TunnelForward::Tcp("127.0.0.1".to_owned(), 5001));
    assert!(matches!(all.egress, EgressConfig::Tunnel) && all.mqtt.egress && all.graph.proxy.is_none());
}

#[test]
fn the_example_s_tunnel_is_one() {
    // `ssh-keyscan` prints the host before it.
    let (folder, text) = tunnelled();
    let line = text.lines().find_map(|line| line.strip_prefix("host_key = ")).expect("there").trim_matches('"').to_owned();
    let scanned = config(&folder, &edited(&text, &line, &format!("relay.example.org {line} root@relay")));
    let IngressConfig::Tunnel(tunnel) = scanned.ingress else { panic!("no tunnel") };
    assert_eq!(tunnel.host_key, line);
}

#[test]
fn listening_takes_a_port_or_a_socket_with_tls_or_without() {
    let (folder, text) = tunnelled();
    let cut = text.find("[ingress]").expect("there");
    let head = &text[..cut];
    let plain = config(&folder, &format!("{head}[ingress]\nlisten = \"unix:in.sock\"\n"));
    let IngressConfig::Listen(Address::Unix(path)) = &plain.ingress else { panic!("{:?}", plain.ingress) };
    assert_eq!(path, &folder.path("in.sock"));
    assert!(plain.tls.encrypted.is_none() && !plain.tls.proxy_protocol && plain.certificate.is_none() && plain.probe.is_none());
    let (certificate, tls_key) = super::certificate();
    folder.write("chain.pem", &certificate, 0o644);
    folder.write("tls-key", &tls_key, 0o600);
    let ours = format!(
        "{head}[ingress]\nlisten = \"[::1]:8443\"\nurl = \"https://wa.example:8443/\"\ntls = \"file\"\ncertificate_file = \"chain.pem\"\n\
         key_file = \"tls-key\"\n"
    );
    let files = config(&folder, &ours);
    let Some(CertificateConfig::Files { chain, key }) = &files.certificate else { panic!("{:?}", files.certificate) };
    assert_eq!((chain, key), (&folder.path("chain.pem"), &folder.path("tls-key")));
    folder.write("credentials/tls-key", &tls_key, 0o600);
    let by_systemd = config(&folder, &edited(&ours, "key_file = \"tls-key\"\n", ""));
    let Some(CertificateConfig::Files { key, .. }) = &by_systemd.certificate else { panic!("{:?}", by_systemd.certificate) };
    assert_eq!(key, &folder.path("credentials/tls-key"));
}

/// One change of a good configuration, and the sentence that it is answered with.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("url = \"https://WA.musterstadt.example\"\n", "", "ingress.url fehlt."),
    ("https://WA.musterstadt.example", "http://wa.example", "ingress.url: das ist keine Adresse, die Meta aufrufen könnte."),
    ("https://WA.musterstadt.example", "https://wa.example/webhook", "ingress.url: das ist keine Adresse, die Meta aufrufen könnte."),
    ("https://WA.musterstadt.example", "https://192.0.2.1", "ingress.url: ein Zertifikat gibt es nur für einen Namen aus dem DNS."),
    ("mode = \"tunnel\"", "mode = \"tunnel\"\ntls = \"none\"", "ingress.tls: das gibt es hier nicht."),
    ("mode = \"tunnel\"", "mode = \"tunnel\"\ntls = \"file\"", "ingress.tls: das Zertifikat fehlt."),
    ("host = \"relay.example.org\"", "host = \"ssh://relay\"", "tunnel.host: das ist kein Rechnername."),
    ("relay-musterstadt\"\nkey", "-oProxyCommand\"\nkey", "tunnel.user: so heißt kein Benutzer."),
    ("key_file = \"tunnel-key\"", "key_file = \"token\"", "tunnel.key_file: darin steht kein SSH-Schlüssel im OpenSSH-Format."),
    ("key_file = \"tunnel-key\"", "key_file = \"locked\"", "tunnel.key_file: der Schlüssel ist mit einem Passwort gesichert"),
    ("key_file = \"tunnel-key\"", "key_file = \"other\"", "tunnel.key_file: es muss ein Ed25519-Schlüssel sein."),
    ("key_file = \"tunnel-key\"\n", "", "Der SSH-Schlüssel für den Relay-Host fehlt: "),
    ("host_key = \"ssh-ed25519 ", "host_key = \"ssh-ed25519 x", "tunnel.host_key: das ist kein öffentlicher SSH-Schlüssel."),
    ("unix:/run", "unix:run", "tunnel.forward: das ist kein Pfad eines Sockets auf dem Relay-Host."),
    ("unix:/run/relay-musterstadt/in.sock", "5001", "tunnel.forward: das ist weder ein Socket noch eine Adresse mit Port."),
    // sshd would choose a port, and nobody would know which.
    ("unix:/run/relay-musterstadt/in.sock", "127.0.0.1:0", "tunnel.forward: das ist weder ein Socket noch eine Adresse mit Port."),
    ("[tunnel]", "[acme]\ndirectory = \"http://acme.example\"\n[tunnel]", "acme.directory: das ist keine Adresse einer ACME-Stelle."),
    ("[tunnel]", "[acme]\ncontact = \"technik\"\n[tunnel]", "acme.contact: das ist keine E-Mail-Adresse."),
    ("[tunnel]", "[egress]\nmode = \"proxy\"\n[tunnel]", "egress.mode: die Adresse des Proxys fehlt."),
    (
        "[tunnel]",
        "[egress]\nmode = \"tunnel\"\nproxy = \"http://proxy.example:3128\"\n[tunnel]",
        "egress.mode: ein Proxy ist angegeben, der so nicht benutzt wird.",
    ),
    ("mode = \"tunnel\"", "listen = \"127.0.0.1:0\"\n[egress]\nmode = \"tunnel\"\n[x]", "egress.mode: einen Tunnel gibt es nur mit"),
    ("[tunnel]", "[tunnels]", "„tunnels“ ist auf oberster Ebene unbekannt. Meinten Sie „tunnel“?"),
];

#[test]
fn every_mistake_is_said() {
    let (folder, text) = tunnelled();
    let other = PrivateKey::random(&mut rand_core(), Algorithm::Ecdsa { curve: russh::keys::EcdsaCurve::NistP256 }).expect("a key");
    folder.write("other", &other.to_openssh(LineEnding::LF).expect("written"), 0o600);
    let locked = key().encrypt(&mut rand_core(), "geheim").expect("locked");
    folder.write("locked", &locked.to_openssh(LineEnding::LF).expect("written"), 0o600);
    for (from, to, what) in MISTAKES {
        let wrong = folder.wrong(&edited(&text, from, to));
        assert!(wrong.iter().any(|(_, said)| said.starts_with(what)), "{to}: {wrong:#?}");
    }
}

#[test]
fn what_has_no_effect_is_said() {
    let (folder, text) = tunnelled();
    let said =
        |text: &str| folder.check(text).expect("it works").warnings.iter().map(|warning| warning.what().to_owned()).collect::<Vec<_>>();
    assert_eq!(said(&text), Vec::<String>::new());
    let cut = text.find("[ingress]").expect("there")..text.find("[tunnel]").expect("there");
    let listening = format!("{}[ingress]\nlisten = \"127.0.0.1:8080\"\n[acme]\n{}", &text[..cut.start], &text[cut.end..]);
    assert_eq!(
        said(&listening),
        [
            "acme: ohne ingress.tls = \"acme\" wirkt dieser Abschnitt nicht.",
            "tunnel: ohne ingress.mode = \"tunnel\" wirkt dieser Abschnitt nicht."
        ]
    );
    let open = format!("{}[ingress]\nlisten = \"0.0.0.0:8080\"\n", &text[..cut.start]);
    assert_eq!(said(&open), ["ingress.listen: das Relay ist dort von überall zu erreichen, ohne TLS."]);
    let in_vain = edited(&text, "mode = \"tunnel\"", "mode = \"tunnel\"\nlisten = \"127.0.0.1:8080\"\nkey_file = \"x\"");
    assert_eq!(said(&in_vain).len(), 2);
}
