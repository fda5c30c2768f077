//! What the demo shows: who wrote what and when, what reached whom, until when each window is open, and the judgement at the end. Plays
//! nobody and decides nothing.

use super::clock_time;
use super::script::{ANNA, BEN, CARLA, called, person};
use crate::command::output::say;
use crate::command::stage::REMINDER;
use crate::config::Config;
use crate::domain::conversation::{Person, Talk};
use crate::domain::ids::PersonHash;
use crate::domain::time::Timestamp;
use crate::domain::window::{REMIND_AFTER, WINDOW};
use crate::port::clock::Clock;
use crate::port::pseudonym::Pseudonyms;
use crate::simulator::cloud::{Accepted, Cloud};
use crate::simulator::publisher::Receipt;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What has been shown, and what the end is judged by.
pub(super) struct Transcript {
    clock: Clock,
    zone: TimeZone,
    hashes: BTreeMap<PersonHash, u32>,
    agreements: BTreeMap<u32, &'static str>,
    /// The buttons on each person's screen.
    buttons: BTreeMap<u32, Vec<(String, String)>>,
    /// When each person last wrote.
    latest: BTreeMap<u32, Timestamp>,
    reminders: Vec<(u32, Timestamp, u32)>,
    mistakes: Vec<String>,
}

impl Transcript {
    pub(super) fn new(clock: Clock, zone: TimeZone, pseudonyms: Pseudonyms) -> Transcript {
        let hashes = [ANNA, BEN, CARLA].map(|number| (pseudonyms.person(&person(number).user_id), number)).into();
        Transcript {
            clock,
            zone,
            hashes,
            agreements: BTreeMap::new(),
            buttons: BTreeMap::new(),
            latest: BTreeMap::new(),
            reminders: Vec::new(),
            mistakes: Vec::new(),
        }
    }

    pub(super) fn addresses(config: &Config, webhook: SocketAddr) {
        say!("drk-relay, Vorführung: zwei Tage in etwa zwei Minuten. Nachgestellt sind Broker, WhatsApp und drei Leute.");
        say!("  Broker      mqtt://{}:{}", config.mqtt.host, config.mqtt.port);
        say!("  Cloud API   {}", config.graph.base_url);
        say!("  Webhook     http://{webhook}/webhook");
        let (host, port, feed) = (&config.mqtt.host, config.mqtt.port, &config.mqtt.feeds[0].name);
        say!("Mitmachen aus einem anderen Terminal:");
        say!("  mosquitto_pub -h {host} -p {port} -q 1 -t figures/{feed}/cases_new -m 42");
        say!("Am selben Tag ist das eine Nachmeldung: wer „Zahlen“ schreibt, sieht sie. An einem neuen Tag geht sie an alle mit Abo.\n");
    }

    /// Somebody writes or taps.
    pub(super) fn says(&mut self, number: u32, what: &str) {
        let now = self.clock.now().second();
        self.latest.insert(number, now);
        let closes = clock_time(now.plus(WINDOW), &self.zone);
        self.line(&format!("{:<6} ▶ {what}", called(number)));
        say!("                      Fenster offen bis {closes}");
    }

    /// Somebody would have tapped, but has no such button.
    pub(super) fn misses(&mut self, number: u32, title: &str) {
        self.mistakes.push(format!("{} hatte keinen Knopf [{title}]", called(number)));
    }

    /// The publisher publishes.
    pub(super) fn published(&mut self, topic: &str, payload: &str) {
        self.line(&format!("MQTT   ▶ {topic} {payload}"));
    }

    /// The relay answers a publisher: ours, or whoever takes part.
    pub(super) fn receipt(&self, receipt: &Receipt) {
        self.line(&format!("MQTT   ◀ {} {}", receipt.topic, receipt.said));
    }

