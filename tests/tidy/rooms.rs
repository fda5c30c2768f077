//! Who may know whom (DESIGN.md section 4), as data. A room may name itself, what stands in its row, and nothing else of the crate.

/// What must not be named, why, and what to do instead.
pub(crate) type Ban = (&'static [&'static str], &'static str, &'static str);

/// Which dependencies of Cargo.toml a room may name.
pub(crate) enum Crates {
    /// These.
    Only(&'static [&'static str]),
    /// All but these.
    AllBut(&'static [&'static str]),
}

/// One row of the table.
pub(crate) struct Room {
    /// What it is called.
    pub(crate) name: &'static str,
    /// Where it lies, without `.rs`: a file, or a folder of that name. `src/port/*` is one room for each port.
    pub(crate) at: &'static str,
    /// Paths of the crate that it may name. `{Own}Config` is the part of the configuration that is called like the port.
    pub(crate) may: &'static [&'static str],
    /// Dependencies.
    pub(crate) crates: Crates,
    /// Words and paths of `std`.
    pub(crate) never: &'static [&'static [Ban]],
    /// What it is there for: said when something of the crate is named that it must not know.
    pub(crate) purpose: &'static str,
    /// Where such a thing belongs.
    pub(crate) instead: &'static str,
}

/// Found first, counts. Every file of `src` must lie in one of them.
pub(crate) const ROOMS: &[Room] = &[
    Room {
        name: "domain",
        at: "src/domain",
        may: &[],
        crates: Crates::Only(&["fluent_syntax", "jiff", "serde"]),
        never: &[WAITING, WORLD, CLOCK, CHANCE],
        purpose: "the domain decides and knows nothing else of the crate",
        instead: "take what it needs as an argument, and return what should happen as a Change or an Effect",
    },
    Room {
        name: "wheel",
        at: "src/wheel",
        may: &[],
        crates: Crates::Only(&[]),
        never: &[WAITING, WORLD, CLOCK, CHANCE],
        purpose: "the wheel is an index of deadlines, whoever they belong to",
        instead: "make it generic, or convert in relay",
    },
    Room {
        name: "store",
        at: "src/store",
        may: &["crate::domain"],
        crates: Crates::Only(&["postcard", "redb", "serde", "thiserror", "tracing"]),
        never: &[WAITING, CHANCE],
        purpose: "the store turns rows into bytes and back, and decides nothing",
        instead: "deciding belongs to domain, calling it to relay",
    },
    Room {
        name: "relay",
        at: "src/relay",
        may: &["crate::domain", "crate::store", "crate::wheel"],
        crates: Crates::Only(&["thiserror", "tracing"]),
        never: &[WAITING, WORLD, CHANCE],
        purpose: "the relay turns decisions into facts, and must run the same way in the simulation",
        instead: "what connects it to ports belongs to run",
    },
    Room {
        name: "run",
        at: "src/run",
        may: &[
            "crate::config",
            "crate::port",
            "crate::relay",
            "crate::store::Files",
            "crate::store::StoreError",
            "crate::domain::backup",
            "crate::domain::event",
            "crate::domain::decision",
            "crate::domain::ids",
            "crate::domain::time",
        ],
        crates: Crates::AllBut(&["axum", "hyper", "hyper_util", "postcard", "redb", "reqwest", "rumqttc", "serde", "serde_json", "toml"]),
        never: &[],
        purpose: "run starts, stops and connects; it opens the store and matches on effects, and touches no row and no rule",
        instead: "deciding belongs to domain, wire formats to a port, rows to store",
    },
    Room {
        name: "config",
        at: "src/config",
        may: &[
            "crate::domain::figures::Value",
            "crate::domain::figures::gate",
            "crate::domain::figures::holidays",
            "crate::domain::figures::rhythm",
            "crate::domain::ids",
            "crate::domain::rules",
            "crate::domain::time",
            "crate::domain::wording",
        ],
        crates: Crates::Only(&["jiff", "russh", "rustls", "secrecy", "thiserror", "toml"]),
        never: &[WAITING, CHANCE],
        purpose: "the configuration is read once, at start",
        instead: "what waits or connects belongs to a port, what depends on another part of the program to run",
    },
    Room {
        name: "port",
        at: "src/port/mod",
        may: &["crate::domain::event"],
        crates: Crates::Only(&["tokio"]),
        never: &[CHANCE],
        purpose: "here is only what all ports share: how something arrives and how it is acknowledged",
        instead: "put it into the one port that needs it",
    },
    Room {
        name: "the alarms",
        at: "src/port/alarm",
        may: &[
            "crate::domain::alarm",
            "crate::domain::budget::Standing",
            "crate::domain::budget::Surprise",
            "crate::domain::figures",
            "crate::domain::ids::Name",
            "crate::domain::time",
            "crate::port::alarms",
            "crate::port::board",
            "crate::port::clock",
            "crate::port::durable",
            "crate::port::events::KEPT",
            "crate::port::link",
            "crate::relay::pulse",
        ],
        purpose: "it sees that something is wrong and tells people; what an alarm is stands in domain/alarm",
        ..SHOWING
    },
    Room {
        name: "port/backup",
        at: "src/port/backup",
        may: &[
            "crate::config::Written",
            "crate::domain::backup",
            "crate::domain::budget",
            "crate::domain::figures",
            "crate::domain::ids",
            "crate::domain::notice",
            "crate::domain::state::Counters",
            "crate::domain::time",
        ],
        crates: Crates::Only(&["jiff", "serde", "serde_json", "sha2", "thiserror"]),
        never: &[WAITING, WORLD, CLOCK, CHANCE],
        purpose: "it turns a backup into a document and back, and believes no byte of it",
        instead: "what is kept belongs to domain/backup, files to command",
    },
    Room { at: "src/port/board", ..SHOWING },
    Room { at: "src/port/status", ..SHOWING },
    Room { at: "src/port/systemd", ..SHOWING },
    Room {
        name: "the clock",
        at: "src/port/clock",
        may: &[
            "crate::domain::event",
            "crate::domain::time",
            "crate::domain::trust",
            "crate::port::Arrival",
            "crate::port::Inbox",
            "crate::port::durable",
            "crate::config::ClockConfig",
        ],
        crates: Crates::AllBut(&["postcard", "redb", "toml"]),
        never: &[],
        purpose: "it reads clocks, and tells when they can be trusted",
        instead: "whether they can is domain::trust's to judge; who knows the time tells Clock::dated",
    },
    Room {
        name: "a port",
        at: "src/port/*",
        may: &[
            "crate::domain::event",
            "crate::domain::decision",
            "crate::domain::ids",
            "crate::domain::time",
            "crate::domain::figures::Publication",
            "crate::domain::figures::Value",
            "crate::domain::figures::View",
            "crate::relay::Surface",
            "crate::domain::rules::FeedRules",
            "crate::domain::rules::MetricKind",
            "crate::domain::rules::MetricRules",
            "crate::port::Arrival",
            "crate::port::INBOX",
            "crate::port::Inbox",
            "crate::port::clock",
            "crate::port::link",
            "crate::port::durable",
            "crate::port::pseudonym",
            "crate::port::knock",
            "crate::port::stream",
            "crate::port::certificates",
            "crate::port::outward",
            "crate::port::trust",
            "crate::port::alarms",
            "crate::domain::alarm",
            "crate::config::Address",
            "crate::config::EgressConfig",
            "crate::config::{Own}Config",
            "crate::config::AlarmConfig",
            "crate::config::HeartbeatConfig",
            "crate::config::{Own}Forward",
            "crate::config::{Own}Map",
            "crate::config::JsonPointer",
            "crate::config::{Own}Server",
            "crate::config::{Own}Tls",
            "crate::config::AcmeConfig",
        ],
        crates: Crates::AllBut(&["postcard", "redb", "toml"]),
        never: &[],
        purpose: "a port turns bytes into events and effects into bytes; it decides nothing and knows no other port",
        instead: "whether, what, to whom and when belongs to domain; what two ports share travels through the relay as an Event",
    },
    Room {
        name: "simulator",
        at: "src/simulator",
        may: &["crate::domain::ids", "crate::domain::time"],
        crates: Crates::AllBut(&["postcard", "redb"]),
        never: &[CHANCE],
        purpose: "the simulator is the world outside: if it shared our rules, it would share our mistakes",
        instead: "write the rule a second time, from Meta's documentation",
    },
    Room {
        name: "command",
        at: "src/command",
        may: &["crate"],
        crates: Crates::AllBut(&[]),
        never: &[],
        purpose: "commands may name everything and hold no rules",
        instead: "",
    },
    Room {
        name: "main",
        at: "src/main",
        may: &["crate::command", "crate::config", "crate::run"],
        crates: Crates::Only(&["anyhow", "clap", "tokio", "tracing", "tracing_subscriber"]),
        never: &[],
        purpose: "main reads arguments, builds the runtime and sets the exit code",
        instead: "put it into a command",
    },
    Room {
        name: "lib",
        at: "src/lib",
        may: &[],
        crates: Crates::Only(&[]),
        never: &[],
        purpose: "lib lists the modules in reading order",
        instead: "put it into a module",
    },
];

