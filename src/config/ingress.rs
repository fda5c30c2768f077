//! What is read of `[ingress]`, `[tunnel]`, `[acme]` and `[egress]`: how Meta's webhooks come in, who ends TLS, how the relay gets outside.

use super::document::{Complaint, Item, Section, quoted};
use super::files::{Files, Form, Secret};
use super::kinds::{Authority, WORD_MAX, boolean, host, integer, text, wrong};
use super::tls;
use super::ways::{
    AcmeConfig, Address, CertificateConfig, EgressConfig, HTTPS_PORT, IngressConfig, ProbeConfig, TlsConfig, TlsServer, TunnelConfig,
    TunnelForward,
};
use russh::keys::{Algorithm, PrivateKey, PublicKey};
use secrecy::{ExposeSecret, SecretString};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub(super) const TUNNEL_KEY: Secret =
    Secret { key: "key_file", credential: "tunnel-key", title: "Der SSH-Schlüssel für den Relay-Host", form: Form::Pem };
pub(super) const PROXY: Secret = Secret { key: "proxy_file", credential: "proxy", title: "Die Adresse des Proxys", form: Form::Word };

/// IANA: ssh.
const SSH_PORT: u32 = 22;
/// Longest path of a Unix socket on Linux (`sun_path`), without its end.
const SOCKET_MAX: usize = 107;
/// Longest address that Meta takes for a callback (WhatsApp docs: webhooks, override), and what follows ours: `https://` and `/webhook`.
const NAME_MAX: usize = 200 - 16;
/// Let's Encrypt.
const ACME_DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// Where ACME's keys and certificate lie, in the state directory.
const ACME_FOLDER: &str = "acme";

