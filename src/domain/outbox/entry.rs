//! What one message is: what it says, how far it has come, and what follows from that alone. Knows no other message.

use super::KEEP;
use crate::domain::budget::{Toll, Worth};
use crate::domain::ids::{PersonId, TopicId, WamidHash};
use crate::domain::pacing::{GUARD_MIN, Guard};
use crate::domain::time::Timestamp;
use crate::domain::window::VERDICT_AFTER;
use serde::{Deserialize, Serialize};

/// What is said. Parameters only: the sentences are made when it leaves, from what is known then.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Kind {
    /// Who we are, the latest figures, the question.
    Welcome,
    /// The latest figures and the question.
    Ask,
    /// The latest figures, on request.
    Figures,
    /// You are subscribed, until when; with the latest figures if they were not shown before.
    Subscribed {
        /// Whether the figures are shown too.
        figures: bool,
    },
    /// New figures, the question.
    Publication {
        /// What is newer than this revision is shown.
        since: u32,
    },
    /// Nothing new; do you want to go on?
    Reminder,
    /// You are unsubscribed.
    Stopped,
    /// There was an interruption on our side; the latest figures, the question.
    Interrupted,
    /// There was an interruption on our side; it goes on, with the latest figures.
    Resumed,
    /// What is stored, and how to have it erased; with the question for someone who has not answered it.
    Privacy {
        /// Whether the question is put.
        ask: bool,
    },
    /// What can be written, and whom to call; with the question for someone who has not answered it.
    Help {
        /// Whether the question is put.
        ask: bool,
    },
    /// What exactly is stored about this person; with the question for someone who has not answered it.
    Access {
        /// Whether the question is put.
        ask: bool,
    },
    /// The feeds to choose from: the question, when there are several.
    Choose,
    /// The topics to choose from.
    Topics,
    /// One topic; with the question for someone who has not answered it, if it is short enough.
    Topic {
        /// Which.
        topic: TopicId,
        /// Whether the question is put.
        ask: bool,
    },
    /// A thumb is no answer: please tap on a button.
    Hint,
    /// There is no place at present.
    Waiting,
    /// A place is free: the question again.
    Place,
    /// The service has ended.
    Ended,
}

/// In which order kinds leave when several wait: answers, reminders, figures (promise: an answer is expected now).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// Something that the person waits for.
    Answer,
    /// The question before the window closes.
    Reminder,
    /// A publication.
    Figures,
}

impl Class {
    /// All of them, in their order.
    pub const ALL: [Class; 3] = [Class::Answer, Class::Reminder, Class::Figures];
}

impl Kind {
    /// In which order it leaves.
    pub fn class(self) -> Class {
        match self {
            Kind::Reminder => Class::Reminder,
            Kind::Publication { .. } => Class::Figures,
            Kind::Welcome | Kind::Ask | Kind::Figures | Kind::Subscribed { .. } | Kind::Stopped => Class::Answer,
            Kind::Interrupted | Kind::Resumed | Kind::Privacy { .. } | Kind::Help { .. } | Kind::Access { .. } => Class::Answer,
            Kind::Choose | Kind::Topics | Kind::Topic { .. } | Kind::Hint | Kind::Waiting | Kind::Place | Kind::Ended => Class::Answer,
        }
    }

    /// Whether it answers something that the person wrote.
    pub fn is_answer(self) -> bool {
        self.class() == Class::Answer
    }

    /// Whether it is a publication.
    pub fn is_publication(self) -> bool {
        self.class() == Class::Figures
    }

    /// Whether it carries the question: silence after it may be a lapse.
    pub fn asks(self) -> bool {
        match self {
            Kind::Welcome | Kind::Ask | Kind::Publication { .. } | Kind::Reminder | Kind::Interrupted | Kind::Choose | Kind::Place => true,
            Kind::Privacy { ask } | Kind::Help { ask } | Kind::Access { ask } | Kind::Topic { ask, .. } => ask,
            Kind::Figures | Kind::Subscribed { .. } | Kind::Stopped | Kind::Resumed => false,
            Kind::Topics | Kind::Hint | Kind::Waiting | Kind::Ended => false,
        }
    }

