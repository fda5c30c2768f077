//! Why a message is no figure. Decides nothing: the code is for programs, the sentence for the person who set the publisher up.

use crate::domain::event::Figure;
use crate::domain::ids::Name;

/// What is wrong with a message. Carries parts of the payload for the publisher's eyes: log [`Rejected::code`], never the whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rejected {
    /// Not below `<figures>/`.
    UnknownTopic,
    /// No feed of that name is configured (any more: we hear only what we subscribed to, and a session remembers that).
    UnknownFeed {
        /// What the publisher wrote, at most 64 characters of it.
        named: String,
        /// The configured feed that looks most like it.
        nearest: Option<Name>,
    },
    /// The feed has no such metric.
    UnknownMetric {
        /// What the publisher wrote, at most 64 characters of it.
        named: String,
        /// The configured metric that looks most like it.
        nearest: Option<Name>,
    },
    /// Nothing but white space: also what clearing a retained value looks like.
    Empty,
    /// Not UTF-8.
    NotText,
    /// More text than a number has.
    TooLong,
    /// More bytes than a message may have.
    TooLarge {
        /// So many it may have.
        most: usize,
    },
    /// The publisher says that it has no value: `unavailable`, `None`, `null`.
    NoValue,
    /// No number that we know how to read.
    NotANumber,
    /// `1e3`: a float was printed.
    Exponent,
    /// Two readings, a factor of thousand apart.
    Ambiguous {
        /// The number as it came.
        text: String,
        /// Its digits without separators: one of the readings.
        digits: String,
    },
    /// A count with digits behind the point.
    NotWhole,
    /// More decimals than a value keeps.
    TooPrecise,
    /// More digits than a value keeps.
    OutOfRange,
    /// No JSON object.
    Malformed,
    /// Nested more deeply than anything in the contract, or anything that devices publish.
    TooDeep {
        /// So many levels there may be.
        deepest: usize,
    },
    /// One key twice: which of the two is meant?
    DuplicateKey,
    /// A bare number on the feed's topic: of which metric?
    MetricMissing,
    /// An object on the feed's topic without any metric.
    NoMetric,
    /// An object on a metric's topic without `value`.
    ValueMissing,
    /// `as_of` is no date.
    BadDate,
    /// `published_at` is no moment.
    BadMoment,
    /// Empty, too long, or no text.
    BadId {
        /// Under this key.
        key: &'static str,
    },
    /// `value_state` is none of the three.
    BadState,
    /// `unit` is no text.
    BadUnit,
    /// Percent for a fraction, or the like.
    OtherUnit {
        /// What it should be.
        configured: String,
    },
    /// It says that there is no report, and a value besides.
    Contradiction,
    /// A foreign document has nothing where `[[map]]` points to.
    NotThere {
        /// The pointer.
        pointer: String,
    },
    /// Where `[[map]]` says that a foreign document has its day, there is none.
    NoDay,
}

