//! People who write, subscribe, ask, stop and answer reminders while the relay is killed. They wait for an answer as long as it takes and
//! never ask twice; whether what they got is right is for `load`.

use drk_relay::domain::time::Timestamp;
use drk_relay::port::clock::Clock;
use drk_relay::simulator::cloud::{Accepted, Cloud};
use drk_relay::simulator::meta::Person;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// From the latest counted message to the reminder (promise 4), in seconds.
pub(super) const REMIND_AFTER: u32 = 24 * 3600 - 60;
/// How the rows and texts are told apart that people look for (texts/de).
const ALL: &str = "Alles";
const CONTINUE: &str = "Weiter informieren";
const GO_ON: &str = "Ja, weiter";
const CONFIRMED: &str = "Dein Abo läuft bis";

/// What somebody does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// Asks, and does not answer the question.
    Hesitates,
    /// Subscribes.
    Listens,
    /// Subscribes and taps on the button under every publication.
    Taps,
    /// Subscribes and asks for the figures.
    Figures,
    /// Subscribes and asks for help.
    Help,
    /// Subscribes and says stop to the first publication.
    Stops,
    /// Subscribes in a window that is nearly over, and is silent.
    Lapses,
    /// The same, and answers the reminder.
    Returns,
}

impl Role {
    const ALL: [Role; 8] =
        [Role::Listens, Role::Lapses, Role::Taps, Role::Returns, Role::Figures, Role::Stops, Role::Help, Role::Hesitates];

    /// The `n`-th person's.
    pub(super) fn of(n: u32) -> Role {
        Role::ALL[n as usize % Role::ALL.len()]
    }

    /// Whether the window closes while everything goes on.
    pub(super) fn closes_soon(self) -> bool {
        matches!(self, Role::Lapses | Role::Returns)
    }
}

/// What somebody has said so far.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) person: Person,
    pub(super) role: Role,
    /// The latest counted message.
    pub(super) latest: Timestamp,
    /// Messages so far.
    pub(super) messages: usize,
    /// Things that want an answer of their own.
    pub(super) questions: usize,
    /// When they agreed, if they did.
    pub(super) agreed: Option<Timestamp>,
    /// When they stopped, if they did.
    pub(super) stopped: Option<Timestamp>,
    /// When they answered a reminder, if they did.
    pub(super) returned: Option<Timestamp>,
}

/// Somebody, and the telephone.
pub(super) struct Life {
    cloud: Cloud,
    said: Arc<Mutex<Said>>,
    rings: mpsc::Receiver<Accepted>,
    /// How long ago everything is that they say: their window is nearly over.
    back: u32,
}

impl Life {
    /// `left`: seconds from the agreement to the reminder, for those whose window closes soon. Counts as said what they begin with.
    pub(super) fn new(cloud: Cloud, n: u32, left: u32, rings: mpsc::Receiver<Accepted>) -> (Life, Arc<Mutex<Said>>) {
        let (person, role) = (Person::with_phone(n), Role::of(n));
        cloud.join(person.clone());
        let back = if role.closes_soon() { REMIND_AFTER - left } else { 0 };
        let said = Said { person, role, latest: Timestamp(0), messages: 0, questions: 0, agreed: None, stopped: None, returned: None };
        let said = Arc::new(Mutex::new(said));
        (Life { cloud, said: Arc::clone(&said), rings, back }, said)
    }

    /// Everything that this person does. Ends early if an answer never comes: then there is nothing more to be said.
    pub(super) async fn lived(mut self) -> Option<()> {
        self.says("Hallo").await;
        let question = self.hears(|message| !message.rows.is_empty()).await?;
        let role = look(&self.said).role;
        if role == Role::Hesitates {
            return Some(());
        }
        let all = question.rows.iter().find(|row| row.title == ALL)?;
        let (id, at) = self.speaks(1, |said, at| said.agreed = Some(at));
        self.cloud.tell(|meta| meta.choose_webhook(&id, all, at)).await;
        match role {
            Role::Hesitates | Role::Lapses => {}
            Role::Returns => {
                let reminder = self.hears(is_reminder).await?;
                self.back = 0;
                self.taps(&reminder, |said, at| said.returned = Some(at)).await?;
            }
            Role::Listens | Role::Taps | Role::Figures | Role::Help | Role::Stops => {
                self.hears(|message| message.body.contains(CONFIRMED)).await?;
                self.goes_on(role).await?;
            }
        }
        Some(())
    }

    async fn goes_on(&mut self, role: Role) -> Option<()> {
        match role {
            Role::Taps => loop {
                let publication = self.hears(is_publication).await?;
                self.taps(&publication, |_, _| {}).await?;
            },
            Role::Figures => self.says("Zahlen").await,
            Role::Help => self.says("Hilfe").await,
            Role::Stops => {
                self.hears(is_publication).await?;
                let (id, at) = self.speaks(1, |said, at| said.stopped = Some(at));
                self.cloud.tell(|meta| meta.message_webhook(&id, "Stopp", at)).await;
            }
            Role::Hesitates | Role::Listens | Role::Lapses | Role::Returns => {}
        }
        Some(())
    }

    async fn says(&self, text: &str) {
        let (id, at) = self.speaks(1, |_, _| {});
        self.cloud.tell(|meta| meta.message_webhook(&id, text, at)).await;
    }

    /// Taps on the message's first button: nothing is said in return but the blue ticks.
    async fn taps(&self, message: &Accepted, notes: impl FnOnce(&mut Said, Timestamp)) -> Option<()> {
        let button = message.buttons.first()?;
        let (id, at) = self.speaks(0, notes);
        self.cloud.tell(|meta| meta.tap_webhook(&id, button, at)).await;
        Some(())
    }

    /// Who is about to speak, and when. Noted first, as Meta does.
    fn speaks(&self, questions: usize, notes: impl FnOnce(&mut Said, Timestamp)) -> (String, Timestamp) {
        let at = Clock::System.now().second().minus(self.back);
        let mut said = look(&self.said);
        said.latest = said.latest.max(at);
        said.messages += 1;
        said.questions += questions;
        notes(&mut said, at);
        (said.person.user_id.clone(), at)
    }

    /// The next message that is like this.
    async fn hears(&mut self, like: impl Fn(&Accepted) -> bool) -> Option<Accepted> {
        loop {
            let message = self.rings.recv().await?;
            if like(&message) {
                return Some(message);
            }
        }
    }
}

pub(super) fn look(said: &Mutex<Said>) -> MutexGuard<'_, Said> {
    said.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_publication(message: &Accepted) -> bool {
    publishes(&message.buttons)
}

fn is_reminder(message: &Accepted) -> bool {
    reminds(&message.buttons)
}

/// Whether these are the buttons of a publication.
pub(super) fn publishes(buttons: &[(String, String)]) -> bool {
    buttons.iter().any(|(_, title)| title == CONTINUE)
}

/// Whether these are the buttons of a reminder.
pub(super) fn reminds(buttons: &[(String, String)]) -> bool {
    buttons.iter().any(|(_, title)| title == GO_ON)
}
