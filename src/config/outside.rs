//! What the ports need: the broker, the Cloud API, where webhooks arrive, where one may ask how the relay fares. Secrets come from `files`.

use super::document::{Complaint, Item, Section, quoted};
use super::files::{Files, Form, Secret};
use super::kinds::{Authority, WORD_MAX, boolean, digits, host, integer, is_local, path, text, wrong};
use super::phone::{self, PhoneNumber};
use super::public::StatusConfig;
use super::tls;
use super::{ClockConfig, FIGURES, GraphConfig, MqttConfig, RELAY, WebhookConfig};
use crate::domain::rules::RATE;
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};

pub(super) const TOKEN: Secret =
    Secret { key: "token_file", credential: "whatsapp-token", title: "Das Zugriffstoken der Cloud API", form: Form::Word };
pub(super) const APP_SECRET: Secret = Secret {
    key: "app_secret_file",
    credential: "whatsapp-app-secret",
    title: "Das App-Geheimnis, mit dem Meta seine Webhooks unterschreibt,",
    form: Form::Word,
};
pub(super) const APP_SECRET_NEXT: Secret =
    Secret { key: "app_secret_next_file", credential: "whatsapp-app-secret-next", title: "Das nächste App-Geheimnis", form: Form::Word };
pub(super) const VERIFY_TOKEN: Secret = Secret {
    key: "verify_token_file",
    credential: "whatsapp-verify-token",
    title: "Das Wort, mit dem Meta die Adresse der Webhooks prüft,",
    form: Form::Line,
};
pub(super) const PASSWORD: Secret =
    Secret { key: "password_file", credential: "mqtt-password", title: "Das Passwort für den Broker", form: Form::Line };

/// IANA: mqtt and secure-mqtt.
const MQTT_PORT: u32 = 1883;
const MQTTS_PORT: u32 = 8883;
/// Meta's own address.
const BASE_URL: &str = "https://graph.facebook.com";
/// The Graph version that this program was written against (WhatsApp docs: changelog).
const VERSION: &str = "v26.0";
/// Messages a second that Meta permits at the very most (WhatsApp docs: throughput).
const RATE_MAX: u32 = 1_000;
/// Meta's access tokens begin like this, its app secrets never do.
const TOKEN_BEGINS: &str = "EAA";

/// When the clock is trusted.
pub(super) fn clock(root: &mut Section<'_>) -> Option<ClockConfig> {
    let mut section = root.section("clock")?;
    section.begin();
    let trust = section.choice("trust", &[("proven", ClockConfig::Proven), ("always", ClockConfig::Always)]);
    section.end();
    trust
}

/// The broker.
pub(super) fn mqtt(root: &mut Section<'_>, files: &Files) -> Option<MqttConfig> {
    let mut section = root.section("mqtt")?;
    section.begin();
    let (host, encrypted, port) = broker(&mut section);
    let egress = section.or("egress", false, boolean);
    let client_id = section.or("client_id", "drk-relay".to_owned(), text(WORD_MAX));
    let discovery = section.optional("discovery_prefix", topic_root);
    let login = login(&mut section, files);
    let tls = tls::mqtt(&mut section, files, encrypted);
    section.end();
    if let (Some(host), Some(false), Some(Some(_))) = (&host, encrypted, &login)
        && !is_local(host)
    {
        section.warn("user", "das Passwort geht unverschlüsselt durchs Netz.", "tls = true, wenn der Broker es kann.");
    }
    Some(MqttConfig {
        host: host?,
        port: u16::try_from(port?).ok()?,
        client_id: client_id?,
        login: login?,
        figures: FIGURES.to_owned(),
        relay: RELAY.to_owned(),
        tls: tls?,
        egress: egress?,
        discovery: discovery?,
        // `settings` knows them.
        feeds: Vec::new(),
        maps: Vec::new(),
        zone: TimeZone::UTC,
    })
}

/// Where the broker is: its host, whether it is asked with TLS, and its port.
pub(super) fn broker(section: &mut Section<'_>) -> (Option<String>, Option<bool>, Option<u32>) {
    let host = section.or("host", "localhost".to_owned(), host);
    let encrypted = section.or("tls", false, boolean);
    let usual = if encrypted == Some(true) { MQTTS_PORT } else { MQTT_PORT };
    (host, encrypted, section.or("port", usual, integer(1..=u16::MAX.into())))
}

/// What topics begin with.
pub(super) fn topic_root(item: &Item<'_>) -> Result<String, Complaint> {
    let text = text(WORD_MAX)(item)?;
    let good = !text.contains(['+', '#']) && !text.starts_with(['/', '$']) && !text.ends_with('/');
    let remedy = "so schreiben, wie es in Home Assistant eingestellt ist, meist \"homeassistant\".";
    if good { Ok(text) } else { Err(wrong("das ist kein Anfang von Topics.", remedy)) }
}

fn login(section: &mut Section<'_>, files: &Files) -> Option<Option<(String, SecretString)>> {
    let (user, password) = (section.optional("user", text(WORD_MAX)), files.secret(section, &PASSWORD));
    match (user?, password?) {
        (Some(user), Some(password)) => Some(Some((user, password))),
        (None, None) => Some(None),
        (Some(_), None) => {
            let what = format!("zum Benutzer fehlt das Passwort: {}.", files.nowhere(section, &PASSWORD));
            section.missing_beside(PASSWORD.key, "user", &what, &files.remedy(&PASSWORD));
            None
        }
        (None, Some(_)) => {
            let remedy = files.dropping(&PASSWORD, "das Passwort weglassen.");
            section.missing_beside(
                "user",
                PASSWORD.key,
                "zum Passwort fehlt der Benutzer.",
                &format!("user = \"…\" ergänzen; oder {remedy}"),
            );
            None
        }
    }
}

