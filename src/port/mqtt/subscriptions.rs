//! What the relay wants to hear, and whether the broker lets it: asked for, confirmed, refused, asked for again. Sends nothing itself.
//!
//! One filter a feed, `figures/<feed>/#`, which covers `figures/<feed>` too. Not `figures/#`: it would hear every misspelt feed, but on a
//! broker that several branches share also the feeds of other relays, and answering "no such feed" to their publishers would be wrong. One
//! for each foreign topic. And one for requests, with QoS 0, so that no broker keeps a request for a relay that is away: what a human
//! decided hours ago about what was held then may be wrong now.

use super::lost::Lost;
use super::request;
use crate::config::MqttConfig;
use rumqttc::mqttbytes::QoS;
use rumqttc::{Subscribe, SubscribeFilter, SubscribeReasonCode};
use std::collections::BTreeSet;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::{Sleep, sleep};
use tracing::{error, info, warn};

/// A broker that says nothing to SUBSCRIBE for so long does not serve us.
const ANSWER: Duration = Duration::from_secs(20);
/// What was refused may be allowed meanwhile: ACLs are files that somebody edits.
const REFUSED: Duration = Duration::from_secs(60);
/// A broker can say "session present" and have lost the subscriptions (a cluster's node, a restored backup), and nothing shows it: pings
/// are answered and no figure comes. Asking again is harmless, for the broker only replaces the subscription and repeats retained figures,
/// which the domain takes as duplicates. Once an hour bounds how long the relay can be deaf and costs a few kilobytes.
const REFRESH: Duration = Duration::from_secs(3600);
/// The requests were full.
const SOON: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    /// The broker has not said anything.
    Unknown,
    Granted(QoS),
    Refused,
}

/// What is heard by a filter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    Figures,
    Requests,
}

impl What {
    fn qos(self) -> QoS {
        match self {
            What::Figures => QoS::AtLeastOnce,
            What::Requests => QoS::AtMostOnce,
        }
    }
}

#[derive(Debug)]
struct Filter {
    topic: String,
    what: What,
    /// What the broker said last.
    standing: Standing,
    /// It has to be asked (again).
    wanted: bool,
}

/// One filter a feed, and one a foreign topic.
#[derive(Debug)]
pub(super) struct Subscriptions {
    filters: Vec<Filter>,
    /// Which of them the SUBSCRIBE asks for that is on its way; none if there is none.
    asked: Vec<usize>,
    /// When the answer to that must be there; if there was one, when to ask again for what was refused.
    due: Pin<Box<Sleep>>,
    /// When to ask for all of them again.
    refresh: Pin<Box<Sleep>>,
}

impl Subscriptions {
    /// At the first connection of a process all are asked for, whatever session there is: it may be subscribed to what the configuration
    /// said before.
    pub(super) fn new(config: &MqttConfig) -> Subscriptions {
        let filter = |what| move |topic| Filter { topic, what, standing: Standing::Unknown, wanted: true };
        let feeds = config.feeds.iter().map(|feed| format!("{}/{}/#", config.figures, feed.name));
        let mut topics: Vec<String> = feeds.chain(config.maps.iter().map(|map| map.topic.clone())).collect();
        // Several metrics may come on one foreign topic.
        let mut seen = BTreeSet::new();
        topics.retain(|topic| seen.insert(topic.clone()));
        let requests = [request::filter(config)].map(filter(What::Requests));
        let filters = topics.into_iter().map(filter(What::Figures)).chain(requests).collect();
        let at_once = || Box::pin(sleep(Duration::ZERO));
        Subscriptions { filters, asked: Vec::new(), due: at_once(), refresh: at_once() }
    }

    /// A new connection. What to ask for: everything if the broker knows nothing of us, else what has not been confirmed; a session can be
    /// present without its SUBSCRIBE having arrived.
    pub(super) fn connected(&mut self, session_present: bool) -> Option<Subscribe> {
        self.asked.clear();
        if !session_present {
            self.want_all();
        }
        self.ask()
    }

    /// Waits until [`Subscriptions::remind`] has something to say.
    pub(super) async fn due(&mut self) {
        let (asked, wanted) = (!self.asked.is_empty(), self.filters.iter().any(|filter| filter.wanted));
        tokio::select! {
            () = &mut self.due, if wanted => {}
            () = &mut self.refresh, if !asked => {}
        }
    }

    /// It is due: what to ask for.
    ///
    /// # Errors
    /// If the last question was not answered.
    pub(super) fn remind(&mut self) -> Result<Option<Subscribe>, Lost> {
        if !self.asked.is_empty() {
            return Err(Lost::Unheard);
        }
        if self.refresh.is_elapsed() {
            self.want_all();
        }
        Ok(self.ask())
    }

    /// The question could not be put.
    pub(super) fn postpone(&mut self) {
        self.asked.clear();
        self.due = Box::pin(sleep(SOON));
    }

    /// What the broker says to what was asked last, filter by filter (MQTT 3.1.1, 3.9.3). Missing answers count as refusals.
    pub(super) fn answered(&mut self, codes: &[SubscribeReasonCode]) {
        let mut codes = codes.iter();
        if self.asked.len() == self.filters.len() {
            self.refresh = Box::pin(sleep(REFRESH));
        }
        self.due = Box::pin(sleep(REFUSED));
        for index in std::mem::take(&mut self.asked) {
            let Some(filter) = self.filters.get_mut(index) else { continue };
            let standing = match codes.next() {
                Some(SubscribeReasonCode::Success(granted)) => Standing::Granted(*granted),
                Some(SubscribeReasonCode::Failure) | None => Standing::Refused,
            };
            filter.wanted = standing == Standing::Refused;
            if filter.standing != standing {
                filter.standing = standing;
                filter.log();
            }
        }
    }

