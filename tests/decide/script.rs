//! The notation: lines that say what happens, run one after the other; what comes out is written between them and compared.

use crate::world::{self, Net, Out, World};
use drk_relay::domain::decision::{Receipt, Taken};
use drk_relay::domain::event::{Corrects, Event, Figure, Moved, News, Outcome, ReplyTo, Request, Said, Standing, Verb};
use drk_relay::domain::outbox;
use drk_relay::domain::time::{Day, Millis, Timestamp};
use jiff::civil::{Date, DateTime, date};
use jiff::tz::TimeZone;

/// Runs the script in a fresh world with a trusted clock and the figures of 20 November 2026, and compares everything that comes out.
#[track_caller]
pub(crate) fn check(script: &str) {
    after("", script);
}

/// Like [`check`], after things whose own outcome other cases assert.
#[track_caller]
pub(crate) fn after(given: &str, script: &str) {
    let mut world = World::new(world::rules());
    run(&mut world, "20.11. 16:00 clock trusted\n figure 20.11. 17 57,4");
    compare(world, given, script);
}

/// Like [`after`], in this world.
#[track_caller]
pub(crate) fn compare(mut world: World, given: &str, script: &str) {
    run(&mut world, given);
    let got = run(&mut world, script);
    let wanted: Vec<_> = script.lines().map(str::trim).filter(|line| !line.is_empty()).map(normal).collect();
    let plain: Vec<_> = got.lines().map(|line| normal(line.trim())).collect();
    assert!(plain == wanted, "\n--- what came out ---\n{got}\n--- what was wanted ---\n{}\n", script.trim_matches('\n'));
}

/// Runs what happens, whatever comes out.
pub(crate) fn given(world: &mut World, script: &str) {
    run(world, script);
}

/// The line without the time, if that only repeats, and with seconds, which may be left out if they are zero.
fn normal(line: &str) -> String {
    match split(line) {
        (Some(at), rest) => format!("{} {rest}", at.strftime("%d.%m.%Y %H:%M:%S")),
        (None, rest) => rest.to_owned(),
    }
}

/// Runs what happens in the script; returns it with everything that came out.
fn run(world: &mut World, script: &str) -> String {
    let mut told = Teller { zone: world.rules.zone.clone(), text: String::new(), last: None };
    world.outs.clear();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (at, what) = split(line);
        if ["->", "=", "read", "refused", "receipt"].iter().any(|out| what.starts_with(out)) {
            continue;
        }
        if let Some(at) = at {
            world.pass(instant(at, &world.rules.zone));
        }
        told.tell(world);
        told.line(world.now, what);
        happen(world, what);
        told.tell(world);
    }
    told.text
}

/// The time at the beginning of a line, and the rest: `21.11. 10:00:30`, in 2026 unless `21.11.2027` says otherwise.
fn split(line: &str) -> (Option<DateTime>, &str) {
    let mut words = line.splitn(3, ' ');
    let day = words.next().and_then(day);
    let (Some(day), Some(time)) = (day, words.next()) else { return (None, line) };
    let Some(at) = clock(day, time) else { return (None, line) };
    (Some(at), words.next().unwrap_or_default().trim_start())
}

