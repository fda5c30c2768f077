//! What the branch decides: who speaks, which figures there are, who is reminded, what it may cost, when it ends. The pure part of the
//! configuration; nothing of sockets and secrets.

use super::document::{Complaint, Item, Section, quoted};
use super::kinds::{boolean, day, decimal, due, integer, land, morning, name, quiet, text, wrong};
use crate::domain::figures::gate::{GateRules, SLACK};
use crate::domain::figures::holidays::Land;
use crate::domain::figures::rhythm::Due;
use crate::domain::ids::Name;
use crate::domain::rules::{
    CORRECTION_SETTLE, End, FEEDS_MAX, FeedRules, MAX_AGE, METRICS_MAX, MetricKind, MetricRules, NAMES_MAX, Quiet, RATE, ReminderPolicy,
    Rules, SETTLE, Updates,
};
use crate::domain::time::{Day, Timestamp};
use crate::domain::wording::{
    BRANCH_MAX, CONTACT_MAX, FEED_TITLE_MAX, LABEL_MAX, PRIVACY_MAX, ROW_DESCRIPTION_MAX, ROW_TITLE_MAX, Texts, UNIT_MAX, length,
};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use toml::de::DeValue;

/// Digits behind the comma: more than any publisher of figures states.
const DECIMALS_MAX: u32 = 6;
/// Longest time to wait for the rest of a day's metrics: the reminder comes 55 s before the last second in which one may be sent.
const SETTLE_MAX: u32 = 40;
/// Longest time before a correction is sent: after a day nobody remembers what was wrong.
const CORRECTION_SETTLE_MAX: u32 = 24 * 3600;
/// Oldest figures that are still news, in days: what is published once a month may be about the month before.
const MAX_AGE_MAX: u32 = 62;
/// Messages a month that Meta is reported to carry free of charge (DESIGN.md, promise 9).
const MONTHLY_MESSAGES: u32 = 1_000;
const ZONE: &str = "Europe/Berlin";
/// The hour, local time, at which subscribers are told that the service will end.
const ANNOUNCED: i8 = 12;

/// The local time of the branch.
pub(super) fn zone(root: &mut Section<'_>) -> Option<TimeZone> {
    let parse = |item: &Item<'_>| {
        let name = text(64)(item)?;
        let zone =
            TimeZone::get(&name).map_err(|_| wrong("diese Zeitzone gibt es nicht.", format!("zum Beispiel \"{ZONE}\" schreiben.")))?;
        Ok((name, zone))
    };
    match root.optional("time_zone", parse)? {
        Some((_, zone)) => Some(zone),
        None => {
            root.effective("time_zone", &quoted(ZONE));
            TimeZone::get(ZONE).ok()
        }
    }
}

/// Everything but the rate of sending, the topics and the sentences.
pub(super) fn rules(root: &mut Section<'_>, zone: Option<TimeZone>) -> Option<Rules> {
    let (who, feeds) = (branch(root), feeds(root));
    let (reminder, monthly_messages, end) = (reminder(root), budget(root), end(root, zone.as_ref()));
    let Who { branch, contact, privacy, land } = who?;
    let (topics, texts) = (Vec::new(), Texts::german());
    Some(Rules {
        branch,
        contact,
        privacy,
        feeds: feeds?,
        zone: zone?,
        land,
        rate: RATE,
        reminder: reminder?.0,
        quiet: reminder?.1,
        monthly_messages: monthly_messages?,
        topics,
        end: end?,
        texts,
    })
}

/// Who speaks, and where.
struct Who {
    branch: String,
    contact: String,
    privacy: String,
    land: Option<Land>,
}

fn branch(root: &mut Section<'_>) -> Option<Who> {
    let mut section = root.required_section("branch", "name, contact und privacy")?;
    section.begin();
    let name = section.required("name", "\"DRK-Ortsverein Musterstadt\"", text(BRANCH_MAX));
    let contact = section.required("contact", "\"DRK-Ortsverein Musterstadt, 07751 5550100\"", text(CONTACT_MAX));
    let privacy = section.required("privacy", "\"drk-musterstadt.example/datenschutz\"", text(PRIVACY_MAX));
    let land = section.optional("land", land);
    section.end();
    Some(Who { branch: name?, contact: contact?, privacy: privacy?, land: land? })
}

