# Knöpfe und Zeilen, auf die man tippt: Knöpfe höchstens 20 Zeichen, Zeilen 24. Zwei Knöpfe einer Nachricht müssen verschieden heißen.

# Unter der ersten Frage.
button_yes = Ja
button_no = Nein

# Unter neuen Zahlen.
button_continue = Weiter informieren
button_stop = Stopp

# Unter der Erinnerung.
button_go_on = Ja, weiter
button_no_stop = Nein, Stopp

# Öffnen eine Liste: der Zahlenreihen, der Themen.
button_choose = Auswählen
button_topics = Themen

# Die letzten Zeilen der Zahlenreihen.
row_all = Alles
row_none = Nein, danke
