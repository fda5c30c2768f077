# Fragen und was sie begleitet. Diese Dateien stecken im Programm; wer einzelne Sätze anders sagen will, schreibt sie in eine eigene
# .ftl-Datei in den Ordner, den relay.toml nennt. Form: name = Text. { $wert } wird ersetzt und muss vorkommen. *fett*, _kursiv_. Jede
# Folgezeile ist eingerückt und beginnt nicht mit * [ oder . (dann hilft ein Aufzählungspunkt davor). Wie lang ein Satz mit den längsten
# Werten werden darf, sagt die Fehlermeldung; die Grenzen kommen von WhatsApp.

# Die erste Antwort; danach kommen die Zahlen und die Frage. Höchstens 400 Zeichen.
welcome =
    Hallo! Hier ist { $branch } mit dem automatischen Zahlen-Dienst.
    Schreibe *Hilfe*, wenn du nicht weiterweißt, *Datenschutz*, wenn du wissen möchtest, was wir speichern, und *Stopp*, um dich abzumelden.

# Die Frage, auf die ein „Ja“ die Einwilligung ist. Ihr Wortlaut wird aufbewahrt.
question = Möchtest du informiert werden, wenn neue Zahlen vorliegen?

# Dieselbe Frage, wenn es mehrere Zahlenreihen gibt; darunter steht eine Liste.
choose = Worüber möchtest du informiert werden, wenn neue Zahlen vorliegen? Du kannst mehrmals wählen.

# Vor den neuesten Zahlen, wenn jemand durch unsere Schuld nichts mehr gehört hat.
interruption = Entschuldige: Bei uns gab es eine Unterbrechung, deshalb hast du nichts von uns gehört.

# Unter neuen Zahlen. $closes: „heute um 14:32 Uhr“.
ends = Ohne Antwort endet dein Abo { $closes }.

# 23 Stunden und 59 Minuten nach der letzten Nachricht der Person.
reminder = Es liegen aktuell keine neuen Zahlen vor. Möchtest du weiter informiert werden?
# Dasselbe, wenn sie heute überfällig sind. $hour: „15“, bis dahin sind sie sonst da.
reminder_overdue = Es liegen aktuell keine neuen Zahlen vor: Sonst kommen sie bis { $hour } Uhr, heute noch nicht. Möchtest du weiter informiert werden?
# Dasselbe, wenn feststeht, dass heute keine kommen.
reminder_no_report = Heute gibt es keine Meldung mit neuen Zahlen. Möchtest du weiter informiert werden?
# Unter jeder von ihnen.
reminder_late = Du kannst auch später noch antworten: dann geht es weiter.

# Vor der Frage an jemanden, der gewartet hat.
place = Es ist ein Platz frei geworden.

# In allen Fragen und Bestätigungen, sobald das Ende angekündigt ist.
notice = Dieser Dienst endet am { $day }.