impl Rejected {
    /// Stable, for programs: the receipt's `code`.
    pub fn code(&self) -> &'static str {
        match self {
            Rejected::UnknownTopic => "unknown-topic",
            Rejected::UnknownFeed { .. } => "unknown-feed",
            Rejected::UnknownMetric { .. } => "unknown-metric",
            Rejected::Empty => "empty",
            Rejected::NotText => "not-text",
            Rejected::TooLong => "too-long",
            Rejected::TooLarge { .. } => "too-large",
            Rejected::NoValue => "no-value",
            Rejected::NotANumber => "not-a-number",
            Rejected::Exponent => "exponent",
            Rejected::Ambiguous { .. } => "ambiguous-number",
            Rejected::NotWhole => "not-whole",
            Rejected::TooPrecise => "too-precise",
            Rejected::OutOfRange => "out-of-range",
            Rejected::Malformed => "malformed-json",
            Rejected::TooDeep { .. } => "too-deep",
            Rejected::DuplicateKey => "duplicate-key",
            Rejected::MetricMissing => "metric-missing",
            Rejected::NoMetric => "no-metric",
            Rejected::ValueMissing => "value-missing",
            Rejected::BadDate | Rejected::NoDay => "bad-date",
            Rejected::BadMoment => "bad-published-at",
            Rejected::BadId { key: "corrects" } => "bad-corrects",
            Rejected::BadId { .. } => "bad-id",
            Rejected::BadState => "bad-value-state",
            Rejected::BadUnit => "bad-unit",
            Rejected::OtherUnit { .. } => "other-unit",
            Rejected::Contradiction => "value-and-no-report",
            Rejected::NotThere { .. } => "not-there",
        }
    }

    /// What is wrong and what to do, in German, for the person who set the publisher up.
    pub fn hint(&self) -> String {
        match self {
            Rejected::UnknownFeed { named, nearest } => {
                let nearest = nearest.as_ref().map(|nearest| format!(" Eingerichtet ist zum Beispiel „{nearest}“.")).unwrap_or_default();
                format!("Dieser Feed ist nicht eingerichtet: „{named}“.{nearest} Bitte den Namen mit [[feed]] in relay.toml vergleichen.")
            }
            Rejected::UnknownMetric { named, nearest: Some(nearest) } => format!(
                "Die Kennzahl „{named}“ ist nicht eingerichtet; am ähnlichsten ist „{nearest}“. Bitte den Namen mit [[feed.metric]] in \
                 relay.toml vergleichen."
            ),
            Rejected::UnknownMetric { named, nearest: None } => format!("Die Kennzahl „{named}“ ist nicht eingerichtet."),
            Rejected::Ambiguous { text, digits } => format!(
                "„{text}“ kann {digits} heißen oder eine Zahl mit Nachkommastellen sein. Bitte ohne Tausendertrennzeichen senden \
                 ({digits}), Nachkommastellen einer Rate als JSON, zum Beispiel {{\"value\": 57.4}}."
            ),
            Rejected::TooLarge { most } => format!("Die Nachricht ist zu groß: höchstens {most} Bytes."),
            Rejected::TooDeep { deepest } => format!("Das JSON ist zu tief verschachtelt: höchstens {deepest} Ebenen."),
            Rejected::BadId { key } => {
                format!("{key} ist kein Text von 1 bis {} Bytes. Bitte in Anführungszeichen setzen.", Figure::ID_MAX)
            }
            Rejected::OtherUnit { configured } => format!(
                "Die Einheit passt nicht: eingerichtet ist „{configured}“. Bitte den Wert umrechnen, oder unit unter [[feed.metric]] in \
                 relay.toml berichtigen."
            ),
            Rejected::NotThere { pointer } => {
                format!(
                    "In der Nachricht gibt es „{pointer}“ nicht. Bitte pointer und as_of unter [[map]] in relay.toml damit vergleichen."
                )
            }
            Rejected::UnknownTopic
            | Rejected::Empty
            | Rejected::NotText
            | Rejected::TooLong
            | Rejected::NoValue
            | Rejected::NotANumber
            | Rejected::Exponent
            | Rejected::NotWhole
            | Rejected::TooPrecise
            | Rejected::OutOfRange
            | Rejected::Malformed
            | Rejected::DuplicateKey
            | Rejected::MetricMissing
            | Rejected::NoMetric
            | Rejected::ValueMissing
            | Rejected::BadDate
            | Rejected::BadMoment
            | Rejected::BadState
            | Rejected::BadUnit
            | Rejected::Contradiction
            | Rejected::NoDay => self.sentence().to_owned(),
        }
    }

    fn sentence(&self) -> &'static str {
        match self {
            Rejected::UnknownTopic => "Dieses Topic gehört zu keinem Feed. Bitte den Namen mit [[feed]] in relay.toml vergleichen.",
            Rejected::UnknownFeed { .. } => "Dieser Feed ist nicht eingerichtet.",
            Rejected::UnknownMetric { .. } => "Diese Kennzahl ist nicht eingerichtet.",
            Rejected::Empty => "Die Nachricht ist leer. Bitte eine Zahl senden, zum Beispiel 17.",
            Rejected::NotText => "Die Nachricht ist kein Text. Bitte als UTF-8 senden.",
            Rejected::TooLong => "Für eine Zahl ist das zu lang: höchstens 64 Zeichen. Bitte nur die Zahl senden.",
            Rejected::TooLarge { .. } => "Die Nachricht ist zu groß.",
            Rejected::NoValue => "Der Absender hatte keinen Wert. Bitte nur senden, wenn eine Zahl vorliegt.",
            Rejected::NotANumber => "Das ist keine Zahl. Bitte nur Ziffern senden, zum Beispiel 17; bei einer Rate zum Beispiel 57,4.",
            Rejected::Exponent => "Zahlen mit Exponent wie 1e3 werden nicht gelesen. Bitte ausschreiben, zum Beispiel 1000.",
            Rejected::Ambiguous { .. } => "Die Zahl ist nicht eindeutig.",
            Rejected::NotWhole => "Eine Anzahl hat keine Nachkommastellen. Bitte eine ganze Zahl ohne Punkt und Komma senden.",
            Rejected::TooPrecise => "Zu viele Nachkommastellen: höchstens 6. Bitte vor dem Senden runden.",
            Rejected::OutOfRange => "Die Zahl ist zu groß. Bitte die Quelle prüfen.",
            Rejected::Malformed => {
                "Das JSON ist nicht lesbar. Erwartet wird ein Objekt, zum Beispiel {\"value\": 17, \"as_of\": \"2026-11-22\"}."
            }
            Rejected::TooDeep { .. } => "Das JSON ist zu tief verschachtelt.",
            Rejected::DuplicateKey => "Ein Schlüssel kommt im JSON zweimal vor. Bitte jeden nur einmal senden.",
            Rejected::MetricMissing => {
                "Welche Kennzahl ist gemeint? Bitte auf das Topic der Kennzahl senden oder ein JSON-Objekt mit ihrem Namen."
            }
            Rejected::NoMetric => "Das JSON-Objekt enthält keine eingerichtete Kennzahl. Bitte die Namen mit [[feed.metric]] vergleichen.",
            Rejected::ValueMissing => "Im JSON-Objekt fehlt \"value\". Beispiel: {\"value\": 17, \"as_of\": \"2026-11-22\"}.",
            Rejected::BadMoment => {
                "published_at ist kein Zeitpunkt. Bitte in der Form 2026-11-22T09:05:00+01:00 senden; ohne +01:00 gilt die Ortszeit."
            }
            Rejected::BadId { .. } => "Ein Text ist leer oder zu lang.",
            Rejected::BadState => "value_state kennt nur \"final\", \"provisional\" und \"no_report_today\".",
            Rejected::BadUnit => "unit ist kein Text. Bitte in Anführungszeichen setzen oder weglassen.",
            Rejected::OtherUnit { .. } => "Die Einheit passt nicht.",
            Rejected::Contradiction => {
                "\"no_report_today\" sagt, dass es keine Zahl gibt, und doch steht eine da. Bitte eines von beiden weglassen."
            }
            Rejected::NotThere { .. } => "Dort, wo [[map]] in relay.toml hinzeigt, steht nichts.",
            Rejected::NoDay => {
                "Dort, wo laut [[map]] in relay.toml der Tag steht (as_of), steht weder Datum noch Zeitpunkt noch Sekunden seit 1970."
            }
            Rejected::BadDate => "as_of ist kein Datum. Bitte in der Form 2026-11-22 senden.",
        }
    }
}
