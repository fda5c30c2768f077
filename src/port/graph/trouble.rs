//! Why Meta cannot be reached, told apart as far as a technician can do something about it. What Meta itself says about a message or the
//! account is no trouble of the way there: that is judged in the middle.

use crate::port::outward::causes;

/// What stands between us and the Cloud API.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Trouble {
    /// No address for the name.
    #[error("Der Name von Metas Server lässt sich nicht auflösen. Abhilfe: Internetverbindung und DNS-Server prüfen.")]
    Name,
    /// Refused, no route, closed while connecting, or too slow.
    #[error("Keine Verbindung zu Meta. Abhilfe: Internetverbindung und Firewall prüfen (ausgehend TCP 443).")]
    Unreachable,
    /// The certificate does not prove that it is Meta.
    #[error(
        "Das Zertifikat der Gegenstelle ist nicht gültig. Abhilfe: Uhrzeit des Geräts prüfen; \
         prüft ein Firmen-Proxy den Verkehr, sein Wurzelzertifikat eintragen (egress.ca_file)."
    )]
    Certificate,
    /// The proxy wants other credentials.
    #[error("Der Proxy lehnt die Anmeldung ab; Meta wurde nicht gefragt. Abhilfe: Benutzer und Passwort in egress.proxy prüfen.")]
    ProxyLogin,
    /// The proxy is not there, or does not let us through.
    #[error(
        "Der Proxy ist nicht erreichbar oder stellt keine Verbindung zu Meta her. \
         Abhilfe: egress.proxy und die Regeln des Proxys prüfen; mit egress.mode = \"tunnel\": steht der Tunnel, und erlaubt PermitOpen \
         auf dem Relay-Host graph.facebook.com:443?"
    )]
    Proxy,
    /// The request was written, no answer came.
    #[error("Meta antwortet nicht. Ob die Nachricht ankam, zeigt sich von selbst. Abhilfe: Internetverbindung beobachten.")]
    Silent,
    /// This HTTP status, and not the Cloud API's JSON with it.
    #[error(
        "Statt der Cloud API antwortet etwas anderes (HTTP {0}). \
         Abhilfe: whatsapp.base_url und whatsapp.version prüfen; sonst eine Störung bei Meta abwarten."
    )]
    Stranger(u16),
}

impl Trouble {
    /// Why no connection came about.
    pub(super) fn connecting(error: &reqwest::Error, proxied: bool) -> Trouble {
        let mut refused = false;
        let mut certificate = false;
        for cause in causes(error) {
            // hyper-util keeps its types of these to itself. If it words them differently one day, the tests say so, and until then they
            // are a proxy that does not let us through.
            let text = cause.to_string();
            let login =
                ["proxy authorization required", "credentials not accepted", "does not support user/pass", "implements authentication"];
            refused |= login.iter().any(|login| text.contains(login));
            certificate |= cause.downcast_ref::<rustls::Error>().is_some_and(is_about_certificates);
        }
        match () {
            () if refused => Trouble::ProxyLogin,
            () if certificate => Trouble::Certificate,
            () if proxied => Trouble::Proxy,
            () if error.is_dns() => Trouble::Name,
            () => Trouble::Unreachable,
        }
    }

    /// What an answer says that has neither a message's id nor a code.
    pub(super) fn answered(status: u16, proxied: bool) -> Trouble {
        // Only a proxy answers this, and only if the base URL is plain http: else it is asked before the request.
        if status == 407 && proxied { Trouble::ProxyLogin } else { Trouble::Stranger(status) }
    }

    /// One line for the log: error if it stays until somebody repairs it.
    pub(super) fn log(self, detail: &str) {
        match self {
            Trouble::Certificate | Trouble::ProxyLogin => tracing::error!(trouble = ?self, detail, "Meta cannot be reached"),
            Trouble::Name | Trouble::Unreachable | Trouble::Proxy | Trouble::Silent | Trouble::Stranger(_) => {
                tracing::warn!(trouble = ?self, detail, "Meta cannot be reached");
            }
        }
    }
}

fn is_about_certificates(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)
}

/// An answer has a few hundred bytes; whatever is longer is not Meta's.
const ANSWER: usize = 64 * 1024;

/// The body of an answer, or as much of it as comes. One that breaks off is judged by its status: it was an answer.
pub(super) async fn bounded(mut response: reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER {
            break;
        }
    }
    body
}

/// The deepest reason, without the address.
pub(super) fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    causes(&error).last().map_or_else(String::new, ToString::to_string)
}