fn day(word: &str) -> Option<Date> {
    let mut parts = word.splitn(3, '.').map(str::parse::<i16>);
    let (day, month) = (parts.next()?.ok()?, parts.next()?.ok()?);
    let year = parts.next()?.unwrap_or(2026);
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn clock(day: Date, word: &str) -> Option<DateTime> {
    let mut parts = word.split(':').map(str::parse::<i8>);
    let (hour, minute) = (parts.next()?.ok()?, parts.next()?.ok()?);
    Some(day.at(hour, minute, parts.next().unwrap_or(Ok(0)).ok()?, 0))
}

fn instant(at: DateTime, zone: &TimeZone) -> Millis {
    let instant = zone.to_ambiguous_timestamp(at).compatible().expect("a time in the calendar");
    Millis(u64::try_from(instant.as_millisecond()).expect("after 1970"))
}

/// `21.11. 10:00:00`, local time.
pub(crate) fn local(at: Millis, zone: &TimeZone) -> String {
    let at = drk_relay::domain::time::local(at, zone);
    let year = if at.year() == 2026 { String::new() } else { at.year().to_string() };
    format!("{}{year} {}", at.strftime("%d.%m."), at.strftime("%H:%M:%S"))
}

struct Teller {
    zone: TimeZone,
    text: String,
    last: Option<Millis>,
}

impl Teller {
    fn line(&mut self, at: Millis, line: &str) {
        let time = if self.last == Some(at) { " ".repeat(15) } else { local(at, &self.zone) };
        self.last = Some(at);
        self.text.push_str(&format!("{time} {line}\n"));
    }

    fn tell(&mut self, world: &mut World) {
        for (at, out) in std::mem::take(&mut world.outs) {
            let line = match out {
                Out::Sent(text) => format!("-> {}", short(&text)),
                Out::Read => "read".to_owned(),
                Out::Receipt(receipt) => receipted(&receipt),
                Out::Refused(refusal) => format!("refused {refusal}"),
                Out::Agreed(agreed) => format!("= {agreed}"),
            };
            self.line(at, &line);
        }
    }
}

fn receipted(receipt: &Receipt) -> String {
    let day = receipt.as_of.map_or("undated".to_owned(), |day| day.date().strftime("%d.%m.").to_string());
    let revision = receipt.revision;
    match &receipt.taken {
        Taken::Refused(refusal) => format!("receipt {refusal:?} {day} revision {revision}"),
        Taken::Held(why) => {
            let why: Vec<String> = why.iter().map(|doubt| format!("{} {}", doubt.metric, doubt.code)).collect();
            format!("receipt Held {day} revision {revision}: {}", why.join(", "))
        }
        Taken::Accepted
        | Taken::Joined
        | Taken::Update
        | Taken::Correction
        | Taken::Old
        | Taken::NoReport
        | Taken::Early
        | Taken::Released
        | Taken::Discarded
        | Taken::Rebaselined
        | Taken::Withdrawn => format!("receipt {:?} {day} revision {revision}", receipt.taken),
    }
}

fn happen(world: &mut World, what: &str) {
    let (what, stamp) = what.split_once(" @ ").map_or((what, None), |(what, stamp)| (what, Some(stamp)));
    let stamp = stamp.map_or(world.now, |stamp| instant(split(stamp).0.expect("day and time after the @"), &world.rules.zone));
    let unfinished = what.starts_with("… ");
    let what = what.trim_start_matches("… ");
    let (verb, rest) = what.split_once(' ').unwrap_or((what, ""));
    let event = match (verb, rest) {
        ("says", text) => world.heard(world::text(text), stamp.second()),
        ("edits", text) => world.heard(world::edited(text), stamp.second()),
        ("taps", title) => world.heard(world::tapped(title), stamp.second()),
        ("photo", "") => world.heard(Said::Other, stamp.second()),
        ("reacts", back) => reacted(world, back, stamp.second()),
        ("again", "") => Event::Heard(world.last_heard.clone().expect("nothing was heard yet")),
        ("figure", rest) => figure(CORONA, rest, true),
        ("clinic", rest) => figure("klinik", rest, true),
        ("retained", rest) => figure(CORONA, rest, false),
        ("corrects", rest) => corrects(figure(CORONA, rest, true)),
        ("rules", verb) => ruled(verb),
        ("status", rest) => status(world, rest, stamp.second()),
        ("answer", rest) => answer(world, rest),
        ("moves", names) => moved(world, names, stamp.second()),
        ("known", names) => return names_are(world, names),
        ("account", standing) => account(standing, &world.rules.zone),
        ("clock", "trusted") => Event::ClockTrusted,
        ("clock", "doubted") => Event::ClockDoubted,
        ("webhook", "") => Event::Proof,
        ("restart", "") => return world.restart(),
        ("statuses", on) => return world.statuses = on == "on",
        ("net", answer) => return world.net = net(answer),
        ("charged", count) => return assert_eq!(world.state.budget.charged(world.now).to_string(), count, "messages of this month"),
        ("repeated", count) => return assert_eq!(world.state.counters.repeated.to_string(), count, "figures that left a second time"),
        ("guard", seconds) => return assert_eq!(world.state.guard.seconds().to_string(), seconds, "the guard"),
        ("rate", rate) => return assert_eq!(outbox::rate(&world.state, &world.rules, world.now).to_string(), rate, "the rate"),
        ("nothing", "") => return,
        other => panic!("what is {other:?}?"),
    };
    match (&event, unfinished) {
        (Event::Heard(_), false) => world.says_and_pauses(&event),
        (_, _) => world.happens(&event),
    }
}

fn net(answer: &str) -> Net {
    match answer {
        "accepts" => Net::Accepts,
        "refuses" => Net::Refuses,
        "unknown" => Net::Unknown,
        "later" => Net::Later,
        "silent" => Net::Silent,
        code if code.parse::<u32>().is_ok() => Net::Code(code.parse().unwrap_or(0)),
        other => panic!("what is {other}?"),
    }
}

/// `answer accepted`: of the last message; `answer accepted 1`: of the one before it.
fn answer(world: &World, rest: &str) -> Event {
    let (answer, back) = counted(rest);
    let id = world.sends.iter().rev().nth(back).expect("so many were not sent yet").id;
    let outcome = match answer {
        "accepted" => Outcome::Accepted(world::wamid(id)),
        "refused" => Outcome::Rejected { code: 131_026, transient: false },
        code if code.parse::<u32>().is_ok() => Outcome::Rejected { code: code.parse().unwrap_or(0), transient: false },
        "unknown" => Outcome::Unknown,
        "later" => Outcome::Later,
        "late" => Outcome::TooLate,
        other => panic!("what is {other}?"),
    };
    Event::Sent { id, outcome }
}

fn counted(rest: &str) -> (&str, usize) {
    rest.split_once(' ').map_or((rest, 0), |(what, back)| (what, back.parse().expect("a number")))
}

/// `status failed`: of the last message; `status failed 2`: of the one two before it.
fn status(world: &World, rest: &str, at: Timestamp) -> Event {
    let (news, back) = counted(rest);
    let news = match news {
        "sent" => News::Sent,
        "delivered" => News::Delivered,
        "read" => News::Read,
        "failed" => News::Failed(131_049),
        "unpaid" => News::Failed(131_042),
        other => panic!("what is {other}?"),
    };
    let send = world.sends.iter().rev().nth(back).expect("so many were not sent yet");
    world.status(send.id, news, at)
}

/// `20.11. 17 57,4`; `undated` instead of the day; `-` for a metric that is not there.
fn figure(feed: &str, rest: &str, waited_for: bool) -> Event {
    let mut words = rest.split(' ');
    let first = words.next().expect("a day");
    let as_of = (first != "undated").then(|| Day::of(day(first).expect("a day")));
    let mut values = Vec::new();
    for (metric, word) in ["cases_new", "incidence", "deaths"].into_iter().zip(words).filter(|(_, word)| *word != "-") {
        let decimals = word.split_once(',').map_or(0, |(_, fraction)| fraction.len());
        let digits = word.replace(',', "").parse().expect("a number");
        values.push((metric, digits, u8::try_from(decimals).expect("few")));
    }
    world::figure(feed, &values, as_of, waited_for)
}

/// The same, said of the day that it is about.
fn corrects(event: Event) -> Event {
    let Event::Figure(figure) = event else { panic!("a figure corrects") };
    Event::Figure(Figure { corrects: figure.as_of.map(Corrects::Day), ..figure })
}

/// `rules release`: a human decides about corona; `rules release 21.11.`: if it is about that day.
fn ruled(rest: &str) -> Event {
    let (verb, as_of) = rest.split_once(' ').map_or((rest, None), |(verb, as_of)| (verb, day(as_of).map(Day::of)));
    let (verb, request) = match verb {
        "release" => (Verb::Release, "release-held"),
        "discard" => (Verb::Discard, "discard-held"),
        "rebaseline" => (Verb::Rebaseline, "rebaseline-held"),
        "withdraw" => (Verb::Withdraw, "withdraw"),
        other => panic!("what is {other}?"),
    };
    let reply = Some(ReplyTo::Response { request, transaction: None });
    Event::Asked(Request { verb, feed: world::name(CORONA), as_of, reply })
}

/// By what the person is known from now on: `bsuid`, `phone`, `both`; `other` and `other both` after they have changed.
fn names_are(world: &mut World, names: &str) {
    (world.identity, world.address) = world::named(names);
}

/// `moves bsuid to other`: Meta tells that the person goes by another name; payloads carry the new one from now on.
fn moved(world: &mut World, names: &str, at: Timestamp) -> Event {
    let (from, to) = names.split_once(" to ").expect("moves … to …");
    let from = world::named(from).0;
    let from = [Some(from.hash), from.alias].into_iter().flatten().collect();
    names_are(world, to);
    Event::Moved(Moved { from, to: world.identity, at })
}

/// `account restricted 22.11. 12:00`, `account restricted`, `account restored`.
fn account(standing: &str, zone: &TimeZone) -> Event {
    let until = |at: &str| split(at).0.map(|at| instant(at, zone).second());
    match standing.split_once(' ').unwrap_or((standing, "")) {
        ("restricted", at) => Event::Account(Standing::Restricted { until: until(at) }),
        ("restored", "") => Event::Account(Standing::Restored),
        other => panic!("what is {other:?}?"),
    }
}

/// `reacts`: a thumb on the last message; `reacts 1`: on the one before it.
fn reacted(world: &mut World, back: &str, at: Timestamp) -> Event {
    let back = if back.is_empty() { 0 } else { back.parse().expect("a number") };
    let id = world.sends.iter().rev().nth(back).expect("so many were not sent yet").id;
    world.heard(Said::Reacted(world::wamid(id)), at)
}

const CORONA: &str = "corona";

/// Sentences by the names that the cases use; what is not in the list shows itself in full.
fn short(text: &str) -> String {
    let shortened: Vec<String> = text.split("\n\n").map(paragraph).collect();
    shortened.join(" · ").replace(" · [", " [")
}

const CORRECTION: &str = "Korrektur: Vorher war eine Zahl falsch.";

fn paragraph(text: &str) -> String {
    let after = |start: &str| text.strip_prefix(start).map(|rest| rest.trim_end_matches('.').to_owned());
    if let Some(day) = after("Dieser Dienst endet am ") {
        return format!("Ende am {day}");
    }
    if let Some(rest) = text.strip_prefix("*Symptome*") {
        return format!("Symptome{rest}");
    }
    let feed = text.strip_prefix("*Klinik Musterstadt*\n").map_or(text, |rest| rest);
    let clinic = if feed == text { "" } else { "Klinik " };
    if let Some(rest) = feed.strip_prefix("*Corona im Kreis Musterstadt*\n").unwrap_or(feed).strip_prefix("Stand: ") {
        let mut lines = rest.lines();
        let day = lines.next().and_then(|day| day.split_once(", ")).map_or("", |(_, day)| day.trim_end_matches("2026"));
        let value = |line: &str| line.split_once(": ").map_or(line, |(_, value)| value).to_owned();
        let values: Vec<String> = lines.map(|line| if line == CORRECTION { "Korrektur".to_owned() } else { value(line) }).collect();
        return format!("{clinic}{day}: {}", values.join("; "));
    }
    if let Some(when) = after("Ohne Antwort endet dein Abo ") {
        return format!("endet {when}");
    }
    if let Some((when, _)) =
        after("Danke! Du bekommst neue Zahlen, sobald sie vorliegen. Dein Abo läuft bis ").as_deref().and_then(|t| t.split_once(". "))
    {
        return format!("bestätigt bis {when}");
    }
    if let Some(when) = after("Dein Abo läuft bis ") {
        return format!("läuft bis {when}");
    }
    let known = [
        ("Hallo! Hier ist DRK-Ortsverein Musterstadt mit dem", "Hallo"),
        ("Es liegen noch keine Zahlen vor.", "keine Zahlen"),
        ("Möchtest du informiert werden, wenn neue Zahlen vorliegen?", "Frage"),
        ("Es liegen aktuell keine neuen Zahlen vor. Möchtest du weiter informiert werden?", "Erinnerung"),
        ("Du kannst auch später noch antworten: dann geht es weiter.", "auch später"),
        ("Du bist abgemeldet und bekommst keine Zahlen mehr.", "abgemeldet"),
        ("Entschuldige: Bei uns gab es eine Unterbrechung, deshalb hast du nichts von uns gehört. Jetzt", "Unterbrechung, weiter"),
        ("Entschuldige: Bei uns gab es eine Unterbrechung, deshalb hast du nichts von uns gehört.", "Unterbrechung"),
        ("Datenschutz: ", "Datenschutz"),
        ("*Auskunft*: ", "Auskunft"),
        ("Worüber möchtest du informiert werden", "Auswahl"),
        ("Danke für deine Reaktion! ", "bitte tippen"),
        ("Zurzeit ist leider kein Platz frei", "kein Platz"),
        ("Es ist ein Platz frei geworden", "ein Platz"),
        ("Zu diesen Themen haben wir", "Themen"),
        ("Dieser Dienst ist am ", "zu Ende"),
        ("Das kannst du schreiben:", "Hilfe"),
    ];
    known.iter().find(|(start, _)| text.starts_with(start)).map_or_else(|| text.to_owned(), |(_, name)| (*name).to_owned())
}

#[test]
fn the_notation_reads_its_own_times() {
    let at = |line| split(line).0;
    assert_eq!(at("21.11. 10:00 says Hallo"), Some(date(2026, 11, 21).at(10, 0, 0, 0)));
    assert_eq!(at("28.03.2027 10:00:07 nothing"), Some(date(2027, 3, 28).at(10, 0, 7, 0)));
    assert_eq!(split("says 20.11. ist gut"), (None, "says 20.11. ist gut"));
}
