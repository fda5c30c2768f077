//! The sentences themselves. Knows no person and no figure: whatever varies comes in as a finished piece of text.

use crate::domain::ids::fingerprint;

/// All sentences.
#[derive(Debug, Default)]
pub struct Texts;

impl Texts {
    /// The sentences as they come with the program.
    pub fn german() -> Texts {
        Texts
    }

    /// The fingerprint of the question's wording: part of the proof of consent.
    pub fn consent(&self) -> u32 {
        fingerprint(&self.question())
    }

    pub(super) fn help(&self, contact: &str, topics: bool) -> String {
        let topics = if topics { ", *Themen*" } else { "" };
        format!(
            "Schreibe *Zahlen* für die neuesten Zahlen, *Ja*, um informiert zu werden, *Stopp*, um dich abzumelden, *Datenschutz* oder \
             *Auskunft*{topics}.\nFragen an Menschen: {contact}\nIm Notfall wähle 112. Den ärztlichen Bereitschaftsdienst erreichst du \
             unter 116117."
        )
    }

    pub(super) fn no_figures(&self) -> String {
        "Es liegen noch keine Zahlen vor.".to_owned()
    }

    /// The question that a "Ja" answers.
    pub fn question(&self) -> String {
        "Möchtest du informiert werden, wenn neue Zahlen vorliegen?".to_owned()
    }

    pub(super) fn choose(&self) -> String {
        "Worüber möchtest du informiert werden, wenn neue Zahlen vorliegen? Du kannst mehrmals wählen.".to_owned()
    }

    pub(super) fn welcome(&self, branch: &str) -> String {
        format!(
            "Hallo! Hier ist der Zahlen-Dienst von {branch}.\nSchreibe *Datenschutz*, wenn du wissen möchtest, was wir \
             speichern, und *Stopp*, um dich abzumelden."
        )
    }

    pub(super) fn interruption(&self) -> String {
        "Entschuldige: Bei uns gab es eine Unterbrechung, deshalb hast du nichts von uns gehört.".to_owned()
    }

    pub(super) fn subscribed(&self, closes: &str) -> String {
        format!(
            "Danke! Du bekommst neue Zahlen, sobald sie vorliegen. Dein Abo läuft bis {closes}. Vorher fragen wir dich, ob \
             du weiter informiert werden möchtest. Mit *Stopp* meldest du dich jederzeit ab."
        )
    }

    pub(super) fn ends(&self, closes: &str) -> String {
        format!("Ohne Antwort endet dein Abo {closes}.")
    }

    pub(super) fn reminder(&self) -> String {
        "Es liegen aktuell keine neuen Zahlen vor. Möchtest du weiter informiert werden?".to_owned()
    }

    pub(super) fn reminder_late(&self) -> String {
        "Du kannst auch später noch antworten: dann geht es weiter.".to_owned()
    }

    pub(super) fn stopped(&self) -> String {
        "Du bist abgemeldet und bekommst keine Zahlen mehr. Was wir über dich gespeichert hatten, wird gelöscht. Wenn \
             du wieder Zahlen möchtest, schreib uns einfach."
            .to_owned()
    }

    pub(super) fn resumed(&self, closes: &str) -> String {
        format!(
            "Entschuldige: Bei uns gab es eine Unterbrechung, deshalb hast du nichts von uns gehört. Jetzt geht es weiter. \
             Dein Abo läuft bis {closes}."
        )
    }

    pub(super) fn privacy(&self, branch: &str, address: &str) -> String {
        format!(
            "Datenschutz: Wir speichern eine Kennung von WhatsApp, verschlüsselte Prüfsummen davon und von deiner \
             Telefonnummer, den Zeitpunkt deiner letzten Nachricht und dein Ja zu den Zahlen, aber nicht deinen Namen oder \
             was du schreibst. Mit *Auskunft* erfährst du, was genau; nach *Stopp* oder *Löschen* wird alles gelöscht. \
             WhatsApp (Meta) überträgt die Nachrichten. Verantwortlich: {branch}. Mehr: {address}"
        )
    }

