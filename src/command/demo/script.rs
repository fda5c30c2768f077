//! Who does what and when: three people and one publisher. They react to what reaches their telephones and know nothing of the relay.

use super::at;
use super::transcript::Transcript;
use crate::domain::time::Millis;
use crate::port::clock::Clock;
use crate::relay::Roster;
use crate::simulator::cloud::{Accepted, Cloud};
use crate::simulator::meta::Person;
use crate::simulator::publisher::{Publisher, Receipt};
use tokio::sync::{mpsc, watch};

/// The feed that is published.
pub(super) const FEED: &str = "corona";

/// The three, by number.
pub(super) const ANNA: u32 = 1;
/// Has a username and shows no number.
pub(super) const BEN: u32 = 2;
/// Never answers the question whether to go on.
pub(super) const CARLA: u32 = 3;
const PEOPLE: [u32; 3] = [ANNA, BEN, CARLA];

/// What they are called.
pub(super) fn called(person: u32) -> &'static str {
    match person {
        ANNA => "Anna",
        BEN => "Ben",
        CARLA => "Carla",
        _ => "jemand",
    }
}

/// The person as Meta knows them.
pub(super) fn person(number: u32) -> Person {
    if number == BEN { Person::with_username(number) } else { Person::with_phone(number) }
}

/// What somebody does at one moment.
#[derive(Clone, Copy)]
enum Act {
    /// Writes this.
    Writes(u32, &'static str),
    /// Taps the button of this title on the latest question.
    Taps(u32, &'static str),
    /// The publisher publishes this to this metric.
    Publishes(&'static str, &'static str),
}

/// Day, hour, minute, second, act.
type Page = (u64, u64, u64, u64, Act);

const PAGES: [Page; 15] = [
    (1, 8, 0, 20, Act::Publishes("cases_new", "25")),
    (1, 8, 0, 25, Act::Publishes("incidence", "61,0")),
    (1, 8, 5, 0, Act::Writes(CARLA, "Guten Morgen")),
    (1, 8, 6, 0, Act::Writes(CARLA, "Ja")),
    (1, 8, 10, 0, Act::Writes(ANNA, "Hallo")),
    (1, 8, 11, 0, Act::Taps(ANNA, "Ja")),
    (1, 8, 30, 0, Act::Writes(BEN, "Hi")),
    (1, 8, 31, 0, Act::Taps(BEN, "Ja")),
    (1, 12, 0, 0, Act::Writes(ANNA, "Zahlen")),
    // Carla is reminded at 08:05 and says nothing, Ben at 08:30 and answers when his window has closed, Anna at 11:59 and in time.
    (2, 10, 0, 0, Act::Writes(BEN, "Ja")),
    (2, 11, 59, 20, Act::Taps(ANNA, "Ja, weiter")),
    (2, 15, 0, 0, Act::Publishes("cases_new", "{\"value\":17}")),
    (2, 15, 0, 5, Act::Publishes("incidence", "57,4")),
    (2, 15, 5, 0, Act::Taps(ANNA, "Weiter informieren")),
    (2, 16, 0, 0, Act::Writes(BEN, "Stopp")),
];

/// The play.
pub(super) struct Script {
    pub(super) cloud: Cloud,
    pub(super) publisher: Publisher,
    pub(super) receipts: mpsc::Receiver<Receipt>,
    pub(super) rosters: watch::Receiver<Roster>,
    pub(super) transcript: Transcript,
    pub(super) start: Millis,
    pub(super) end: Millis,
}

impl Script {
    /// The moments at which something is done, the end last.
    pub(super) fn pages(&self) -> Vec<Millis> {
        let pages = PAGES.iter().map(|(day, hour, minute, second, _)| at(self.start, *day, *hour, *minute, *second));
        pages.chain([self.end]).collect()
    }

    /// Plays until the end, and writes down what happens meanwhile.
    pub(super) async fn play(&mut self, clock: &Clock, mut ringing: mpsc::Receiver<Accepted>) {
        PEOPLE.iter().for_each(|number| self.cloud.join(person(*number)));
        let moments = self.pages();
        let acts = PAGES.iter().map(|(.., act)| Some(*act)).chain([None]);
        for (moment, act) in moments.into_iter().zip(acts) {
            while clock.now() < moment {
                tokio::select! {
                    biased;
                    Some(message) = ringing.recv() => self.transcript.rings(message),
                    Some(receipt) = self.receipts.recv() => self.transcript.receipt(&receipt),
                    Ok(()) = self.rosters.changed() => self.transcript.agreements(&self.rosters.borrow_and_update().0),
                    () = clock.sleep_until(moment) => {}
                }
            }
            if let Some(act) = act {
                self.act(act).await;
            }
        }
    }

    async fn act(&mut self, act: Act) {
        match act {
            Act::Writes(number, text) => {
                self.transcript.says(number, text);
                self.cloud.say(&person(number).user_id, text).await;
            }
            Act::Taps(number, title) => match self.transcript.button(number, title) {
                Some(button) => {
                    self.transcript.says(number, &format!("[{title}]"));
                    self.cloud.tap(&person(number).user_id, &button).await;
                }
                None => self.transcript.misses(number, title),
            },
            Act::Publishes(metric, payload) => {
                let topic = format!("figures/{FEED}/{metric}");
                self.transcript.published(&topic, payload);
                self.publisher.publish(&topic, payload).await;
            }
        }
    }
}