/// All of them.
pub(super) struct Ways {
    pub(super) ingress: IngressConfig,
    pub(super) tls: TlsConfig,
    pub(super) certificate: Option<CertificateConfig>,
    pub(super) egress: EgressConfig,
    /// Certificates in PEM that are believed besides the usual ones by whatever goes outside.
    pub(super) extra_roots: Option<Vec<u8>>,
    pub(super) probe: Option<ProbeConfig>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Listen,
    Tunnel,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    InFront,
    Acme,
    File,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Out {
    Direct,
    Proxy,
    Tunnel,
}

/// Reads them.
pub(super) fn ways(root: &mut Section<'_>, files: &Files, state_dir: Option<&Path>) -> Option<Ways> {
    let mut section = root.required_section("ingress", "mode");
    let mode = section.as_mut().and_then(|section| {
        section.begin();
        section.choice("mode", &[("listen", Mode::Listen), ("tunnel", Mode::Tunnel)])
    });
    let door = section.and_then(|mut section| {
        let door = door(&mut section, files, mode);
        section.end();
        door
    });
    let tunnel = tunnel(root, files, mode);
    let acme = acme(root, files, door.as_ref());
    let egress = egress(root, files, mode);
    let (Door { listen, ends, public, proxy_protocol, meta_roots, pair }, (egress, extra_roots)) = (door?, egress?);
    let name = public.as_ref().map(|(name, _)| name.clone());
    let (certificate, encrypted) = match (ends, name, acme?) {
        (Ends::InFront, ..) => (None, None),
        (Ends::File, Some(name), _) => {
            let (chain, key) = pair?;
            (Some(CertificateConfig::Files { chain, key }), Some(TlsServer { name, meta_roots }))
        }
        (Ends::Acme, Some(name), Some(acme)) => {
            let folder = files.at(state_dir?).join(ACME_FOLDER);
            let acme = AcmeConfig { name: name.clone(), folder, roots: acme.roots.or_else(|| extra_roots.clone()), ..acme };
            (Some(CertificateConfig::Acme(acme)), Some(TlsServer { name, meta_roots }))
        }
        // What is missing has been written down.
        (Ends::File | Ends::Acme, ..) => return None,
    };
    Some(Ways {
        ingress: match mode? {
            Mode::Listen => IngressConfig::Listen(listen?),
            Mode::Tunnel => IngressConfig::Tunnel(tunnel??),
        },
        tls: TlsConfig { proxy_protocol, encrypted },
        certificate,
        probe: public.map(|(host, port)| ProbeConfig { host, port, extra_roots: extra_roots.clone() }),
        egress,
        extra_roots,
    })
}

/// What `[ingress]` says.
struct Door {
    listen: Option<Address>,
    ends: Ends,
    /// Name and port that Meta calls.
    public: Option<(String, u16)>,
    proxy_protocol: bool,
    meta_roots: Option<Vec<u8>>,
    /// Certificate and key.
    pair: Option<(PathBuf, PathBuf)>,
}

fn door(section: &mut Section<'_>, files: &Files, mode: Option<Mode>) -> Option<Door> {
    let tunnelled = mode == Some(Mode::Tunnel);
    let listen = if tunnelled {
        in_vain(section, &["listen"], "durch den Tunnel kommt alles, ohne dass hier ein Port offen ist.");
        Some(None)
    } else {
        section.required("listen", "\"127.0.0.1:8080\"", |item| address(item, files)).map(Some)
    };
    let url = "\"https://wa.drk-musterstadt.example\"";
    let public = if tunnelled { section.required("url", url, public).map(Some) } else { section.optional("url", public) };
    let words = [("none", Ends::InFront), ("acme", Ends::Acme), ("file", Ends::File)];
    let ends = section.choice("tls", if tunnelled { &words[1..] } else { &words });
    let proxy_protocol = section.or("proxy_protocol", tunnelled, boolean);
    let meta_roots = tls::authority(section, files, "meta_ca_file");
    let pair = match ends {
        Some(Ends::File) => tls::server(section, files).map(Some),
        Some(Ends::Acme | Ends::InFront) | None => {
            in_vain(section, &[tls::SERVER_CERTIFICATE, tls::SERVER_KEY], "das gilt nur mit tls = \"file\".");
            Some(None)
        }
    };
    let (listen, public, ends, meta_roots) = (listen?, public?, ends?, meta_roots?);
    if ends == Ends::InFront {
        if listen.as_ref().is_some_and(|listen| matches!(listen, Address::Tcp(address) if address.ip().is_unspecified())) {
            let what = "das Relay ist dort von überall zu erreichen, ohne TLS.";
            section.warn("listen", what, "nur die Adresse nennen, an der der Tunnel ankommt, zum Beispiel \"127.0.0.1:8080\".");
        }
        if meta_roots.is_some() {
            section.refuse(
                "meta_ca_file",
                "wer davor TLS beendet, sieht Metas Zertifikat, das Relay nicht.",
                "tls = \"acme\" oder die Zeile löschen.",
            );
            return None;
        }
    } else if public.is_none() {
        section.missing_beside("url", "tls", "ein Zertifikat gilt für einen Namen, und der fehlt.", &format!("url = {url} ergänzen."));
        return None;
    }
    Some(Door { listen, ends, public, proxy_protocol: proxy_protocol?, meta_roots, pair: pair? })
}

/// Warns of keys that mean nothing here.
fn in_vain(section: &mut Section<'_>, keys: &[&'static str], why: &str) {
    for key in keys {
        if section.has(key) {
            section.warn(key, why, "die Zeile löschen.");
        }
    }
}

fn address(item: &Item<'_>, files: &Files) -> Result<Address, Complaint> {
    let text = text(WORD_MAX)(item)?;
    if let Some(path) = text.strip_prefix("unix:") {
        let path = files.at(Path::new(path));
        let fits = path.as_os_str().len() <= SOCKET_MAX;
        return if fits {
            Ok(Address::Unix(path))
        } else {
            Err(wrong("der Pfad ist für einen Unix-Socket zu lang.", "höchstens 107 Zeichen."))
        };
    }
    let remedy = "in der Form \"127.0.0.1:8080\" oder \"unix:/run/drk-relay/in.sock\" schreiben.";
    text.parse().map(Address::Tcp).map_err(|_| wrong("das ist keine Adresse mit Port.", remedy))
}