    /// Whether it may still leave when the service has ended.
    pub fn outlives_the_service(self) -> bool {
        match self {
            Kind::Ended | Kind::Stopped | Kind::Privacy { .. } | Kind::Access { .. } => true,
            Kind::Welcome | Kind::Ask | Kind::Figures | Kind::Subscribed { .. } | Kind::Publication { .. } | Kind::Reminder => false,
            Kind::Interrupted | Kind::Resumed | Kind::Help { .. } | Kind::Choose | Kind::Topics | Kind::Topic { .. } => false,
            Kind::Hint | Kind::Waiting | Kind::Place => false,
        }
    }

    /// What it is worth when the month's messages run short; `admitted`: to somebody who takes a place.
    pub fn worth(self, admitted: bool) -> Worth {
        match self {
            Kind::Stopped | Kind::Privacy { .. } | Kind::Access { .. } | Kind::Help { .. } | Kind::Ended => Worth::Owed,
            Kind::Welcome | Kind::Choose | Kind::Waiting => Worth::First,
            Kind::Subscribed { .. } | Kind::Interrupted | Kind::Resumed => Worth::Confirmed,
            Kind::Publication { .. } | Kind::Reminder | Kind::Place => Worth::Promised,
            Kind::Figures | Kind::Topics | Kind::Topic { .. } | Kind::Hint if admitted => Worth::Answer,
            Kind::Ask | Kind::Figures | Kind::Topics | Kind::Topic { .. } | Kind::Hint => Worth::Extra,
        }
    }

    /// Whether it shows the latest figures.
    pub fn shows_figures(self) -> bool {
        match self {
            Kind::Welcome | Kind::Ask | Kind::Figures | Kind::Publication { .. } | Kind::Interrupted | Kind::Resumed => true,
            Kind::Subscribed { figures } => figures,
            Kind::Reminder | Kind::Stopped | Kind::Privacy { .. } | Kind::Help { .. } | Kind::Access { .. } | Kind::Choose => false,
            Kind::Topics | Kind::Topic { .. } | Kind::Hint | Kind::Waiting | Kind::Place | Kind::Ended => false,
        }
    }
}

/// How far a message has come. See the drawing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Delivery {
    /// Waits for its turn.
    Queued {
        /// Attempts that certainly did not go out.
        attempt: u8,
    },
    /// Backs off after an attempt that certainly did not go out; then it is queued again.
    Resting {
        /// The second in which it is queued again.
        until: Timestamp,
        /// Attempts that certainly did not go out.
        attempt: u8,
    },
    /// Handed to the port.
    InFlight {
        /// Attempts before this one.
        attempt: u8,
        /// When, by our clock.
        since: Timestamp,
    },
    /// Written, or perhaps written, and no answer came.
    Unknown {
        /// When it was given up.
        since: Timestamp,
    },
    /// Meta took it.
    Accepted {
        /// When, by our clock, or by Meta's if a status told first; when it left, if the answer tells no more.
        at: Timestamp,
        /// How statuses find it without callback data.
        wamid: WamidHash,
    },
    /// It reached the phone.
    Delivered {
        /// When it was accepted.
        at: Timestamp,
        /// How statuses find it without callback data.
        wamid: WamidHash,
    },
    /// It will not arrive. The code is Meta's, or 0 if the outcome was never learned.
    Failed {
        /// WhatsApp docs: error-codes.
        code: u32,
    },
}

/// Whether the message may have arrived by an attempt whose outcome nobody knows (promise 8).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Doubt {
    /// There was no such attempt.
    None,
    /// There was one, and this is the one repetition: there will not be another.
    Repeated,
}

/// One message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// To whom.
    pub person: PersonId,
    /// What it says.
    pub kind: Kind,
    /// How far it has come.
    pub delivery: Delivery,
    /// Whether an earlier attempt may have arrived.
    pub doubt: Doubt,
    /// Whether it is one of the month's free ones.
    pub toll: Toll,
    /// The end of the window that it is for: the first second in which it is closed.
    pub closes: Timestamp,
}