    pub(super) fn access_agreed(&self, feeds: &str, at: &str, asked: &str) -> String {
        format!("dein Ja vom {at} auf die Frage „{asked}“, für: {feeds}")
    }

    pub(super) fn access_nothing(&self) -> String {
        "kein Abo".to_owned()
    }

    pub(super) fn access(&self, at: &str, agreed: &str) -> String {
        format!(
            "Über dich gespeichert sind: eine Kennung von WhatsApp (solange wir dir antworten dürfen), verschlüsselte \
             Prüfsummen davon und von deiner Telefonnummer, der Zeitpunkt deiner letzten Nachricht ({at}) und {agreed}. \
             Dein Name und deine Nachrichten sind nicht gespeichert. Mit *Löschen* wird alles gelöscht."
        )
    }

    pub(super) fn topics(&self) -> String {
        "Zu diesen Themen haben wir kurze Auskünfte mit Quelle und Stand.".to_owned()
    }

    pub(super) fn no_topics(&self) -> String {
        "Dazu haben wir im Augenblick keine Auskunft.".to_owned()
    }

    pub(super) fn topic_origin(&self, source: &str, date: &str) -> String {
        format!("Quelle: {source}, Stand: {date}")
    }

    pub(super) fn hint(&self) -> String {
        "Eine Reaktion kommt bei uns nicht als Antwort an. Bitte tippe auf *Ja* oder *Ja, weiter*, wenn du weiter \
             informiert werden möchtest."
            .to_owned()
    }

    pub(super) fn waiting(&self) -> String {
        "Zurzeit ist leider kein Platz frei: Wir können nur eine begrenzte Zahl von Nachrichten verschicken. Wird in \
             den nächsten 24 Stunden ein Platz frei, fragen wir dich. Mit *Zahlen* bekommst du jederzeit die neuesten \
             Zahlen."
            .to_owned()
    }

    pub(super) fn place(&self) -> String {
        "Es ist ein Platz frei geworden.".to_owned()
    }

    pub(super) fn notice(&self, day: &str) -> String {
        format!("Dieser Dienst endet am {day}.")
    }

    pub(super) fn ended(&self, day: &str) -> String {
        format!(
            "Dieser Dienst ist am {day} zu Ende gegangen. Danke für dein Interesse! Im Notfall wähle 112, den ärztlichen \
             Bereitschaftsdienst erreichst du unter 116117."
        )
    }

    pub(super) fn as_of(&self, day: &str) -> String {
        format!("Stand: {day}")
    }

    pub(super) fn more(&self) -> String {
        "… mehr mit *Zahlen*".to_owned()
    }

    pub(super) fn change_more(&self, amount: &str, day: &str) -> String {
        format!("{amount} mehr als am {day}")
    }

    pub(super) fn change_less(&self, amount: &str, day: &str) -> String {
        format!("{amount} weniger als am {day}")
    }

    pub(super) fn change_none(&self, day: &str) -> String {
        format!("wie am {day}")
    }

    pub(super) fn row_all(&self) -> String {
        "Alles".to_owned()
    }

    pub(super) fn row_none(&self) -> String {
        "Nein, danke".to_owned()
    }

    pub(super) fn button_choose(&self) -> String {
        "Auswählen".to_owned()
    }

    pub(super) fn button_topics(&self) -> String {
        "Themen".to_owned()
    }

    pub(super) fn button_yes(&self) -> String {
        "Ja".to_owned()
    }

    pub(super) fn button_no(&self) -> String {
        "Nein".to_owned()
    }

    pub(super) fn button_continue(&self) -> String {
        "Weiter informieren".to_owned()
    }

    pub(super) fn button_stop(&self) -> String {
        "Stopp".to_owned()
    }

    pub(super) fn button_go_on(&self) -> String {
        "Ja, weiter".to_owned()
    }

    pub(super) fn button_no_stop(&self) -> String {
        "Nein, Stopp".to_owned()
    }
}
