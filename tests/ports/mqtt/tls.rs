//! TLS against the real mosquitto: whom the port believes, whom it shows its own certificate, and what it says if that fails. Certificates
//! are made here and live as long as the test.

use super::peer::{Log, Peer, Port, config, level, pause};
use crate::program::{Place, until};
use drk_relay::config::{MqttConfig, MqttTls};
use drk_relay::port::clock::Clock;
use drk_relay::port::mqtt::{Unusable, client_config};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed"))
    }

    /// What a client believes.
    pub(crate) fn root(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    /// A certificate for `name` that is valid in these years, and its key: both in PEM.
    pub(crate) fn sign(&self, name: &str, from: i32, until: i32) -> (String, String) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        // Another name than the authority's, or OpenSSL takes it for signed by itself.
        params.distinguished_name.push(DnType::CommonName, name);
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.0).expect("signed").pem(), key.serialize_pem())
    }
}

/// mosquitto with TLS for the relay and without for people.
struct Secured {
    tls: SocketAddr,
    plain: SocketAddr,
    _directory: TempDir,
    _child: Child,
    _places: [Place; 2],
}

impl Secured {
    /// Shows this certificate; wants one of the client's, signed by `clients`, if there is such.
    async fn start(certificate: &(String, String), clients: Option<&Authority>) -> Secured {
        let (places, directory) = ([Place::reserve(), Place::reserve()], tempfile::tempdir().expect("a directory"));
        let [tls, plain] = [places[0].address, places[1].address];
        let at = |name: &str| directory.path().join(name).display().to_string();
        let mut text = format!(
            "user root\nallow_anonymous true\nlistener {} 127.0.0.1\nlistener {} 127.0.0.1\ncertfile {}\nkeyfile {}\n",
            plain.port(),
            tls.port(),
            at("cert"),
            at("key")
        );
        if let Some(clients) = clients {
            fs::write(at("clients"), clients.root()).expect("written");
            text += &format!("cafile {}\nrequire_certificate true\n", at("clients"));
        }
        for (name, content) in [("cert", &certificate.0), ("key", &certificate.1), ("conf", &text)] {
            fs::write(at(name), content).expect("written");
        }
        let mut command = Command::new("mosquitto");
        command.args(["-c", &at("conf")]).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().expect("mosquitto is installed");
        until(async || TcpStream::connect(tls).await.ok()).await;
        Secured { tls, plain, _directory: directory, _child: child, _places: places }
    }

    fn port(&self, host: &str, tls: MqttTls) -> Port {
        let config = config(self.tls);
        Port::with(MqttConfig { host: host.to_owned(), tls: Some(tls), ..config }, 16)
    }
}

fn believing(authority: &Authority) -> MqttTls {
    MqttTls { roots: Some(authority.root()), client: None }
}

/// A figure goes through.
async fn works(broker: &Secured, mut port: Port) {
    let mut people = Peer::connect(broker.plain, "publisher").await;
    people.subscribe("relay/#").await;
    while people.message().await.1 != "online" {}
    people.settled().await;
    people.send(&[level(312, 1)]).await;
    assert_eq!(port.take().await, 312);
}

#[tokio::test]
async fn a_broker_with_the_right_certificate_is_believed_by_name_and_by_address() {
    let authority = Authority::new("one");
    for host in ["localhost", "127.0.0.1"] {
        let broker = Secured::start(&authority.sign(host, 2020, 2090), None).await;
        works(&broker, broker.port(host, believing(&authority))).await;
    }
}

#[tokio::test]
async fn a_broker_that_wants_our_certificate_gets_it() {
    let (authority, clients) = (Authority::new("one"), Authority::new("another"));
    let broker = Secured::start(&authority.sign("localhost", 2020, 2090), Some(&clients)).await;
    let (chain, key) = clients.sign("relay", 2020, 2090);
    let client = Some((chain.into_bytes(), key.into()));
    works(&broker, broker.port("localhost", MqttTls { client, ..believing(&authority) })).await;
}

#[tokio::test]
async fn who_is_not_believed_is_said_so_and_tried_slowly() {
    let (authority, other) = (Authority::new("one"), Authority::new("another"));
    let good = authority.sign("localhost", 2020, 2090);
    let mozilla = MqttTls { roots: None, client: None };
    let strange = other.sign("relay", 2020, 2090);
    let ours = MqttTls { client: Some((strange.0.into_bytes(), strange.1.into())), ..believing(&authority) };
    for (certificate, clients, tls, said) in [
        (&good, None, believing(&other), "signed by nobody we believe"),
        (&good, None, mozilla, "signed by nobody we believe"),
        (&authority.sign("localhost", 2020, 2021), None, believing(&authority), "has expired"),
        (&authority.sign("localhost", 2089, 2090), None, believing(&authority), "is not valid yet"),
        (&authority.sign("broker.example", 2020, 2090), None, believing(&authority), "for another name"),
        (&good, Some(&authority), believing(&authority), "wants a certificate of ours"),
        (&good, Some(&authority), ours, "wants a certificate of ours, or does not believe"),
    ] {
        let broker = Secured::start(certificate, clients).await;
        let (log, _guard) = Log::start();
        let _port = broker.port("localhost", tls);
        refused(&log, said).await;
    }
}

#[tokio::test]
async fn the_wrong_port_and_certificates_that_are_none_are_said() {
    let authority = Authority::new("one");
    let broker = Secured::start(&authority.sign("localhost", 2020, 2090), None).await;
    for (port, roots, said) in [
        (broker.plain.port(), authority.root(), "is this its port for TLS?"),
        (broker.tls.port(), b"none".to_vec(), "Wurzelzertifikaten des Brokers"),
    ] {
        let (log, _guard) = Log::start();
        let tls = MqttTls { roots: Some(roots), client: None };
        let _port = Port::with(MqttConfig { port, tls: Some(tls), ..config(broker.tls) }, 16);
        log.says(said).await;
    }
    let (chain, key) = authority.sign("relay", 2020, 2090);
    let unusable = |chain: &str, key: &str| {
        client_config(&MqttTls { roots: None, client: Some((chain.into(), key.into())) }, &Clock::System).expect_err("nothing to work with")
    };
    assert!(matches!(unusable("", &key), Unusable::Chain));
    assert!(matches!(unusable(&chain, ""), Unusable::Key));
    assert!(matches!(unusable(&chain, &authority.sign("relay", 2020, 2090).1), Unusable::Mismatch(_)));
}

/// An error, once, and no hurry.
async fn refused(log: &Log, said: &str) {
    let line = log.says("no connection to the MQTT broker").await;
    assert!(line.contains("ERROR") && line.contains(said), "{said}: {line}");
    assert!((30.0..=60.0).contains(&pause(&line)), "{line}");
}
