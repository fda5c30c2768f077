//! The way outside: straight there, or through a proxy. Opens connections and says why one could not be opened, and begins every HTTP
//! client that connects by itself; what is said over them, TLS included, is for the port that wanted it.

use crate::config::EgressConfig;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::rt::TokioIo;
use reqwest::header::HeaderValue;
use reqwest::{Client, ClientBuilder, Proxy, Url};
use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use std::error::Error;
use std::future::{Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tower_service::Service;

/// Name lookup and TCP, through a proxy too, on a slow mobile line.
pub const CONNECT: Duration = Duration::from_secs(20);
/// Addresses of one name that are tried: the time is shared among them, so that a broken IPv6 route does not use up that of IPv4.
const ADDRESSES: usize = 4;

/// How the relay gets outside.
#[derive(Clone, Debug)]
pub enum Outward {
    /// By itself.
    Direct,
    /// Through a proxy: `http://` (CONNECT), `socks5://` (names are looked up here) or `socks5h://` (there); may carry user and password.
    Proxy(SecretString),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum NoWay {
    /// Nobody knows the name.
    #[error("the name is unknown: {0}")]
    Name(io::Error),
    /// The other side refused, or there is no route.
    #[error("{0}")]
    Refused(io::Error),
    /// Nobody answered in time.
    #[error("no answer in time")]
    Silent,
    /// The proxy itself cannot be reached: the same reasons, one step before.
    #[error("the proxy cannot be reached: {0}")]
    ProxyAway(Box<NoWay>),
    /// The proxy is there and does not let us through.
    #[error("the proxy does not let us through: {0}")]
    Proxy(String),
}

impl NoWay {
    /// For technicians, without an end: `who` could not be reached (in German, in the nominative).
    pub fn sentence(&self, who: &str) -> String {
        match self {
            NoWay::Name(why) => format!("der Name lässt sich nicht auflösen: {who} ({why}). Abhilfe: den Namen und das Netz prüfen"),
            NoWay::Refused(why) => format!("keine Verbindung: {who} ({why}). Abhilfe: Läuft der Dienst dort? Stimmen Name und Port?"),
            NoWay::Silent => format!("keine Antwort: {who}. Abhilfe: Name, Port, Firewall und das Netz prüfen"),
            NoWay::ProxyAway(why) => why.sentence("der Proxy"),
            NoWay::Proxy(why) => {
                format!(
                    "der Proxy stellt keine Verbindung her: {who} ({why}). Abhilfe: Erlaubt er dieses Ziel? Stimmen Benutzer und Passwort? \
                     Mit egress.mode = \"tunnel\": Steht der Tunnel, und erlaubt PermitOpen auf dem Relay-Host dieses Ziel?"
                )
            }
        }
    }
}

impl Outward {
    /// As configured. Through the tunnel, whoever has one says by which address its own proxy is reached.
    pub fn of(config: &EgressConfig) -> Outward {
        match config {
            EgressConfig::Direct | EgressConfig::Tunnel => Outward::Direct,
            EgressConfig::Proxy(address) => Outward::Proxy(address.clone()),
        }
    }

    /// A TCP connection to `host:port`, without delays for small packets.
    ///
    /// # Errors
    /// See [`NoWay`].
    pub async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, NoWay> {
        let connected = async {
            match self {
                Outward::Direct => reach(host.to_owned(), port).await,
                Outward::Proxy(address) => through(address.expose_secret(), host, port).await,
            }
        };
        let stream = timeout(CONNECT, connected).await.unwrap_or(Err(NoWay::Silent))?;
        stream.set_nodelay(true).map_err(NoWay::Refused)?;
        Ok(stream)
    }

    /// The beginning of an HTTP client that goes this way. It follows nobody elsewhere, who may not be told what it carries, and never asks
    /// twice: what was asked twice may be done twice.
    ///
    /// # Errors
    /// See [`UnusableProxy`].
    pub fn http(&self, tls: ClientConfig) -> Result<ClientBuilder, UnusableProxy> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            // Not from the environment: a proxy is said in relay.toml or there is none.
            .no_proxy();
        Ok(match self {
            Outward::Direct => client,
            Outward::Proxy(address) => client.proxy(for_http(address)?),
        })
    }

    /// The proxy's whole address, for libraries that connect by themselves.
    pub fn proxy(&self) -> Option<&SecretString> {
        match self {
            Outward::Direct => None,
            Outward::Proxy(address) => Some(address),
        }
    }
}

/// Why an HTTP client cannot go through this proxy. Never quotes the address, which may carry a password.
#[derive(Debug, thiserror::Error)]
pub enum UnusableProxy {
    /// It is no address.
    #[error("egress.proxy: keine gültige Adresse, zum Beispiel \"http://proxy.example.org:3128\"")]
    Address,
    /// It is one of something else.
    #[error("egress.proxy: erlaubt sind http://, https://, socks5:// und socks5h://, zum Beispiel \"http://proxy.example.org:3128\"")]
    Scheme,
}

/// CONNECT or SOCKS 5, with user and password if the address carries them.
fn for_http(address: &SecretString) -> Result<Proxy, UnusableProxy> {
    // reqwest would quote the address, password and all.
    let url = Url::parse(address.expose_secret()).map_err(|_| UnusableProxy::Address)?;
    if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") || url.host_str().is_none_or(str::is_empty) {
        return Err(UnusableProxy::Scheme);
    }
    Proxy::all(url).map_err(|_| UnusableProxy::Address)
}

