//! Which alarms there are: what each says, what to do about it, and how long it must be there or gone.

/// What can be wrong, the most urgent first: so they are shown and told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Code {
    /// The relay makes no step.
    RelaySilent,
    /// There is no room on the disk.
    DiskFull,
    /// A damaged store was set aside.
    StoreDamaged,
    /// Meta does not let our account send.
    SendingHeld,
    /// Meta takes messages and does not deliver them.
    MetaWithholds,
    /// The month's messages are spent.
    BudgetSpent,
    /// Only answers leave any more.
    BudgetReserve,
    /// The clock is not known to be right.
    ClockUntrusted,
    /// No session with the relay host.
    TunnelDown,
    /// The address that Meta calls does not lead here.
    AddressUnproven,
    /// What comes in as webhooks is not proven to be Meta's.
    WebhooksRefused,
    /// No certificate, or one that ends.
    Certificate,
    /// The Cloud API cannot be reached.
    MetaUnreachable,
    /// The broker cannot be reached.
    BrokerUnreachable,
    /// Figures are implausible, and a human has to look.
    FigureHeld,
    /// Figures that usually have come by now have not.
    FeedOverdue,
    /// An update did not work, and its predecessor goes on.
    UpdateRolledBack,
    /// Meta charges for messages that should be free.
    MetaCharges,
    /// The month's messages will not suffice.
    BudgetShort,
}

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
/// What heals by itself most times (a router that restarts, a line that is cut at night) is told after this many seconds.
const PATIENCE: u32 = 15 * MINUTE;
/// … and is over when it has been gone for so many: what flaps is one alarm.
const CALM: u32 = 5 * MINUTE;

impl Code {
    /// All of them, in their order.
    pub const ALL: [Code; 19] = [
        Code::RelaySilent,
        Code::DiskFull,
        Code::StoreDamaged,
        Code::SendingHeld,
        Code::MetaWithholds,
        Code::BudgetSpent,
        Code::BudgetReserve,
        Code::ClockUntrusted,
        Code::TunnelDown,
        Code::AddressUnproven,
        Code::WebhooksRefused,
        Code::Certificate,
        Code::MetaUnreachable,
        Code::BrokerUnreachable,
        Code::FigureHeld,
        Code::FeedOverdue,
        Code::UpdateRolledBack,
        Code::MetaCharges,
        Code::BudgetShort,
    ];

    /// Stable, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Code::RelaySilent => "relay-silent",
            Code::DiskFull => "disk-full",
            Code::StoreDamaged => "store-damaged",
            Code::SendingHeld => "sending-held",
            Code::MetaWithholds => "meta-withholds",
            Code::BudgetSpent => "budget-spent",
            Code::BudgetReserve => "budget-reserve",
            Code::ClockUntrusted => "clock-untrusted",
            Code::TunnelDown => "tunnel-down",
            Code::AddressUnproven => "address-unproven",
            Code::WebhooksRefused => "webhooks-refused",
            Code::Certificate => "certificate",
            Code::MetaUnreachable => "meta-unreachable",
            Code::BrokerUnreachable => "broker-unreachable",
            Code::FigureHeld => "figure-held",
            Code::FeedOverdue => "feed-overdue",
            Code::UpdateRolledBack => "update-rolled-back",
            Code::MetaCharges => "meta-charges",
            Code::BudgetShort => "budget-short",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Code> {
        Code::ALL.into_iter().find(|code| code.name() == name)
    }