fn feeds(root: &mut Section<'_>) -> Option<Vec<FeedRules>> {
    let mut sections = root.sections("feed", 1..=FEEDS_MAX)?;
    let many = sections.len() > 1;
    let mut feeds: Vec<Option<FeedRules>> = Vec::new();
    for section in &mut sections {
        let read = feed(section, many);
        let known = |name: &Name| feeds.iter().flatten().any(|other| other.name == *name);
        if read.as_ref().is_some_and(|feed| known(&feed.name)) {
            section.refuse("name", "diesen Namen hat schon eine andere Zahlenreihe.", "jeder [[feed]] einen eigenen Namen geben.");
        }
        feeds.push(read);
    }
    let feeds: Vec<FeedRules> = feeds.into_iter().collect::<Option<_>>()?;
    let joined = feeds.iter().map(|feed| feed.name.as_str().len() + 1).sum::<usize>().saturating_sub(1);
    if joined > NAMES_MAX {
        let what = format!("die Namen aller Zahlenreihen sind zusammen {joined} Zeichen lang, erlaubt sind {NAMES_MAX}.");
        root.refuse("feed", &what, "kürzere Namen wählen: sie müssen zusammen in die Kennung einer Schaltfläche passen.");
    }
    Some(feeds)
}

fn feed(section: &mut Section<'_>, many: bool) -> Option<FeedRules> {
    section.begin_another();
    let name = section.required("name", "\"corona\"", name);
    let title = section.required("title", "\"Corona im Kreis Musterstadt\"", text(FEED_TITLE_MAX));
    let description = section.optional("description", text(ROW_DESCRIPTION_MAX));
    let settle = section.or("settle_seconds", SETTLE, integer(0..=SETTLE_MAX));
    let correction_settle = section.or("correction_settle_seconds", CORRECTION_SETTLE, integer(0..=CORRECTION_SETTLE_MAX));
    let updates = section.choice("updates", &[("keep", Updates::Keep), ("send", Updates::Send)]);
    let max_age = section.or("max_age_days", MAX_AGE, integer(0..=MAX_AGE_MAX));
    let day_begins = section.or_shown("day_begins", Time::midnight(), &quoted("00:00"), morning);
    let due = section.or_shown("due", Due::default(), &quoted("learned"), due);
    let metrics = metrics(section);
    section.end();
    let shown = title.as_ref().map_or(0, |title| length(title));
    if many && shown > ROW_TITLE_MAX {
        let what = format!("in der Auswahlliste erscheinen nur die ersten {ROW_TITLE_MAX} der {shown} Zeichen.");
        section.warn("title", &what, "kürzen, oder das Wichtige nach vorn stellen; description erscheint darunter.");
    }
    Some(FeedRules {
        name: name?,
        title: title?,
        description: description?,
        metrics: metrics?,
        settle: settle?,
        correction_settle: correction_settle?,
        updates: updates?,
        max_age: max_age?,
        day_begins: day_begins?,
        due: due?,
    })
}

fn metrics(feed: &mut Section<'_>) -> Option<Vec<MetricRules>> {
    let mut sections = feed.sections("metric", 1..=METRICS_MAX)?;
    let mut metrics: Vec<Option<MetricRules>> = Vec::new();
    for section in &mut sections {
        let read = metric(section);
        let known = |name: &Name| metrics.iter().flatten().any(|other| other.name == *name);
        if read.as_ref().is_some_and(|metric| known(&metric.name)) {
            section.refuse("name", "diesen Namen hat in dieser Zahlenreihe schon eine andere Kennzahl.", "einen eigenen Namen geben.");
        }
        metrics.push(read);
    }
    if metrics.iter().all(|metric| metric.as_ref().is_some_and(|metric| !metric.required)) {
        feed.warn("metric", "keine Kennzahl ist required: schon die erste, die kommt, wird verschickt.", "eine mit required = true.");
    }
    metrics.into_iter().collect()
}