/// The first address of the name that answers.
async fn reach(host: String, port: u16) -> Result<TcpStream, NoWay> {
    let found = lookup_host((host.as_str(), port)).await.map_err(NoWay::Name)?;
    let addresses: Vec<SocketAddr> = found.take(ADDRESSES).collect();
    let share = CONNECT / u32::try_from(addresses.len()).unwrap_or(1).max(1);
    let mut why = NoWay::Name(io::ErrorKind::NotFound.into());
    for address in addresses {
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => why = NoWay::Refused(error),
            Err(_) => why = NoWay::Silent,
        }
    }
    Err(why)
}

async fn through(address: &str, host: &str, port: u16) -> Result<TcpStream, NoWay> {
    // The address is not quoted: it may hold a password.
    let unusable = || NoWay::Proxy("its address cannot be used".to_owned());
    let url = Url::parse(address).map_err(|_| unusable())?;
    let (proxy, proxy_port) = url.host_str().zip(url.port_or_known_default()).ok_or_else(unusable)?;
    let (user, password) = (plain(url.username()), plain(url.password().unwrap_or_default()));
    let stream =
        Reached(Some(reach(proxy.trim_matches(['[', ']']).to_owned(), proxy_port).await.map_err(|why| NoWay::ProxyAway(why.into()))?));
    // An IPv6 address has brackets in a URL, and only there.
    let target = if host.contains(':') { format!("http://[{host}]:{port}") } else { format!("http://{host}:{port}") };
    let target = target.parse().map_err(|_| NoWay::Proxy("the destination cannot be named".to_owned()))?;
    // Where the stream leads already.
    let origin = hyper::Uri::from_static("http://proxy");
    let connected = if url.scheme() == "http" {
        let mut tunnel = Tunnel::new(origin, stream);
        if !user.is_empty() {
            tunnel = tunnel.with_auth(basic(&user, &password).ok_or_else(unusable)?);
        }
        tunnel.call(target).await.map_err(|error| NoWay::Proxy(error.to_string()))?
    } else {
        let mut socks = SocksV5::new(origin, stream).local_dns(url.scheme() == "socks5");
        if !user.is_empty() {
            socks = socks.with_auth(user, password);
        }
        socks.call(target).await.map_err(|error| NoWay::Proxy(error.to_string()))?
    };
    Ok(connected.into_inner())
}

/// What the library takes for a connector: the proxy has been reached already, so that it is told apart from what lies behind it.
struct Reached(Option<TcpStream>);

impl Service<hyper::Uri> for Reached {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Ready<io::Result<TokioIo<TcpStream>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: hyper::Uri) -> Self::Future {
        ready(self.0.take().map(TokioIo::new).ok_or_else(|| io::ErrorKind::NotConnected.into()))
    }
}

/// What a library says about a connection, from the outside in. What an I/O error wraps is not its source, but the source's source is.
pub fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| {
        let cause: &(dyn Error + 'static) = *cause;
        match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        }
    })
}

/// User and password as they are written, without the escapes of a URL.
fn plain(escaped: &str) -> String {
    percent_encoding::percent_decode_str(escaped).decode_utf8_lossy().into_owned()
}

/// RFC 7617.
fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    let mut value = HeaderValue::from_str(&format!("Basic {encoded}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}
