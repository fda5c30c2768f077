//! The ways in and out, as they are configured: how Meta's webhooks come in, who ends TLS, and how the relay gets outside. Types only; what
//! is read is in `ingress`.

use secrecy::SecretString;
use std::net::SocketAddr;
use std::path::PathBuf;

/// How Meta's webhooks come in.
#[derive(Clone, Debug)]
pub enum IngressConfig {
    /// Something else brings them here: a reverse proxy, `ssh -R`, WireGuard.
    Listen(Address),
    /// Our own connection to the relay host does.
    Tunnel(TunnelConfig),
}

/// Where to listen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// A TCP port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// The connection to the relay host: any stock OpenSSH server.
#[derive(Clone, Debug)]
pub struct TunnelConfig {
    /// Its name or address.
    pub host: String,
    /// Its TCP port for SSH.
    pub port: u16,
    /// The branch's user there.
    pub user: String,
    /// Our private key, in OpenSSH's format, Ed25519, without a password: looked at in `config`.
    pub key: SecretString,
    /// Its public key, as `ssh-keyscan` prints it without the host: `ssh-ed25519 AAAA…`. Looked at in `config`; no other is accepted.
    pub host_key: String,
    /// What it is asked to forward to us.
    pub forward: TunnelForward,
}

/// What the relay host forwards.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TunnelForward {
    /// A Unix socket there (`streamlocal-forward@openssh.com`): a new session takes it over at once, even from one that is frozen.
    Unix(String),
    /// A TCP port there, on this address. A dead session keeps it until sshd notices.
    Tcp(String, u16),
}

/// Where TLS ends: here.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// Whether each connection begins with a header of PROXY protocol version 2, which says who really calls.
    pub proxy_protocol: bool,
    /// Encryption, unless something in front of the relay ends it.
    pub encrypted: Option<TlsServer>,
}

/// Encryption on the device.
#[derive(Clone, Debug)]
pub struct TlsServer {
    /// The name that Meta calls, and that the certificate is for.
    pub name: String,
    /// Certificates in PEM by which Meta's own must be signed, if Meta has to show one (mutual TLS). Its name is
    /// `client.webhooks.fbclientcerts.com` (WhatsApp docs: mTLS).
    pub meta_roots: Option<Vec<u8>>,
}

/// Where our certificate comes from.
#[derive(Clone, Debug)]
pub enum CertificateConfig {
    /// Ordered by ourselves (RFC 8555), proved by TLS-ALPN-01 through the way in.
    Acme(AcmeConfig),
    /// From files, which somebody else renews: they are read again when they change.
    Files {
        /// The chain, ours first, in PEM.
        chain: PathBuf,
        /// Its private key, in PEM.
        key: PathBuf,
    },
}

/// Who signs our certificate.
#[derive(Clone, Debug)]
pub struct AcmeConfig {
    /// The directory's URL.
    pub directory: String,
    /// Who is written to before a certificate ends: an e-mail address.
    pub contact: Option<String>,
    /// Its profile (`tlsserver`); nothing: that one if the directory lists it, else the directory's default.
    pub profile: Option<String>,
    /// Certificates in PEM that the directory's own is signed by, instead of Mozilla's roots.
    pub roots: Option<Vec<u8>>,
    /// The name that the certificate is for.
    pub name: String,
    /// Where keys and certificate lie, each 0600. Made if it is not there.
    pub folder: PathBuf,
}

/// How the relay gets outside: to the Graph API, to who signs certificates, and to a broker that is far away.
#[derive(Clone, Debug)]
pub enum EgressConfig {
    /// By itself.
    Direct,
    /// Through a proxy: `http://` (CONNECT), `socks5://` or `socks5h://`; may carry user and password.
    Proxy(SecretString),
    /// Through the connection to the relay host.
    Tunnel,
}

/// The relay calls itself from outside.
#[derive(Clone, Debug)]
pub struct ProbeConfig {
    /// The name that Meta calls.
    pub host: String,
    /// The port that Meta calls.
    pub port: u16,
    /// Certificates in PEM that are believed besides Mozilla's: those of a certificate authority of one's own.
    pub extra_roots: Option<Vec<u8>>,
}

/// IANA: https.
pub(super) const HTTPS_PORT: u16 = 443;

impl ProbeConfig {
    /// The address that Meta calls, with this path: `https://wa.drk-musterstadt.example/webhook`.
    pub fn url(&self, path: &str) -> String {
        match self.port {
            HTTPS_PORT => format!("https://{}{path}", self.host),
            port => format!("https://{}:{port}{path}", self.host),
        }
    }
}