    /// What is wrong and what follows from it, in German, for technicians.
    pub fn sentence(self) -> &'static str {
        match self {
            Code::RelaySilent => "Das Relay läuft, macht aber keinen Schritt: Es nimmt nichts an und sendet nichts.",
            Code::DiskFull => "Die Speicherkarte ist voll: Bis wieder Platz ist, wird nichts angenommen und nichts gesendet.",
            Code::StoreDamaged => {
                "Der Speicher war beschädigt und wurde beiseitegelegt. Das Relay hat neu begonnen: Wer schreibt, wird neu gefragt."
            }
            Code::SendingHeld => "Meta lässt uns nicht senden: Niemand bekommt Zahlen, Antworten oder Erinnerungen.",
            Code::MetaWithholds => {
                "Meta nimmt Nachrichten an und stellt sie nicht zu, als wären die kostenlosen verbraucht und keine Zahlungsart hinterlegt."
            }
            Code::BudgetSpent => "Die Nachrichten dieses Monats sind aufgebraucht: Bis zum Monatsende wird nichts mehr gesendet.",
            Code::BudgetReserve => {
                "Von den Nachrichten dieses Monats ist nur die Reserve übrig: Gesendet wird nur noch an Leute, die selbst schreiben."
            }
            Code::ClockUntrusted => "Die Uhr des Geräts ist nicht sicher gestellt: Es wird angenommen, aber nichts gesendet.",
            Code::TunnelDown => {
                "Der Tunnel zum Relay-Host steht nicht oder bricht immer wieder ab: Was Leute schreiben, kommt nicht an. Meta wiederholt \
                 es sieben Tage lang."
            }
            Code::AddressUnproven => {
                "Die Adresse, die Meta aufruft, führt nicht zu diesem Relay: Was Leute schreiben, kommt nicht an. Meta wiederholt es \
                 sieben Tage lang."
            }
            Code::WebhooksRefused => "Was als Webhook von Meta ankommt, ist nicht als echt zu erkennen und wird abgelehnt.",
            Code::Certificate => "Das Zertifikat fehlt, läuft bald ab oder lässt sich nicht erneuern. Ohne gültiges stellt Meta nichts zu.",
            Code::MetaUnreachable => "Meta ist nicht zu erreichen: Zahlen, Antworten und Erinnerungen bleiben liegen.",
            Code::BrokerUnreachable => "Der MQTT-Broker ist nicht zu erreichen: Neue Zahlen kommen nicht an.",
            Code::FigureHeld => "Zahlen sind unplausibel und werden angehalten: Niemand bekommt sie, bis jemand entschieden hat.",
            Code::FeedOverdue => "Zahlen sind überfällig: Um diese Zeit sind sie sonst längst da. Wer ein Abo hat, bekommt nichts Neues.",
            Code::UpdateRolledBack => "Ein Update wurde zurückgenommen: Die vorige Version läuft weiter.",
            Code::MetaCharges => "Meta berechnet Nachrichten, die nach unserer Zählung noch kostenlos wären.",
            Code::BudgetShort => "Die Nachrichten dieses Monats reichen mit den heutigen Abos nicht bis zum Monatsende.",
        }
    }

    /// What to do, in German.
    pub const fn remedy(self) -> &'static str {
        match self {
            Code::RelaySilent => "sudo journalctl -u drk-relay ansehen; die Speicherkarte prüfen und im Zweifel tauschen.",
            // Not the journal: Raspberry Pi OS keeps it in memory (40-rpi-volatile-storage.conf).
            Code::DiskFull => {
                "Platz schaffen: sudo apt-get clean; was ihn belegt, zeigt sudo du -xh --max-depth=3 / | sort -h | tail. Danach geht es \
                 von selbst weiter."
            }
            Code::StoreDamaged => {
                "Speicherkarte prüfen; budget.monthly_messages bis Monatsende senken, gezählt wird neu. Die Datei (drk-relay status) \
                 enthält Personendaten: löschen, wenn untersucht; dann endet der Alarm."
            }
            Code::SendingHeld => {
                "Zugriffstoken, Zahlungsart und Zustand der Nummer im WhatsApp Manager prüfen; drk-relay status nennt den Code."
            }
            Code::MetaWithholds => "Im WhatsApp Manager unter Zahlungen nachsehen; budget.monthly_messages an das anpassen, was frei ist.",
            Code::BudgetSpent => "Abwarten oder budget.monthly_messages erhöhen; was darüber hinausgeht, kostet Geld.",
            Code::BudgetReserve => {
                "budget.monthly_messages erhöhen oder mit weniger Zahlenreihen auskommen; am Monatsanfang endet es von selbst."
            }
            Code::ClockUntrusted => "timedatectl: Läuft systemd-timesyncd, und lässt das Netz NTP (UDP 123) oder HTTPS zu Meta durch?",
            Code::TunnelDown => "sudo drk-relay tunnel check zeigt, wie weit er kommt; Internetverbindung und Relay-Host prüfen.",
            Code::AddressUnproven => {
                "drk-relay status nennt den Teil des Weges, der nicht geht (DNS, TCP, TLS, Relay-Host, Tunnel, Gerät)."
            }
            Code::WebhooksRefused => {
                "App-Geheimnis mit dem im App-Dashboard vergleichen; ist mTLS eingeschaltet, auch ingress.meta_ca_file prüfen."
            }
            Code::Certificate => {
                "drk-relay status nennt den Grund; ausgestellt wird nur, wenn Tunnel und öffentliche Adresse funktionieren."
            }
            Code::MetaUnreachable => "Internetverbindung, DNS und Firewall prüfen (ausgehend TCP 443); drk-relay status nennt den Grund.",
            Code::BrokerUnreachable => {
                "Läuft der Broker? Stimmen host, port und Zugangsdaten unter [mqtt]? drk-relay status nennt den Grund."
            }
            Code::FigureHeld => {
                "An der Quelle nachsehen, dann entscheiden: drk-relay figures held zeigt, was zu tun ist. Eine plausible neue Zahl löst es \
                 von selbst."
            }
            Code::FeedOverdue => {
                "Beim Absender nachsehen, ob er sendet; kommt an einem Tag nichts, soll er \"no_report_today\" senden. Wann Zahlen fällig \
                 sind, stellt due ein."
            }
            Code::UpdateRolledBack => {
                "journalctl -u drk-relay -u drk-relay-update zeigt, woran es lag; die nächste Version wird wieder versucht, und wenn sie \
                 bereit wird, endet der Alarm."
            }
            Code::MetaCharges => {
                "Im WhatsApp Manager die Abrechnung ansehen; budget.monthly_messages auf das senken, was wirklich frei ist."
            }
            Code::BudgetShort => {
                "budget.monthly_messages erhöhen, oder hinnehmen, dass neue Leute vorerst keine Antwort bekommen und die Zahlen gegen \
                 Monatsende ausbleiben."
            }
        }
    }

    /// So many seconds it must be seen before somebody is told.
    pub fn lasts(self) -> u32 {
        match self {
            // Nothing heals these by itself, and each minute counts.
            Code::DiskFull | Code::StoreDamaged | Code::SendingHeld | Code::MetaWithholds | Code::BudgetSpent | Code::BudgetReserve => 0,
            Code::MetaCharges | Code::FigureHeld | Code::UpdateRolledBack => 0,
            // Two looks. A card that is about to die hangs for seconds and comes back; the watchdog ends everything after a minute.
            Code::RelaySilent => 20,
            Code::ClockUntrusted
            | Code::TunnelDown
            | Code::AddressUnproven
            | Code::WebhooksRefused
            | Code::Certificate
            | Code::MetaUnreachable
            | Code::BrokerUnreachable => PATIENCE,
            // After a start, what has waited at the broker comes first.
            Code::FeedOverdue => PATIENCE,
            // A forecast: one busy hour is no trend.
            Code::BudgetShort => HOUR,
        }
    }

    /// So many seconds it must not have been seen before it is over.
    pub fn gone(self) -> u32 {
        match self {
            // Somebody has put it right: that does not come back by itself.
            Code::StoreDamaged | Code::BudgetSpent | Code::BudgetReserve => 0,
            // Somebody has decided, or better figures have come.
            Code::FigureHeld | Code::FeedOverdue => 0,
            // Another update has proved itself.
            Code::UpdateRolledBack => 0,
            Code::RelaySilent
            | Code::DiskFull
            | Code::SendingHeld
            | Code::ClockUntrusted
            | Code::TunnelDown
            | Code::AddressUnproven
            | Code::WebhooksRefused
            | Code::Certificate
            | Code::MetaUnreachable
            | Code::BrokerUnreachable => CALM,
            Code::MetaWithholds | Code::MetaCharges => HOUR,
            // Rises and falls with the day.
            Code::BudgetShort => 12 * HOUR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_name_a_sentence_and_a_remedy_of_its_own() {
        for code in Code::ALL {
            assert_eq!(Code::named(code.name()), Some(code));
            assert!(code.name().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{code:?}");
            for text in [code.sentence(), code.remedy()] {
                assert!(text.ends_with(['.', '?', ')']) && !text.contains('\n') && text.len() < 200, "{text}");
            }
        }
        let mut sorted = Code::ALL;
        sorted.sort_unstable();
        assert_eq!(sorted, Code::ALL);
    }
}