/// A port that shows others how the relay fares. It sees counts, and no event and no person.
const SHOWING: Room = Room {
    name: "a port that shows the relay",
    at: "",
    may: &[
        "crate::domain::backup",
        // A human's decision about figures goes to the relay by the socket that shows it, and its answer comes back.
        "crate::domain::decision::Receipt",
        "crate::domain::decision::Taken",
        "crate::domain::event",
        "crate::domain::figures",
        "crate::domain::ids::Name",
        "crate::domain::time",
        "crate::port::Arrival",
        "crate::port::backup",
        "crate::port::Inbox",
        "crate::port::alarms",
        "crate::port::update",
        "crate::port::board",
        "crate::port::certificates",
        "crate::port::clock",
        "crate::port::link",
        "crate::port::stream",
        "crate::relay::pulse",
        "crate::config::{Own}Config",
    ],
    crates: Crates::AllBut(&["postcard", "redb", "toml"]),
    never: &[CHANCE],
    purpose: "it shows the relay's pulse and the links of the ports, and decides nothing",
    instead: "count what is to be shown in relay/pulse; whether a link is up is said by its port",
};

/// What reads a clock: `port/clock/reading.rs` only, in the program and in its tests.
pub(crate) const CLOCK_READS: &[&str] = &["Instant::now", "SystemTime::now", "Timestamp::now", "Zoned::now", "Utc::now", "Local::now"];

