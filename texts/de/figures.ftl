# Rund um die Zahlen. Namen und Einheiten der Kennzahlen stehen in relay.toml.

no_figures = Es liegen noch keine Zahlen vor.
as_of = Stand: { $day }

# Wenn Zahlen falsch waren: unter dem Stand, und in Klammern hinter der richtigen Zahl.
correction = Korrektur: Vorher war eine Zahl falsch.
corrected = vorher { $amount }

# Wenn in einer Frage nicht alle Zahlen Platz haben, und wenn selbst eine ganze Nachricht zu kurz ist.
more = … mehr mit *Zahlen*
shortened = … gekürzt

# In Klammern hinter einer Zahl. $compared: „21.11.“.
change_more = { $amount } mehr als am { $compared }
change_less = { $amount } weniger als am { $compared }
change_none = wie am { $compared }
