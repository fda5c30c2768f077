//! What became of what a publisher said, or of what a human decided about it, and how that is said. Decides nothing.

use super::decision::Refusal;
use super::figures::Doubt;
use std::borrow::Cow;

/// What became of what a publisher said, or of what a human decided about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Taken {
    /// Of a new day: it is published, at once or when its day is complete.
    Accepted,
    /// It belongs to a day that is about to be published.
    Joined,
    /// Another value for a day that has been published: shown on request, and sent if the feed says so.
    Update,
    /// It puts right what was told: whoever was told that hears of it.
    Correction,
    /// About a day too long ago: shown on request, not sent.
    Old,
    /// There will be no figures of that day.
    NoReport,
    /// Kept until the clock is known to be right.
    Early,
    /// Kept until a human has looked at it, because of this; not empty.
    Held(Vec<Doubt>),
    /// What was held has been sent.
    Released,
    /// What was held has been forgotten.
    Discarded,
    /// What was held is the new state, and is not sent.
    Rebaselined,
    /// What was published, or about to be, has been taken back.
    Withdrawn,
    /// Nothing changed, and this is why.
    Refused(Refusal),
}

impl Taken {
    /// Whether something that was said is remembered.
    pub fn is_kept(&self) -> bool {
        match self {
            Taken::Accepted | Taken::Joined | Taken::Update | Taken::Correction | Taken::Old | Taken::NoReport | Taken::Early => true,
            Taken::Held(_) | Taken::Released | Taken::Rebaselined => true,
            Taken::Discarded | Taken::Withdrawn | Taken::Refused(_) => false,
        }
    }

    /// What happened and what comes next, in German, for publishers and technicians. `subscribers`: people whose window is open.
    pub fn sentence(&self, subscribers: u32) -> Cow<'static, str> {
        let sentence = match self {
            Taken::Accepted => return format!("Angenommen. {}", who(subscribers)).into(),
            Taken::Released => return format!("Freigegeben. {}", who(subscribers)).into(),
            Taken::Held(doubts) => {
                let why: Vec<&str> = doubts.iter().map(|doubt| doubt.sentence.as_str()).collect();
                return format!("Angehalten, niemand bekommt sie. {}", why.join(" ")).into();
            }
            Taken::Joined => "Angenommen: gehört zu den Zahlen, die gleich zusammen verschickt werden.",
            Taken::Update => {
                "Angenommen: ein anderer Wert für einen Tag, der schon bekannt ist. Er wird auf Nachfrage gezeigt; verschickt wird er als \
                 Berichtigung (corrects) oder mit updates = \"send\"."
            }
            Taken::Correction => "Angenommen: wird als Berichtigung verschickt, wenn bis dahin nichts anderes kommt.",
            Taken::Old => "Angenommen, aber zu alt, um verschickt zu werden: wird auf Nachfrage gezeigt.",
            Taken::NoReport => "Angenommen: für diesen Tag werden keine Zahlen erwartet.",
            Taken::Early => "Angenommen: wird geprüft und verschickt, sobald die Uhr des Relays bestätigt ist.",
            Taken::Discarded => "Verworfen: was angehalten war, bekommt niemand.",
            Taken::Rebaselined => "Übernommen, ohne zu verschicken: was jetzt kommt, wird damit verglichen.",
            Taken::Withdrawn => "Zurückgezogen: wer die Zahlen noch nicht hat, bekommt sie nicht.",
            Taken::Refused(refusal) => refusal.sentence(),
        };
        sentence.into()
    }
}

fn who(subscribers: u32) -> String {
    match subscribers {
        0 => "Zurzeit ist niemand angemeldet.".to_owned(),
        1 => "1 Person wird benachrichtigt.".to_owned(),
        more => format!("{more} Personen werden benachrichtigt."),
    }
}