/// The simulator's model of Meta and people is pure; its sockets are the files that name tokio, and they may read the demo's clock.
pub(crate) const SIMULATOR_MODEL: &[&[Ban]] = &[WAITING, WORLD, CLOCK];
/// What only the simulator's sockets may name besides.
pub(crate) const SIMULATOR_SOCKETS: &str = "crate::port::clock";

const WAITING: &[Ban] = &[(
    &["async", "await"],
    "it must be callable without a runtime, and between two awaits the world may have changed",
    "return what should happen, and let a port or run do the waiting",
)];

const WORLD: &[Ban] = &[
    (
        &["std::fs", "std::io", "std::net", "std::os", "std::process"],
        "no I/O: the simulation could neither see nor break it",
        "take the bytes or the result as an argument; files belong to store and config, sockets to ports",
    ),
    (&["std::env"], "what depends on the environment cannot be replayed", "read it in config or main and hand it in"),
    (
        &["std::thread", "std::sync"],
        "one owner and one thread of control: there is nothing to lock",
        "take `&mut self`; threads are started in run",
    ),
];

const CLOCK: &[Ban] = &[(
    &["std::time", "Instant", "SystemTime", "Zoned::now", "Timestamp::now"],
    "time is an argument, else no simulation can decide what time it is",
    "take `now: Millis`, and `domain::time` for spans",
)];

const CHANCE: &[Ban] = &[(
    &["rand", "getrandom", "fastrand", "uuid", "RandomState", "DefaultHasher", "thread_rng"],
    "the same seed must give the same trace",
    "count (ids are counters), or hash what is there (see `outbox::backoff`)",
)];