fn metric(section: &mut Section<'_>) -> Option<MetricRules> {
    section.begin_another();
    let name = section.required("name", "\"cases_new\"", name);
    let label = section.required("label", "\"Neue Fälle\"", text(LABEL_MAX));
    let words = [("count", MetricKind::Count), ("total", MetricKind::Total), ("rate", MetricKind::Rate)];
    let kind = section.required_choice("kind", &words);
    let unit = section.optional("unit", text(UNIT_MAX));
    let decimals = match kind {
        Some(kind) => section.or("decimals", u32::from(kind.decimals()), integer(0..=DECIMALS_MAX)),
        // What it would be is not known, but what it must not be is.
        None => section.optional("decimals", integer(0..=DECIMALS_MAX)).flatten(),
    };
    let required = section.or("required", true, boolean);
    let gate = section.or_shown("gate", GateRules::default(), &SLACK.parts().0.to_string(), gate);
    section.end();
    let decimals = u8::try_from(decimals?).ok()?;
    Some(MetricRules { name: name?, label: label?, kind: kind?, unit: unit?, decimals, required: required?, gate: gate? })
}

/// How much a small number may jump, or that there is no gate.
fn gate(item: &Item<'_>) -> Result<GateRules, Complaint> {
    let remedy = "die Änderung nennen, die immer plausibel ist, zum Beispiel 10 oder 0.5, oder \"off\": dann wird nichts geprüft.";
    let DeValue::String(word) = item.value else { return decimal(item, remedy).map(|slack| GateRules::On { slack }) };
    if word == "off" { Ok(GateRules::Off) } else { Err(wrong("erwartet wird eine Zahl oder \"off\".", remedy)) }
}

fn reminder(root: &mut Section<'_>) -> Option<(ReminderPolicy, Option<Quiet>)> {
    let mut section = root.section("reminder")?;
    section.begin();
    let words = [("no-figures", ReminderPolicy::NoFigures), ("unanswered", ReminderPolicy::Unanswered), ("never", ReminderPolicy::Never)];
    let when = section.choice("when", &words);
    let quiet = section.optional("quiet", quiet);
    section.end();
    Some((when?, quiet?))
}

fn budget(root: &mut Section<'_>) -> Option<Option<u32>> {
    let mut section = root.section("budget")?;
    section.begin();
    let parse = |item: &Item<'_>| {
        let DeValue::String(word) = item.value else { return integer(1..=u32::MAX)(item).map(Some) };
        let remedy = || format!("eine Zahl ohne Anführungszeichen schreiben, zum Beispiel {MONTHLY_MESSAGES}, oder \"unlimited\".");
        let unlimited = word == "unlimited";
        if unlimited { Ok(None) } else { Err(wrong("erwartet wird eine ganze Zahl oder \"unlimited\".", remedy())) }
    };
    let messages = section.or_shown("monthly_messages", Some(MONTHLY_MESSAGES), &MONTHLY_MESSAGES.to_string(), parse);
    section.end();
    messages
}

fn end(root: &mut Section<'_>, zone: Option<&TimeZone>) -> Option<Option<End>> {
    let mut section = root.section("end")?;
    if !section.is_given() {
        return Some(None);
    }
    section.begin();
    let last_day = section.required("last_day", "2026-12-31", day);
    let announced = section.required("announce", "2026-12-17", day);
    section.end();
    let (last_day, announced) = (last_day?, announced?);
    if announced > last_day {
        section.refuse(
            "announce",
            "das Ende würde erst danach angekündigt.",
            "einen Tag vor last_day nennen, am besten zwei Wochen vorher.",
        );
        return None;
    }
    let moment = |key: &str, day: Day, hour: i8| {
        let at = second(day, hour, zone?);
        if at.is_none() {
            section.refuse(key, "dieser Tag liegt zu weit weg.", "ein Jahr zwischen 1970 und 2105 nennen.");
        }
        at
    };
    let announce = moment("announce", announced, ANNOUNCED);
    let over = moment("last_day", Day(last_day.0.saturating_add(1)), 0);
    Some(Some(End { last_day, announce: announce?, over: over? }))
}

/// The second at which that hour of the day begins, local time.
fn second(day: Day, hour: i8, zone: &TimeZone) -> Option<Timestamp> {
    let at = zone.to_timestamp(day.date().at(hour, 0, 0, 0)).ok()?;
    u32::try_from(at.as_second()).ok().map(Timestamp)
}