/// What Meta calls: a name and perhaps a port, by https.
fn public(item: &Item<'_>) -> Result<(String, u16), Complaint> {
    let remedy = "nur https:// und den Namen schreiben, ohne Pfad, zum Beispiel \"https://wa.drk-musterstadt.example\".";
    let text = text(NAME_MAX)(item)?;
    let Some(address) = Authority::parse(&text) else { return Err(wrong("das ist keine Adresse, die Meta aufrufen könnte.", remedy)) };
    if address.scheme != "https" || address.user.is_some() || address.path.len() > 1 {
        return Err(wrong("das ist keine Adresse, die Meta aufrufen könnte.", remedy));
    }
    if address.host.parse::<std::net::IpAddr>().is_ok() || address.host.starts_with('[') || address.host.contains('_') {
        return Err(wrong("ein Zertifikat gibt es nur für einen Namen aus dem DNS.", remedy));
    }
    Ok((address.host.trim_end_matches('.').to_ascii_lowercase(), address.port.unwrap_or(HTTPS_PORT)))
}

/// The connection to the relay host; `Some(None)` if there is to be none.
fn tunnel(root: &mut Section<'_>, files: &Files, mode: Option<Mode>) -> Option<Option<TunnelConfig>> {
    if mode != Some(Mode::Tunnel) {
        unneeded(root, "tunnel", "ohne ingress.mode = \"tunnel\" wirkt dieser Abschnitt nicht.");
        return Some(None);
    }
    let mut section = root.required_section("tunnel", "host, user, host_key, forward und key_file")?;
    section.begin();
    let host = section.required("host", "\"relay.drk-kreisverband.example\"", host);
    let port = section.or("port", SSH_PORT, integer(1..=u16::MAX.into()));
    let user = section.required("user", "\"relay-musterstadt\"", user);
    let host_key = section.required("host_key", "\"ssh-ed25519 AAAA…\"", host_key);
    let forward = section.required("forward", "\"unix:/run/drk-relay-host/musterstadt/in.sock\"", forward);
    let key = files.required_secret(&mut section, &TUNNEL_KEY).filter(|key| ours(&section, key));
    section.end();
    let port = u16::try_from(port?).ok()?;
    Some(Some(TunnelConfig { host: host?, port, user: user?, key: key?, host_key: host_key?, forward: forward? }))
}

/// A section that is not needed: what stands in it is not looked at.
fn unneeded(root: &mut Section<'_>, key: &'static str, why: &str) {
    if root.has(key) {
        root.warn(key, why, "den Abschnitt löschen.");
    }
}

/// A user of Unix.
fn user(item: &Item<'_>) -> Result<String, Complaint> {
    let text = text(WORD_MAX)(item)?;
    let good = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) && !text.starts_with('-');
    if good { Ok(text) } else { Err(wrong("so heißt kein Benutzer.", "den Benutzer nennen, der auf dem Relay-Host angelegt ist.")) }
}

/// As `ssh-keyscan` prints it, with the host's name or without; kept without.
fn host_key(item: &Item<'_>) -> Result<String, Complaint> {
    let remedy = "„ssh-keyscan -t ed25519 <host>“ zeigt ihn; mit dem vergleichen, was der Relay-Host selbst sagt: ssh-keygen -lf \
                  /etc/ssh/ssh_host_ed25519_key.pub";
    let text = text(PATH_MAX)(item)?;
    let words: Vec<_> = text.split_ascii_whitespace().collect();
    let found = words.windows(2).find(|pair| pair[0].starts_with("ssh-") || pair[0].starts_with("ecdsa-")).map(|pair| pair.join(" "));
    let key = found.as_ref().and_then(|line| PublicKey::from_openssh(line).ok());
    match (found, key.map(|key| key.algorithm())) {
        (Some(line), Some(Algorithm::Ed25519)) => Ok(line),
        (_, Some(_)) => Err(wrong("es muss der Ed25519-Schlüssel des Relay-Hosts sein.", remedy)),
        (_, None) => Err(wrong("das ist kein öffentlicher SSH-Schlüssel.", remedy)),
    }
}

