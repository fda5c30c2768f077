//! Pebble, Let's Encrypt's small sister for tests, and the name server that it asks. Need the Debian package pebble, which
//! `tests/run` installs.
//!
//! Every name leads to 127.0.0.1, and is validated on the port that is given. One request in twenty is refused for its nonce, as pebble
//! does by default: who does not ask again is found out.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Both start in less than a second; this is for a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A certificate authority on loopback.
pub(crate) struct Pebble {
    directory: String,
    management: String,
    roots: Vec<u8>,
    _programs: [Child; 2],
    _folder: TempDir,
}

impl Pebble {
    /// Validates on `tls_port` of 127.0.0.1; its certificates are good for so many seconds.
    pub(crate) async fn start(tls_port: u16, validity: u64) -> Pebble {
        let folder = tempfile::tempdir().expect("a directory");
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("made");
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).expect("written");
            path.to_str().expect("text").to_owned()
        };
        let (certificate, key) = (file("cert.pem", &cert.pem()), file("key.pem", &signing_key.serialize_pem()));
        let [acme, management, dns, control, unused] = free_ports();
        let config = serde_json::json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{acme}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": certificate,
            "privateKey": key,
            "httpPort": unused,
            "tlsPort": tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
            "certificateValidityPeriod": validity,
        }});
        let config = file("pebble.json", &config.to_string());
        let names = program("pebble-challtestsrv", folder.path())
            .args(["-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", ""])
            .args(["-dns01", &format!("127.0.0.1:{dns}"), "-management", &format!("127.0.0.1:{control}")])
            .spawn()
            .expect("pebble-challtestsrv is installed");
        listening(control).await;
        let authority = program("pebble", folder.path())
            .args(["-config", &config, "-dnsserver", &format!("127.0.0.1:{dns}")])
            // Otherwise it waits up to fifteen seconds before each validation.
            .env("PEBBLE_VA_NOSLEEP", "1")
            .spawn()
            .expect("pebble is installed");
        listening(acme).await;
        listening(management).await;
        Pebble {
            directory: format!("https://127.0.0.1:{acme}/dir"),
            management: format!("https://127.0.0.1:{management}"),
            roots: cert.pem().into_bytes(),
            _programs: [names, authority],
            _folder: folder,
        }
    }

    /// The URL of its directory.
    pub(crate) fn directory(&self) -> &str {
        &self.directory
    }

    /// In PEM: what its own HTTPS is to be believed by.
    pub(crate) fn roots(&self) -> &[u8] {
        &self.roots
    }

    /// In PEM: what the certificates are signed by that it issues. Another one each time it starts.
    pub(crate) async fn issuer(&self) -> Vec<u8> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&self.roots).expect("PEM")).expect("a certificate");
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().expect("a client");
        let answer = client.get(format!("{}/roots/0", self.management)).send().await.expect("it answers");
        answer.bytes().await.expect("whole").to_vec()
    }
}

fn program(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(name);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command
}

/// Different ones: all are held until each is known.
fn free_ports<const N: usize>() -> [u16; N] {
    let held: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    held.map(|listener| listener.local_addr().expect("bound").port())
}

async fn listening(port: u16) {
    let connected = async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            // waits: neither says when it listens.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, connected).await.expect("it starts");
}
