//! What is looked at, in the order in which it is shown: what everything else depends on first. docs/handbuch/doctor.md has a section on
//! each, and a test compares the two.

use super::{device, meta, relay, service};

/// One check.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Subject {
    /// `relay.toml` and what it names.
    Configuration,
    /// Whether a relay answers.
    Relay,
    /// Its service of systemd.
    Service,
    /// Whether the running program is the installed one.
    Version,
    /// What became of the latest update.
    Update,
    /// What time it is.
    Clock,
    /// The MQTT broker.
    Broker,
    /// The connection to the relay host.
    Tunnel,
    /// The address that Meta calls.
    PublicAddress,
    /// What TLS shows there.
    Certificate,
    /// What lets us ask and send.
    Token,
    /// The business number.
    Number,
    /// Where Meta delivers.
    Webhook,
    /// Whether messages leave.
    Sending,
    /// Whether Meta would deliver what costs money.
    Payment,
    /// The month's messages.
    Budget,
    /// The store's file.
    Store,
    /// What it lies on.
    StateFolder,
    /// How much is left there.
    Space,
    /// Working memory.
    Memory,
    /// The voltage.
    Power,
    /// What starts a device that hangs.
    Watchdog,
    /// What people were told already.
    Alarms,
}

impl Subject {
    /// All of them.
    pub const ALL: [Subject; 23] = [
        Subject::Configuration,
        Subject::Relay,
        Subject::Service,
        Subject::Version,
        Subject::Update,
        Subject::Clock,
        Subject::Broker,
        Subject::Tunnel,
        Subject::PublicAddress,
        Subject::Certificate,
        Subject::Token,
        Subject::Number,
        Subject::Webhook,
        Subject::Sending,
        Subject::Payment,
        Subject::Budget,
        Subject::Store,
        Subject::StateFolder,
        Subject::Space,
        Subject::Memory,
        Subject::Power,
        Subject::Watchdog,
        Subject::Alarms,
    ];

    /// What programs call it. Never changes.
    pub fn name(self) -> &'static str {
        match self {
            Subject::Configuration => "configuration",
            Subject::Relay => "relay",
            Subject::Service => "service",
            Subject::Version => "version",
            Subject::Update => "update",
            Subject::Clock => "clock",
            Subject::Broker => "broker",
            Subject::Tunnel => "tunnel",
            Subject::PublicAddress => "public-address",
            Subject::Certificate => "certificate",
            Subject::Token => "token",
            Subject::Number => "number",
            Subject::Webhook => "webhook",
            Subject::Sending => "sending",
            Subject::Payment => "payment",
            Subject::Budget => "budget",
            Subject::Store => "store",
            Subject::StateFolder => "state-folder",
            Subject::Space => "space",
            Subject::Memory => "memory",
            Subject::Power => "power",
            Subject::Watchdog => "watchdog",
            Subject::Alarms => "alarms",
        }
    }

    /// What technicians call it.
    pub fn title(self) -> &'static str {
        match self {
            Subject::Configuration => "Konfiguration",
            Subject::Relay => "Relay",
            Subject::Service => "Dienst",
            Subject::Version => "Version",
            Subject::Update => "Update",
            Subject::Clock => "Uhr",
            Subject::Broker => "MQTT-Broker",
            Subject::Tunnel => "Tunnel",
            Subject::PublicAddress => "Adresse für Meta",
            Subject::Certificate => "Zertifikat",
            Subject::Token => "Zugriffstoken",
            Subject::Number => "Nummer",
            Subject::Webhook => "Webhooks",
            Subject::Sending => "Senden",
            Subject::Payment => "Zahlung",
            Subject::Budget => "Kontingent",
            Subject::Store => "Speicher",
            Subject::StateFolder => "Zustandsordner",
            Subject::Space => "Freier Platz",
            Subject::Memory => "Arbeitsspeicher",
            Subject::Power => "Stromversorgung",
            Subject::Watchdog => "Hardware-Watchdog",
            Subject::Alarms => "Alarme",
        }
    }

    /// Every remedy of ours. Those of Meta, of the broker's link and of alarms come with what is found.
    pub fn remedies(self) -> &'static [&'static str] {
        match self {
            Subject::Configuration => &[service::SEE_CONFIGURATION, service::AS_ROOT],
            Subject::Relay => &[relay::START, relay::AS_ROOT, relay::HANGS, relay::ROOM, relay::RESTART],
            Subject::Service => &[service::SEE_JOURNAL, service::ENABLE, service::INSTALL],
            Subject::Version => &[service::RESTART],
            Subject::Update => &[service::WAIT_FOR_JUDGE, service::ROLLED_BACK],
            Subject::Clock => &[relay::CLOCK, device::CLOCK],
            Subject::Broker => &[relay::BROKER],
            Subject::Tunnel => &[relay::TUNNEL],
            Subject::PublicAddress => &[relay::ADDRESS, relay::CHALLENGE],
            Subject::Certificate => &[relay::CERTIFICATE, device::CERTIFICATE],
            Subject::Token => &[meta::NEW_TOKEN, meta::EXPIRING, meta::PERMISSIONS, meta::WAY],
            Subject::Number => &[meta::QUALITY, meta::CONNECT, meta::NAME, meta::RIGHTS, meta::TEST_NUMBER, meta::THROTTLED],
            Subject::Webhook => &[meta::REGISTER, meta::ELSEWHERE, meta::SUBSCRIBE, relay::WEBHOOK],
            Subject::Sending => &[relay::HELD, relay::UNREACHABLE, relay::OVER],
            Subject::Payment => &[meta::PAY, meta::BLOCKED, relay::WITHHELD],
            Subject::Budget => &[relay::SHORT, relay::SPENT],
            Subject::Store => &[relay::DAMAGED, device::STORE],
            Subject::StateFolder => &[device::VOLATILE, device::READ_ONLY, device::NO_FOLDER],
            Subject::Space => &[relay::ROOM, device::INODES],
            Subject::Memory => &[device::MEMORY, device::LIMIT],
            Subject::Power => &[device::POWER],
            Subject::Watchdog => &[device::WATCHDOG, device::WATCHDOG_FAILED],
            Subject::Alarms => &[relay::ALARMS, relay::FIGURES],
        }
    }
}