/// Longest line with a key.
const PATH_MAX: usize = 4096;

fn forward(item: &Item<'_>) -> Result<TunnelForward, Complaint> {
    let remedy = "in der Form \"unix:/run/drk-relay-host/musterstadt/in.sock\" oder \"127.0.0.1:5001\" schreiben, wie auf dem Relay-Host \
                  eingerichtet.";
    let text = text(WORD_MAX)(item)?;
    match text.strip_prefix("unix:") {
        Some(path) if path.starts_with('/') && path.len() <= SOCKET_MAX => Ok(TunnelForward::Unix(path.to_owned())),
        Some(_) => Err(wrong("das ist kein Pfad eines Sockets auf dem Relay-Host.", remedy)),
        None => {
            let address = text.parse().ok().filter(|address: &SocketAddr| address.port() != 0);
            let address = address.ok_or_else(|| wrong("das ist weder ein Socket noch eine Adresse mit Port.", remedy))?;
            Ok(TunnelForward::Tcp(address.ip().to_string(), address.port()))
        }
    }
}

/// Whether a key can log us in. What is wrong is written down.
fn ours(section: &Section<'_>, key: &SecretString) -> bool {
    let remedy = "„drk-relay tunnel keygen --key <Datei>“ macht einen.";
    let what = match PrivateKey::from_openssh(key.expose_secret()) {
        Err(_) => "darin steht kein SSH-Schlüssel im OpenSSH-Format.",
        Ok(key) if key.is_encrypted() => "der Schlüssel ist mit einem Passwort gesichert, das hier niemand eingeben kann.",
        Ok(key) if key.algorithm() != Algorithm::Ed25519 => "es muss ein Ed25519-Schlüssel sein.",
        Ok(_) => return true,
    };
    section.refuse(TUNNEL_KEY.key, what, remedy);
    false
}

/// Who signs our certificate; `Some(None)` if nobody is asked to. Name and folder are filled in later.
fn acme(root: &mut Section<'_>, files: &Files, door: Option<&Door>) -> Option<Option<AcmeConfig>> {
    if door.is_some_and(|door| door.ends != Ends::Acme) {
        unneeded(root, "acme", "ohne ingress.tls = \"acme\" wirkt dieser Abschnitt nicht.");
        return Some(None);
    }
    let mut section = root.section("acme")?;
    section.begin();
    let directory = section.or("directory", ACME_DIRECTORY.to_owned(), directory);
    let contact = section.optional("contact", contact);
    let profile = section.optional("profile", text(WORD_MAX));
    let roots = tls::authority(&mut section, files, "ca_file");
    section.end();
    let (directory, contact, profile, roots) = (directory?, contact?, profile?, roots?);
    Some(Some(AcmeConfig { directory, contact, profile, roots, name: String::new(), folder: PathBuf::new() }))
}

fn directory(item: &Item<'_>) -> Result<String, Complaint> {
    let text = text(WORD_MAX)(item)?;
    let good = Authority::parse(&text).is_some_and(|address| address.scheme == "https" && address.user.is_none());
    let remedy = format!("{} schreiben oder die Zeile löschen.", quoted(ACME_DIRECTORY));
    if good { Ok(text) } else { Err(wrong("das ist keine Adresse einer ACME-Stelle.", remedy)) }
}