/// The Cloud API and its webhooks.
pub(super) struct Whatsapp {
    pub(super) graph: GraphConfig,
    pub(super) app_secrets: Vec<SecretString>,
    pub(super) verify_token: SecretString,
    pub(super) rate: u32,
}

/// The Cloud API.
pub(super) fn whatsapp(root: &mut Section<'_>, files: &Files) -> Option<Whatsapp> {
    let mut section = root.required_section("whatsapp", "phone_number_id, token_file, app_secret_file und verify_token_file")?;
    section.begin();
    let phone_number_id = section.required("phone_number_id", "\"200000000000002\"", digits);
    let phone_number = section.optional("phone_number", phone_number);
    let version = section.or("version", VERSION.to_owned(), version);
    let base_url = section.or("base_url", BASE_URL.to_owned(), base_url);
    let rate = section.or("messages_per_second", RATE, integer(1..=RATE_MAX));
    let token = files.required_secret(&mut section, &TOKEN);
    let app_secret = files.required_secret(&mut section, &APP_SECRET);
    let next = files.secret(&mut section, &APP_SECRET_NEXT);
    let verify_token = files.required_secret(&mut section, &VERIFY_TOKEN);
    section.end();
    if let (Some(token), Some(app_secret)) = (&token, &app_secret) {
        doubts(&section, token, app_secret);
    }
    phone_number?;
    let graph = GraphConfig {
        base_url: base_url?,
        version: version?,
        phone_number_id: phone_number_id?,
        token: token?,
        // `ways` knows them.
        proxy: None,
        extra_roots: None,
    };
    let app_secrets = [Some(app_secret?), next?].into_iter().flatten().collect();
    Some(Whatsapp { graph, app_secrets, verify_token: verify_token?, rate: rate? })
}

/// The branch's number, as people write it.
pub(super) fn phone_number(item: &Item<'_>) -> Result<PhoneNumber, Complaint> {
    PhoneNumber::parse(&text(WORD_MAX)(item)?).ok_or_else(|| wrong(phone::WRONG, phone::REMEDY))
}

/// Secrets that look like something else. Only a remark: Meta may change what they look like.
fn doubts(section: &Section<'_>, token: &SecretString, app_secret: &SecretString) {
    let (token, app_secret) = (token.expose_secret(), app_secret.expose_secret());
    let hexadecimal = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let where_from = "Zugriffstoken: Business-Einstellungen, Systembenutzer; App-Geheimnis: App-Dashboard, Einstellungen, Allgemeines.";
    if token == app_secret {
        section.warn(TOKEN.key, "Zugriffstoken und App-Geheimnis sind gleich.", where_from);
    } else if hexadecimal(token) || app_secret.starts_with(TOKEN_BEGINS) {
        section.warn(TOKEN.key, "Zugriffstoken und App-Geheimnis scheinen vertauscht zu sein.", where_from);
    } else if !hexadecimal(app_secret) {
        section.warn(APP_SECRET.key, "ein App-Geheimnis besteht sonst aus 32 Ziffern und Buchstaben von a bis f.", where_from);
    } else if !token.starts_with(TOKEN_BEGINS) {
        section.warn(TOKEN.key, &format!("ein Zugriffstoken beginnt sonst mit {TOKEN_BEGINS}."), where_from);
    }
}

fn version(item: &Item<'_>) -> Result<String, Complaint> {
    let text = text(WORD_MAX)(item)?;
    let number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let good = text.strip_prefix('v').and_then(|rest| rest.split_once('.')).is_some_and(|(major, minor)| number(major) && number(minor));
    if good { Ok(text) } else { Err(wrong("das ist keine Version der Graph API.", format!("in der Form {} schreiben.", quoted(VERSION)))) }
}

/// Without a `/` at the end. A token must not travel in the clear.
fn base_url(item: &Item<'_>) -> Result<String, Complaint> {
    let text = text(WORD_MAX)(item)?;
    let remedy = format!("{} schreiben oder die Zeile löschen.", quoted(BASE_URL));
    let Some(address) = Authority::parse(&text).filter(|address| address.user.is_none()) else {
        return Err(wrong("das ist keine Adresse, unter der eine API zu finden ist.", remedy));
    };
    match address.scheme {
        "https" => Ok(text.trim_end_matches('/').to_owned()),
        "http" if address.is_local() => Ok(text.trim_end_matches('/').to_owned()),
        "http" => Err(wrong("http:// ist nur zu diesem Rechner selbst erlaubt: das Token ginge unverschlüsselt durchs Netz.", remedy)),
        _ => Err(wrong("die Adresse muss mit https:// beginnen.", remedy)),
    }
}

/// Where webhooks arrive, and what proves that they are Meta's.
pub(super) fn webhook(whatsapp: &Whatsapp) -> WebhookConfig {
    WebhookConfig {
        app_secrets: whatsapp.app_secrets.clone(),
        verify_token: whatsapp.verify_token.clone(),
        phone_number_id: whatsapp.graph.phone_number_id.clone(),
    }
}

/// Where one may ask how the relay fares.
pub(super) fn status(root: &mut Section<'_>, files: &Files, state_dir: Option<&std::path::Path>) -> Option<StatusConfig> {
    let mut section = root.section("status")?;
    section.begin();
    let socket = section.read_silently("socket", path).optional();
    section.end();
    let socket = socket?.map(|socket| files.at(&socket));
    let status = StatusConfig::new(socket, &files.at(state_dir?));
    section.effective("socket", &quoted(&status.socket.to_string_lossy()));
    Some(status)
}