impl Entry {
    /// The last second in which it may be written.
    pub fn not_after(&self, guard: Guard) -> Timestamp {
        self.closes.minus(guard.seconds())
    }

    /// When this entry needs a turn by itself; `None` while an answer must come.
    pub(super) fn wakes(&self) -> Option<Timestamp> {
        let too_late = self.closes.minus(GUARD_MIN).plus(1);
        match self.delivery {
            Delivery::Queued { .. } | Delivery::Unknown { .. } => Some(too_late),
            Delivery::Resting { until, .. } => Some(until.min(too_late)),
            Delivery::InFlight { .. } => None,
            Delivery::Accepted { .. } | Delivery::Delivered { .. } | Delivery::Failed { .. } => {
                Some(self.closes.plus(VERDICT_AFTER + KEEP))
            }
        }
    }

    /// Since when nobody knows whether it has arrived, if it is one that may go once more: figures only, and only once. A second question
    /// would be worse than none.
    pub(super) fn repeatable(&self) -> Option<Timestamp> {
        match (self.delivery, self.doubt) {
            (Delivery::Unknown { since }, Doubt::None) if self.kind.is_publication() => Some(since),
            (Delivery::Unknown { .. }, Doubt::None | Doubt::Repeated) => None,
            (Delivery::Queued { .. } | Delivery::Resting { .. } | Delivery::InFlight { .. }, _) => None,
            (Delivery::Accepted { .. } | Delivery::Delivered { .. } | Delivery::Failed { .. }, _) => None,
        }
    }

    /// When Meta accepted it, if it did and no failure came back.
    pub fn accepted_at(&self) -> Option<Timestamp> {
        match self.delivery {
            Delivery::Accepted { at, .. } | Delivery::Delivered { at, .. } => Some(at),
            Delivery::Queued { .. } | Delivery::Resting { .. } | Delivery::InFlight { .. } => None,
            Delivery::Unknown { .. } | Delivery::Failed { .. } => None,
        }
    }

    /// Whether it was accepted in the window that began at `latest`, and has not failed.
    pub fn accepted_since(&self, latest: Timestamp) -> bool {
        self.accepted_at().is_some_and(|at| at >= latest)
    }

    /// Where it stands, in the only respect that the queue cares about.
    pub fn stage(&self) -> Stage {
        match self.delivery {
            Delivery::Queued { .. } | Delivery::Resting { .. } => Stage::Waiting,
            Delivery::InFlight { .. } => Stage::Leaving,
            Delivery::Unknown { .. } | Delivery::Accepted { .. } | Delivery::Delivered { .. } | Delivery::Failed { .. } => Stage::Gone,
        }
    }

    /// Whether the verdict on a window that began at `latest` has no more use for it.
    pub fn is_spent(&self, latest: Timestamp) -> bool {
        match self.delivery {
            Delivery::Accepted { at, .. } | Delivery::Delivered { at, .. } => at < latest,
            Delivery::Failed { .. } => true,
            Delivery::Queued { .. } | Delivery::Resting { .. } | Delivery::InFlight { .. } | Delivery::Unknown { .. } => false,
        }
    }

    pub(super) fn wamid(&self) -> Option<WamidHash> {
        match self.delivery {
            Delivery::Accepted { wamid, .. } | Delivery::Delivered { wamid, .. } => Some(wamid),
            Delivery::Queued { .. } | Delivery::Resting { .. } | Delivery::InFlight { .. } => None,
            Delivery::Unknown { .. } | Delivery::Failed { .. } => None,
        }
    }

    pub(super) fn attempt(&self) -> u8 {
        match self.delivery {
            Delivery::Queued { attempt } | Delivery::Resting { attempt, .. } | Delivery::InFlight { attempt, .. } => attempt,
            Delivery::Unknown { .. } | Delivery::Accepted { .. } | Delivery::Delivered { .. } | Delivery::Failed { .. } => 0,
        }
    }
}

/// Before, on, or past the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// It may still be taken back.
    Waiting,
    /// The port has it.
    Leaving,
    /// Nothing more will be written, unless the outcome turns out to be "certainly not sent".
    Gone,
}