/// An address for mail, as far as one can tell.
fn contact(item: &Item<'_>) -> Result<String, Complaint> {
    let text = text(WORD_MAX)(item)?;
    let address = text.strip_prefix("mailto:").unwrap_or(&text);
    let good = address.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.')) && address.is_ascii();
    let remedy = "in der Form \"technik@drk-musterstadt.example\" schreiben oder die Zeile löschen.";
    if good && !address.contains(char::is_whitespace) {
        Ok(address.to_owned())
    } else {
        Err(wrong("das ist keine E-Mail-Adresse.", remedy))
    }
}

/// The way outside, and what is believed on it besides the usual certificates.
fn egress(root: &mut Section<'_>, files: &Files, mode: Option<Mode>) -> Option<(EgressConfig, Option<Vec<u8>>)> {
    let mut section = root.section("egress")?;
    section.begin();
    let out = section.choice("mode", &[("direct", Out::Direct), ("proxy", Out::Proxy), ("tunnel", Out::Tunnel)]);
    let proxy = proxy(&mut section, files);
    let extra_roots = tls::authority(&mut section, files, "ca_file");
    section.end();
    let (out, proxy, extra_roots) = (out?, proxy?, extra_roots?);
    let egress = match (out, proxy) {
        (Out::Proxy, Some(address)) => EgressConfig::Proxy(address),
        (Out::Proxy, None) => {
            section.refuse("mode", "die Adresse des Proxys fehlt.", "proxy = \"http://proxy.musterstadt.example:3128\" ergänzen.");
            return None;
        }
        (Out::Direct | Out::Tunnel, Some(_)) => {
            let drop = files.dropping(&PROXY, "den Proxy löschen.");
            let remedy = format!("mode = \"proxy\" schreiben; oder {drop}");
            section.refuse("mode", "ein Proxy ist angegeben, der so nicht benutzt wird.", &remedy);
            return None;
        }
        (Out::Tunnel, None) if mode == Some(Mode::Listen) => {
            section.refuse("mode", "einen Tunnel gibt es nur mit ingress.mode = \"tunnel\".", "\"direct\" oder \"proxy\" schreiben.");
            return None;
        }
        (Out::Tunnel, None) => EgressConfig::Tunnel,
        (Out::Direct, None) => EgressConfig::Direct,
    };
    Some((egress, extra_roots))
}

/// The way outside: written down if it holds no password, else from a file.
fn proxy(section: &mut Section<'_>, files: &Files) -> Option<Option<SecretString>> {
    let given = section.has("proxy");
    let open = section.optional("proxy", |item| {
        let url = text(WORD_MAX)(item)?;
        if proxy_address(&url)?.user.is_some() {
            let remedy = format!("die ganze Adresse in eine Datei mit chmod 600 schreiben und sie mit {} = \"…\" nennen.", PROXY.key);
            return Err(wrong("Benutzer und Passwort gehören nicht in diese Datei, die viele lesen dürfen.", remedy));
        }
        Ok(SecretString::from(url))
    });
    let secret = files.secret(section, &PROXY);
    let (open, secret) = (open?, secret?);
    let Some(secret) = secret else { return Some(open) };
    if given {
        let remedy = files.dropping(&PROXY, "nur eines von beiden angeben.");
        section.refuse("proxy", &format!("{} gibt es auch.", PROXY.key), &remedy);
        return None;
    }
    if let Err(Complaint { what, remedy }) = proxy_address(secret.expose_secret()) {
        section.refuse(PROXY.key, &what, &remedy);
        return None;
    }
    Some(Some(secret))
}

fn proxy_address(url: &str) -> Result<Authority<'_>, Complaint> {
    let good = |address: &Authority<'_>| ["http", "socks5", "socks5h"].contains(&address.scheme) && address.path.len() <= 1;
    let found = Authority::parse(url).filter(|address| good(address) && address.port.is_some());
    found
        .ok_or_else(|| wrong("das ist keine Adresse eines Proxys.", "http://, socks5:// oder socks5h:// schreiben, dahinter Rechner:Port."))
}
