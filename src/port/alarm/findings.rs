//! What is wrong at one look: the relay's pulse and the links of the ports, read as findings. Remembers nothing: how long something must
//! last is for `domain/alarm`.

use crate::domain::alarm::{Code, Finding};
use crate::domain::budget::{Standing, Surprise};
use crate::domain::figures::{HeldView, View};
use crate::port::board::{Board, Links};
use crate::port::link::{Condition, Link};
use crate::relay::pulse::Pulse;

/// What one look shows.
pub(super) struct Seen<'a> {
    /// Nothing if the relay made no step.
    pub(super) pulse: Option<&'a Pulse>,
    /// Why the clock is not known to be right, if so.
    pub(super) doubt: Option<String>,
    pub(super) mqtt: Condition,
    pub(super) graph: Condition,
    pub(super) webhook: Condition,
    /// These three are not there in every configuration.
    pub(super) tunnel: Option<Condition>,
    pub(super) certificate: Option<Condition>,
    pub(super) public: Option<Condition>,
    /// The update that was taken back, in words.
    pub(super) rolled_back: Option<String>,
}

impl<'a> Seen<'a> {
    pub(super) fn of(board: &Board, pulse: Option<&'a Pulse>) -> Seen<'a> {
        let Links { mqtt, graph, webhook, ways } = &board.links;
        let condition = |link: &Link| link.view().condition;
        Seen {
            pulse,
            doubt: board.clock.view().doubt(),
            mqtt: condition(mqtt),
            graph: condition(graph),
            webhook: condition(webhook),
            tunnel: ways.tunnel.as_ref().map(condition),
            certificate: ways.certificate.as_ref().map(|(link, _)| condition(link)),
            public: ways.public.as_ref().map(condition),
            rolled_back: board.trial.rolled_back().map(|found| found.sentence()),
        }
    }

    /// What it says about an alarm.
    pub(super) fn finding(&self, code: Code) -> Finding {
        match code {
            Code::RelaySilent => seen_if(self.pulse.is_none()),
            Code::DiskFull => self.of_any_pulse(|pulse| seen_if(pulse.full.is_some())),
            Code::StoreDamaged => self.of_pulse(|pulse| match pulse.damaged.as_slice() {
                [] => Finding::NotSeen,
                paths => Finding::Seen(paths.join(", ")),
            }),
            Code::SendingHeld => self.of_pulse(|pulse| {
                pulse.held.map_or(Finding::NotSeen, |held| Finding::Seen(held.sentence().trim_end_matches('.').to_owned()))
            }),
            Code::ClockUntrusted => self.of_pulse(|pulse| match &self.doubt {
                Some(doubt) => Finding::Seen(doubt.clone()),
                None => seen_if(!pulse.clock_trusted),
            }),
            Code::BudgetShort => self.of_pulse(|pulse| seen_if(short(pulse.budget.standing))),
            Code::BudgetReserve => self.of_pulse(|pulse| seen_if(matches!(pulse.budget.standing, Standing::Reserve | Standing::Spent))),
            Code::BudgetSpent => self.of_pulse(|pulse| seen_if(pulse.budget.standing == Standing::Spent)),
            Code::UpdateRolledBack => self.rolled_back.clone().map_or(Finding::NotSeen, Finding::Seen),
            Code::MetaCharges => self.of_pulse(|pulse| seen_if(pulse.budget.surprise == Some(Surprise::Charged))),
            Code::MetaWithholds => self.of_pulse(|pulse| seen_if(pulse.budget.surprise == Some(Surprise::CutOff))),
            Code::FigureHeld => self.of_pulse(|pulse| held(&pulse.feeds)),
            Code::FeedOverdue => self.of_pulse(|pulse| overdue(&pulse.feeds)),
            Code::TunnelDown => of_link(self.tunnel.as_ref()),
            Code::AddressUnproven => of_link(self.public.as_ref()),
            Code::WebhooksRefused => of_link(Some(&self.webhook)),
            Code::Certificate => of_link(self.certificate.as_ref()),
            Code::MetaUnreachable => of_link(Some(&self.graph)),
            Code::BrokerUnreachable => of_link(Some(&self.mqtt)),
        }
    }

    /// Of a relay that makes no step nothing is known.
    fn of_any_pulse(&self, finding: impl FnOnce(&Pulse) -> Finding) -> Finding {
        self.pulse.map_or(Finding::Unknown, finding)
    }

    /// While the disk is full, nothing else is known either.
    fn of_pulse(&self, finding: impl FnOnce(&Pulse) -> Finding) -> Finding {
        self.pulse.filter(|pulse| pulse.full.is_none()).map_or(Finding::Unknown, finding)
    }
}

fn held(feeds: &[View]) -> Finding {
    let held: Vec<String> = feeds.iter().filter_map(|feed| Some((feed, feed.held.as_ref()?))).map(held_of).collect();
    if held.is_empty() { Finding::NotSeen } else { Finding::Seen(held.join("; ")) }
}

fn held_of((feed, held): (&View, &HeldView)) -> String {
    let doubts: Vec<&str> = held.doubts.iter().map(|doubt| doubt.sentence.as_str()).collect();
    format!("{}, Stand {}: {}", feed.title, held.as_of.date().strftime("%d.%m.%Y"), doubts.join(" "))
}

fn overdue(feeds: &[View]) -> Finding {
    let overdue: Vec<&str> = feeds.iter().filter(|feed| feed.overdue.is_some()).map(|feed| feed.title.as_str()).collect();
    if overdue.is_empty() { Finding::NotSeen } else { Finding::Seen(overdue.join(", ")) }
}

/// What has been spent does not suffice either: an alarm does not end because it has become worse.
fn short(standing: Standing) -> bool {
    match standing {
        Standing::Enough => false,
        Standing::Short | Standing::Reserve | Standing::Spent => true,
    }
}

fn seen_if(seen: bool) -> Finding {
    if seen { Finding::Seen(String::new()) } else { Finding::NotSeen }
}

/// A link that is not configured is not down; one that nobody has needed since the start may be.
fn of_link(condition: Option<&Condition>) -> Finding {
    match condition {
        None | Some(Condition::Up) => Finding::NotSeen,
        Some(Condition::Untried) => Finding::Unknown,
        Some(Condition::Down(why)) => Finding::Seen(why.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::figures::{Doubt, Values};
    use crate::domain::ids::Name;
    use crate::domain::time::{Day, Timestamp};
    use crate::relay::pulse::{BudgetPulse, HeldPulse};

    const SENTENCE: &str = "Das Zugriffstoken ist abgelaufen oder ungültig (Meta, Code 190): es wird nichts gesendet. \
                            Abhilfe: ein neues Token des Systemnutzers hinterlegen";

    fn well() -> Pulse {
        Pulse { clock_trusted: true, ..Pulse::default() }
    }

    fn budget(standing: Standing, surprise: Option<Surprise>) -> Pulse {
        Pulse { budget: BudgetPulse { standing, surprise, ..BudgetPulse::default() }, ..well() }
    }

    /// A feed with figures that wait for a human.
    fn implausible() -> Pulse {
        let doubt = Doubt { metric: name("cases"), code: "total-fell", sentence: "12 statt 12.735. Nachsehen.".to_owned() };
        let held = HeldView { as_of: Day(20_779), values: Values::new(), since: Timestamp(1), doubts: vec![doubt] };
        Pulse { feeds: vec![View { held: Some(held), ..View::new(name("feed-0"), "Feed 0") }], ..well() }
    }

    fn name(text: &str) -> Name {
        Name::new(text).expect("a name")
    }

    /// Feeds that are overdue since then.
    fn overdue(feeds: &[Option<u32>]) -> Pulse {
        let feed = |(number, since): (usize, &Option<u32>)| {
            let (due, overdue) = (Some(Timestamp(1)), since.map(Timestamp));
            View { due, overdue, ..View::new(Name::new(&format!("feed-{number}")).expect("a name"), &format!("Feed {number}")) }
        };
        Pulse { feeds: feeds.iter().enumerate().map(feed).collect(), ..well() }
    }

    fn look(pulse: Option<&Pulse>) -> Seen<'_> {
        let (mqtt, graph, webhook) = (Condition::Up, Condition::Up, Condition::Up);
        Seen { pulse, doubt: None, mqtt, graph, webhook, tunnel: Some(Condition::Up), certificate: None, public: None, rolled_back: None }
    }

    /// What is seen, and what is not known.
    fn found(seen: &Seen<'_>) -> (Vec<(Code, String)>, Vec<Code>) {
        let (mut all, mut unknown) = (Vec::new(), Vec::new());
        for code in Code::ALL {
            match seen.finding(code) {
                Finding::Seen(why) => all.push((code, why)),
                Finding::NotSeen => {}
                Finding::Unknown => unknown.push(code),
            }
        }
        (all, unknown)
    }

    #[test]
    fn each_pulse_is_what_it_says() {
        let held = HeldPulse { code: Some(190), since: Timestamp(1), until: Timestamp(2) };
        let nothing = String::new;
        let cases = [
            (well(), vec![]),
            (Pulse { clock_trusted: false, ..well() }, vec![(Code::ClockUntrusted, nothing())]),
            (Pulse { held: Some(held), ..well() }, vec![(Code::SendingHeld, SENTENCE.to_owned())]),
            (
                Pulse { held: Some(HeldPulse { code: None, ..held }), ..well() },
                vec![(
                    Code::SendingHeld,
                    "Meta hat die Nummer vorübergehend gesperrt. Abhilfe: Hinweise im WhatsApp Manager lesen".to_owned(),
                )],
            ),
            (Pulse { damaged: vec!["a".to_owned(), "b".to_owned()], ..well() }, vec![(Code::StoreDamaged, "a, b".to_owned())]),
            (budget(Standing::Short, None), vec![(Code::BudgetShort, nothing())]),
            (budget(Standing::Reserve, None), vec![(Code::BudgetReserve, nothing()), (Code::BudgetShort, nothing())]),
            (
                budget(Standing::Spent, Some(Surprise::CutOff)),
                [Code::MetaWithholds, Code::BudgetSpent, Code::BudgetReserve, Code::BudgetShort].map(|code| (code, nothing())).to_vec(),
            ),
            (budget(Standing::Enough, Some(Surprise::Charged)), vec![(Code::MetaCharges, nothing())]),
            (implausible(), vec![(Code::FigureHeld, "Feed 0, Stand 22.11.2026: 12 statt 12.735. Nachsehen.".to_owned())]),
            (overdue(&[None, None]), vec![]),
            (overdue(&[Some(1), None, Some(2)]), vec![(Code::FeedOverdue, "Feed 0, Feed 2".to_owned())]),
        ];
        for (pulse, expected) in cases {
            assert_eq!(found(&look(Some(&pulse))), (expected, vec![]), "{pulse:?}");
        }
    }

    #[test]
    fn what_cannot_be_known_neither_begins_nor_ends() {
        let of_pulse = [
            Code::StoreDamaged,
            Code::SendingHeld,
            Code::MetaWithholds,
            Code::BudgetSpent,
            Code::BudgetReserve,
            Code::ClockUntrusted,
            Code::FigureHeld,
            Code::FeedOverdue,
            Code::MetaCharges,
            Code::BudgetShort,
        ];
        let full = Pulse { full: Some(Timestamp(1)), ..Pulse::default() };
        assert_eq!(found(&look(Some(&full))), (vec![(Code::DiskFull, String::new())], of_pulse.to_vec()));
        let (seen, unknown) = found(&look(None));
        assert_eq!(seen, [(Code::RelaySilent, String::new())]);
        assert_eq!(unknown, [&[Code::DiskFull][..], &of_pulse].concat());
    }

    #[test]
    fn an_update_that_was_taken_back_is_said_whatever_the_relay_does() {
        let seen = Seen { rolled_back: Some("0.2.0 nicht".to_owned()), ..look(None) };
        assert_eq!(found(&seen).0, [(Code::RelaySilent, String::new()), (Code::UpdateRolledBack, "0.2.0 nicht".to_owned())]);
    }

    #[test]
    fn each_link_has_its_alarm() {
        let down = |why: &str| Condition::Down(why.to_owned());
        let pulse = well();
        let seen = Seen {
            mqtt: down("Broker"),
            graph: down("Meta"),
            webhook: down("Signatur"),
            tunnel: Some(down("Schlüssel")),
            certificate: Some(down("läuft ab")),
            public: Some(down("DNS")),
            ..look(Some(&pulse))
        };
        let expected = [
            (Code::TunnelDown, "Schlüssel"),
            (Code::AddressUnproven, "DNS"),
            (Code::WebhooksRefused, "Signatur"),
            (Code::Certificate, "läuft ab"),
            (Code::MetaUnreachable, "Meta"),
            (Code::BrokerUnreachable, "Broker"),
        ];
        assert_eq!(found(&seen).0, expected.map(|(code, why)| (code, why.to_owned())));
        let untried = Seen { graph: Condition::Untried, tunnel: Some(Condition::Untried), ..look(Some(&pulse)) };
        assert_eq!(found(&untried), (vec![], vec![Code::TunnelDown, Code::MetaUnreachable]));
    }
}