    /// A telephone rings.
    pub(super) fn rings(&mut self, message: Accepted) {
        let found = [ANNA, BEN, CARLA].into_iter().find(|number| person(*number).user_id == message.to);
        let Some(number) = found else { return };
        if message.body.starts_with(REMINDER) {
            let after = self.latest.get(&number).map_or(0, |latest| message.at.since(*latest));
            self.reminders.push((number, message.at, after));
        }
        let titles: Vec<String> = message.buttons.iter().map(|(_, title)| format!("[{title}]")).collect();
        let text = message.body.replace('\n', "\n                      ");
        say!("{}  {:<6} ◀ {text} {}", clock_time(message.at, &self.zone), called(number), titles.join(" "));
        self.buttons.insert(number, message.buttons);
    }

    /// The latest button of that title on somebody's screen.
    pub(super) fn button(&self, number: u32, title: &str) -> Option<(String, String)> {
        self.buttons.get(&number)?.iter().find(|(_, shown)| shown == title).cloned()
    }

    /// What is agreed with whom, as far as it has changed.
    pub(super) fn agreements(&mut self, people: &[Person]) {
        let rows = people.iter().filter_map(|row| Some((*self.hashes.get(&row.hash)?, agreed(&row.talk))));
        for (number, agreed) in rows.collect::<Vec<_>>() {
            if self.agreements.insert(number, agreed) != Some(agreed) {
                self.line(&format!("{:<6} · {agreed}", called(number)));
            }
        }
    }

    /// The last page: figures, who stayed, and whether the promises held.
    pub(super) fn summary(mut self, cloud: &Cloud) -> anyhow::Result<()> {
        let counters = cloud.counters();
        let most = cloud.look(|meta| meta.most_per_window(|order| order.body.starts_with(REMINDER)));
        say!("\nNach zwei Tagen");
        say!("  gesendet: {}", counters.sent);
        say!("  außerhalb eines Fensters: {}", counters.outside_window);
        say!("  doppelt: {}", counters.twice);
        say!("  Erinnerungen: {}, höchstens {most} je Fenster", self.reminders.len());
        for (number, at, after) in &self.reminders {
            let (name, time) = (called(*number), clock_time(*at, &self.zone));
            say!("    {name}: {time}, {} nach der letzten Nachricht", hours(*after));
        }
        for (number, agreed) in &self.agreements {
            say!("  {}: {agreed}", called(*number));
        }
        self.judge(counters.outside_window, counters.twice, most);
        anyhow::ensure!(self.mistakes.is_empty(), "die Vorführung hat ein Versprechen gebrochen: {}", self.mistakes.join("; "));
        Ok(())
    }

    fn judge(&mut self, outside: u64, twice: u64, most: usize) {
        let mut expect = |holds: bool, what: &str| {
            if !holds {
                self.mistakes.push(what.to_owned());
            }
        };
        expect(outside == 0, "eine Nachricht ging außerhalb eines Fensters hinaus");
        expect(twice == 0, "eine Nachricht ging doppelt hinaus");
        expect(most == 1, "mehr als eine Erinnerung in einem Fenster, oder keine");
        let late = self.reminders.iter().any(|(_, _, after)| !(REMIND_AFTER..REMIND_AFTER + 5).contains(after));
        expect(!late, "eine Erinnerung kam nicht nach 23 Stunden und 59 Minuten");
    }

    fn line(&self, what: &str) {
        say!("{}  {what}", clock_time(self.clock.now().second(), &self.zone));
    }
}

/// What is agreed, in a few words.
fn agreed(talk: &Talk) -> &'static str {
    match talk {
        Talk::New => "hat geschrieben",
        Talk::Asked { .. } => "ist gefragt",
        Talk::Waiting { .. } => "wartet auf einen Platz",
        Talk::Subscribed { .. } => "hat ein Abo",
        Talk::Lapsed { .. } => "hat nicht geantwortet: das Abo ruht, ein „Ja“ nimmt es wieder auf",
        Talk::Orphaned { .. } => "war unerreichbar: das Abo wartet",
        Talk::Stopped { .. } => "ist abgemeldet",
    }
}

/// „23:59:00“.
fn hours(seconds: u32) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Two letters, as on a calendar.
pub(super) fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Mo",
        Weekday::Tuesday => "Di",
        Weekday::Wednesday => "Mi",
        Weekday::Thursday => "Do",
        Weekday::Friday => "Fr",
        Weekday::Saturday => "Sa",
        Weekday::Sunday => "So",
    }
}
