//! Who lives in the month, what they say and when. Every name, number and text is in no other test: with `cargo test` others write into the
//! same log.

use super::search::{Kind, Needle};
use super::town::{Act, Town};
use super::{DAY, HOUR, MINUTE};
use drk_relay::domain::time::Millis;
use drk_relay::simulator::meta::Person;
use serde_json::json;

/// Days until nobody answers any more, and until the end: the last windows close, what lapsed is kept for a day, what was lost for a week.
pub(super) const LIVELY: u64 = 22;
pub(super) const DAYS: u64 = 31;

/// What people write. Whatever a bot does with it, it keeps none of it.
pub(super) const TEXTS: [&str; 8] = [
    "Grüezi mitenand Quittenbaum",
    "Guten Tag, hier spricht der Zwetschgenhof",
    "hallo?? ist da jemand (Mirabelle)",
    "ich bin’s wieder, die Schlehe 🌳",
    "Foto vom Impfausweis Hagebutte",
    "Neue Nummer, alte Sanddornhecke",
    "Holunderweg 17, 79761 Waldshut",
    "Kornelkirsche Erika Ö.",
];

/// Shows a number, answers everything.
pub(super) fn anna() -> Person {
    Person::with_phone(477_001)
}

/// Shows a username only, answers everything.
pub(super) fn ben() -> Person {
    Person::with_username(477_002)
}

/// Meta names no BSUID: the one whose number has to be kept while the window is open. Answers everything.
pub(super) fn carla() -> Person {
    Person::with_phone_only(477_003)
}

/// Falls silent, comes back, stops, writes again.
pub(super) fn doris() -> Person {
    Person::with_phone(477_004)
}

/// Answers everything, and gets another number.
pub(super) fn emil() -> Person {
    Person::with_phone(477_005)
}

/// The same, afterwards.
pub(super) fn emil_moved() -> Person {
    Person { name: emil().name, ..Person::with_phone(477_105) }
}

/// Sends photos, addresses, contacts and thumbs, and never subscribes.
pub(super) fn frieda() -> Person {
    Person::with_phone(477_006)
}

/// Whoever answers every question.
pub(super) fn loyal(user_id: &str) -> bool {
    [anna(), ben(), carla(), emil(), emil_moved()].iter().any(|person| person.user_id == user_id)
}

/// The one whose number is kept.
pub(super) fn kept_by_number() -> Needle {
    Needle::new(Kind::Phone, &carla().wa_id.unwrap_or_default())
}

/// Those whose BSUID is kept while their window is open.
pub(super) fn kept_by_bsuid() -> Vec<Person> {
    vec![anna(), ben(), doris(), emil(), emil_moved(), frieda()]
}

/// All that identifies somebody.
pub(super) fn needles() -> Vec<Needle> {
    let mut needles = vec![Needle::new(Kind::Name, "max.muster")];
    for person in kept_by_bsuid().into_iter().chain([carla()]) {
        needles.extend(person.wa_id.map(|phone| Needle::new(Kind::Phone, &phone)));
        needles.extend([Needle::new(Kind::Bsuid, &person.user_id), Needle::new(Kind::Name, &person.name)]);
    }
    needles
}

/// What happens in the month, besides answers.
pub(super) fn plan(town: &mut Town, start: Millis) {
    let at = |day: u64, hour: u64, minute: u64| start.plus(day * DAY + hour * HOUR + minute * MINUTE);
    for day in 0..LIVELY {
        // Every fifth day brings no figures, so everybody is reminded.
        if day % 5 != 4 {
            town.plan(at(day, 4, 0), Act::Publish(day));
        }
        town.plan(at(day, 15, 0), Act::Look);
    }
    let [hello, good_day, anybody, again, photo, moved, street, last] = TEXTS;
    for (number, (person, text)) in (0..).zip([(anna(), hello), (ben(), good_day), (carla(), anybody), (doris(), street), (emil(), last)]) {
        town.plan(at(0, 1, number), Act::Say(person.user_id, text));
    }
    // Doris taps once, is asked a day later and says nothing; her subscription rests until she takes it up again.
    town.plan(at(2, 6, 0), Act::Say(doris().user_id, "Ja"));
    town.plan(at(3, 1, 0), Act::Say(doris().user_id, "Stopp"));
    town.plan(at(12, 2, 0), Act::Say(doris().user_id, again));
    // Emil's window stays open under his new name.
    town.plan(at(10, 2, 0), Act::Move);
    town.plan(at(10, 2, 1), Act::Say(emil_moved().user_id, moved));
    for day in [2, 13, 21] {
        let frieda = || frieda().user_id;
        let image = json!({ "id": "1", "mime_type": "image/jpeg", "sha256": "x", "caption": photo });
        let location = json!({ "latitude": 47.62, "longitude": 8.21, "name": last, "address": street });
        let phone = format!("+{}", emil().wa_id.unwrap_or_default());
        let card = json!([{ "name": { "formatted_name": emil().name }, "phones": [{ "phone": phone, "wa_id": emil().wa_id }] }]);
        let edit = json!({ "original_message_id": "wamid.IN1", "message": { "type": "text", "text": { "body": good_day } } });
        for (minute, kind, content) in [
            (0, "image", image),
            (10, "location", location),
            (20, "contacts", card),
            (30, "reaction", json!({ "message_id": "wamid.OUT1", "emoji": "👍" })),
            (40, "edit", edit),
            (50, "unsupported", json!({ "type": "poll_creation" })),
            (55, "what nobody has thought of", json!({ "body": again })),
        ] {
            town.plan(at(day, 8, minute), Act::Send(frieda(), kind, content));
        }
    }
    town.plan(at(5, 4, 30), Act::Fail);
    // The token dies for three hours, in which figures come and people write.
    town.plan(at(7, 3, 30), Act::Token { good: false });
    town.plan(at(7, 5, 0), Act::Say(anna().user_id, "Zahlen"));
    town.plan(at(7, 6, 30), Act::Token { good: true });
    for day in [3, 11, 20] {
        town.plan(at(day, 12, 0), Act::Backup);
        town.plan(at(day, 12, 1), Act::Stop);
    }
    town.plan(at(DAYS, 0, 0), Act::Stop);
}