    /// A filter that the broker refuses, and without which figures are not heard.
    pub(super) fn refused(&self) -> Option<&str> {
        let deaf = |filter: &&Filter| filter.what == What::Figures && filter.standing == Standing::Refused;
        self.filters.iter().find(deaf).map(|filter| filter.topic.as_str())
    }

    fn want_all(&mut self) {
        for filter in &mut self.filters {
            filter.wanted = true;
        }
    }

    fn ask(&mut self) -> Option<Subscribe> {
        self.asked = self.filters.iter().enumerate().filter(|(_, filter)| filter.wanted).map(|(index, _)| index).collect();
        if self.asked.is_empty() {
            return None;
        }
        self.due = Box::pin(sleep(ANSWER));
        let wanted = self.filters.iter().filter(|filter| filter.wanted);
        Some(Subscribe::new_many(wanted.map(|filter| SubscribeFilter::new(filter.topic.clone(), filter.what.qos()))))
    }
}

impl Filter {
    fn log(&self) {
        let topic = &self.topic;
        match (self.standing, self.what) {
            (Standing::Refused, What::Requests) => {
                warn!(topic, "the MQTT broker refuses the subscription: nobody can decide by MQTT what is held (ACL)");
            }
            (Standing::Refused, What::Figures) => {
                error!(topic, "the MQTT broker refuses the subscription: allow the relay to read it (ACL)");
            }
            (Standing::Granted(QoS::AtMostOnce), What::Figures) => {
                warn!(topic, "subscribed, but the MQTT broker grants QoS 0 only: figures are lost while the relay is away");
            }
            (Standing::Granted(QoS::AtLeastOnce | QoS::ExactlyOnce), What::Figures) => info!(topic, "subscribed to figures"),
            (Standing::Granted(_), What::Requests) => info!(topic, "subscribed to requests"),
            (Standing::Unknown, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Name;
    use crate::domain::rules::FeedRules;
    use jiff::tz::TimeZone;
    use rumqttc::SubscribeReasonCode::{Failure, Success};
    use tokio::time::timeout;

    fn two_feeds() -> Subscriptions {
        let feed = |name| FeedRules::new(Name::new(name).expect("a name"), "", Vec::new());
        Subscriptions::new(&MqttConfig::plain("localhost", 1883, vec![feed("corona"), feed("pegel")], TimeZone::UTC))
    }

    fn topics(subscribe: Option<Subscribe>) -> Vec<String> {
        subscribe.map(|subscribe| subscribe.filters.into_iter().map(|filter| filter.path).collect()).unwrap_or_default()
    }

    const ALL: [&str; 3] = ["figures/corona/#", "figures/pegel/#", "relay/request/+"];
    const GRANTED: SubscribeReasonCode = Success(QoS::AtLeastOnce);

    /// Whether `subscriptions` waits for exactly so long.
    async fn waits(subscriptions: &mut Subscriptions, long: Duration) -> bool {
        let just_before = long - Duration::from_millis(2);
        timeout(just_before, subscriptions.due()).await.is_err() && timeout(Duration::from_millis(4), subscriptions.due()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn asks_once_an_hour_for_all_and_once_a_minute_for_what_was_refused() {
        let mut subscriptions = two_feeds();
        assert_eq!(topics(subscriptions.connected(true)), ALL, "the session may be older than the configuration");
        assert!(waits(&mut subscriptions, ANSWER).await);
        assert!(matches!(subscriptions.remind(), Err(Lost::Unheard)));
        assert_eq!(topics(subscriptions.connected(true)), ALL);
        subscriptions.answered(&[GRANTED, Failure, Success(QoS::AtMostOnce)]);
        for minute in 1..60 {
            assert!(waits(&mut subscriptions, REFUSED).await, "{minute}");
            assert_eq!(topics(subscriptions.remind().expect("answered")), ALL[1..2], "{minute}");
            subscriptions.answered(&[Failure]);
        }
        assert!(timeout(REFUSED, subscriptions.due()).await.is_ok());
        assert_eq!(topics(subscriptions.remind().expect("answered")), ALL, "one that is refused does not keep the other from its hour");
        subscriptions.answered(&[GRANTED; 3]);
        assert_eq!(topics(subscriptions.connected(true)), [""; 0]);
        assert!(waits(&mut subscriptions, REFRESH).await);
        assert_eq!(topics(subscriptions.remind().expect("answered")), ALL);
        subscriptions.answered(&[GRANTED; 3]);
        assert_eq!(topics(subscriptions.connected(false)), ALL);
    }

    #[tokio::test(start_paused = true)]
    async fn too_few_answers_are_refusals_and_too_many_are_not_looked_at() {
        let mut subscriptions = two_feeds();
        subscriptions.connected(false).expect("SUBSCRIBE");
        subscriptions.answered(&[GRANTED]);
        assert_eq!(topics(subscriptions.connected(true)), ALL[1..]);
        subscriptions.answered(&[GRANTED; 9]);
        subscriptions.answered(&[Failure]);
        assert_eq!(topics(subscriptions.connected(true)), [""; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_found_no_room_is_put_again() {
        let mut subscriptions = two_feeds();
        subscriptions.connected(false).expect("SUBSCRIBE");
        subscriptions.answered(&[GRANTED, Failure, Success(QoS::AtMostOnce)]);
        assert!(waits(&mut subscriptions, REFUSED).await);
        subscriptions.remind().expect("answered").expect("SUBSCRIBE");
        subscriptions.postpone();
        assert!(waits(&mut subscriptions, SOON).await);
        assert_eq!(topics(subscriptions.remind().expect("not on its way")), ALL[1..2]);
    }
}
