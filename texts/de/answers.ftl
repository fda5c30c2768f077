# Antworten auf das, was jemand schreibt. Form: siehe questions.ftl.

# Nach dem „Ja“. $closes: „morgen um 14:32 Uhr“.
subscribed = Danke! Du bekommst neue Zahlen, sobald sie vorliegen. Dein Abo läuft bis { $closes }. Vorher fragen wir dich, ob du weiter informiert werden möchtest. Mit *Stopp* meldest du dich jederzeit ab.

# Nach einer Unterbrechung auf unserer Seite, wenn jemand „Ja“ sagt; darüber stehen die Entschuldigung (interruption) und die Zahlen.
resumed = Jetzt geht es weiter: Du bekommst wieder neue Zahlen, sobald sie vorliegen. Dein Abo läuft bis { $closes }.

# Nach „Stopp“.
stopped = Du bist abgemeldet und bekommst keine Zahlen mehr von uns. Was wir über dich gespeichert hatten, wird gelöscht. Wenn du wieder Zahlen möchtest, schreib uns einfach.

# Nach einem 👍 auf eine Frage. $button: der Knopf, der „Ja“ sagt.
hint = Danke für deine Reaktion! Sie kommt bei uns leider nicht als Antwort an. Bitte tippe auf *{ $button }* oder schreibe *Ja*, wenn du informiert werden möchtest.

# Nach „Ja“, wenn die Nachrichten dieses Monats nicht für noch jemanden reichen.
waiting = Zurzeit ist leider kein Platz frei: Wir können jeden Monat nur eine begrenzte Zahl von Nachrichten verschicken. Wird bis { $closes } ein Platz frei, fragen wir dich; danach schreib uns gern noch einmal. Mit *Zahlen* bekommst du jederzeit die neuesten Zahlen.

# Wenn der Dienst zu Ende ist; darunter stehen die Notrufnummern.
ended = Dieser Dienst ist am { $day } zu Ende gegangen, wir verschicken keine Zahlen mehr. Danke für dein Interesse!

# Nach „Hilfe“. Die nächsten Zeilen kommen dazu, wenn es mehrere Zahlenreihen oder Themen gibt und eine Adresse für Fragen.
help =
    Das kannst du schreiben:
    • *Zahlen*: die neuesten Zahlen
    • *Ja*: Bescheid bekommen, wenn neue Zahlen vorliegen
    • *Stopp*: abmelden, dann wird alles gelöscht
    • *Datenschutz*: was wir speichern
    • *Auskunft*: was wir über dich gespeichert haben
help_choose = • *Auswahl*: worüber du informiert wirst
help_topics = • *Themen*: kurze Auskünfte mit Quelle
help_contact = Du möchtest einen Menschen fragen? { $contact }

# Unter der Hilfe und nach dem Ende des Dienstes.
emergency = Im Notfall wähle *112*. Den ärztlichen Bereitschaftsdienst erreichst du unter *116117*.

# Nach „Datenschutz“. $privacy: wo die ausführliche Erklärung steht. Mit der Frage darunter höchstens 1.024 Zeichen.
privacy =
    Datenschutz: Wir speichern
    • eine Kennung von WhatsApp (fehlt sie: deine Nummer), nur solange wir dir antworten dürfen,
    • verschlüsselte Prüfsummen von Kennung und Nummer,
    • wann du zuletzt geschrieben hast und ob unsere Nachrichten ankamen,
    • dein Ja: wann, worauf und wofür.
    Deinen Namen und was du schreibst speichern wir nicht.
    Nach *Stopp* wird alles gelöscht; nur Prüfsummen und Uhrzeit bleiben gut zwei Tage, damit die Abmeldung gilt. Schreibst du nicht mehr, ist nach neun Tagen alles gelöscht. *Auskunft* zeigt, was wir über dich gespeichert haben.
    WhatsApp (Meta) überträgt die Nachrichten. Verantwortlich: { $branch }. Mehr: { $privacy }

# Nach „Auskunft“: was über diese Person gespeichert ist, eine Zeile für jede Angabe, die es gibt.
access = *Auskunft*: Das haben wir über dich gespeichert.
access_id = • die Kennung, die WhatsApp uns für dich nennt: { $id } (etwa bis { $closes })
access_number = • deine Nummer, weil WhatsApp uns keine Kennung genannt hat: { $number } (etwa bis { $closes })
access_hash = • eine verschlüsselte Prüfsumme davon
access_hashes = • verschlüsselte Prüfsummen der Kennung und deiner Nummer
access_latest = • den Zeitpunkt deiner letzten Nachricht: { $at }
access_messages = • welche unserer Nachrichten bei dir angekommen sind
access_agreed = • dein Ja vom { $at } auf die Frage „{ $asked }“, für: { $feeds }
access_waiting = • dass du auf einen Platz wartest, für: { $feeds }
access_stopped = • den Zeitpunkt deiner Abmeldung: { $at }
access_nothing = • kein Abo
access_end = Deinen Namen und was du schreibst speichern wir nicht. Mit *Löschen* wird alles gelöscht.

# Über der Liste der Themen; wenn es keine oder dieses nicht mehr gibt; unter jedem Thema und in der Liste.
topics = Zu diesen Themen haben wir kurze Auskünfte, jede mit Quelle und Stand.
no_topics = Dazu haben wir im Augenblick keine Auskunft. Mit *Hilfe* erfährst du, was du schreiben kannst.
topic_origin = Quelle: { $source }, Stand: { $date }
