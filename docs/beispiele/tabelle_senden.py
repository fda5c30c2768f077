#!/usr/bin/env python3
"""Sendet die neueste Zeile einer Tabelle, die Excel oder LibreOffice als CSV gespeichert hat (Semikolon, Dezimalkomma, auch mit BOM).

    tabelle_senden.py tabelle.csv

Liegt neben zahlen_senden.py und braucht dieselben Umgebungsvariablen.
"""

import csv
import sys
from datetime import date, datetime

from zahlen_senden import melde

REIHE = "corona"
TAG = "Datum"  # die Spalte mit dem Tag, tt.mm.jjjj
KENNZAHLEN = {"Neue Fälle": "cases_new", "7-Tage-Inzidenz": "incidence"}  # Spalte: Kennzahl


def neueste(pfad):
    """Die Zeile mit dem spätesten Tag, der schon da ist und zu dem etwas eingetragen wurde."""
    # utf-8-sig: mit und ohne BOM. Zahlen bleiben Text, wie sie in der Tabelle stehen: gelesen werden sie vom Relay.
    with open(pfad, encoding="utf-8-sig", newline="") as datei:
        zeilen = []
        for zeile in csv.DictReader(datei, delimiter=";"):
            tag = datetime.strptime(zeile[TAG].strip(), "%d.%m.%Y").date()
            werte = {name: zeile[spalte].strip() for spalte, name in KENNZAHLEN.items() if zeile[spalte].strip()}
            if werte and tag <= date.today():
                zeilen.append((tag, werte))
    return max(zeilen, key=lambda zeile: zeile[0])


if __name__ == "__main__":
    tag, werte = neueste(sys.argv[1])
    sys.exit(0 if melde(REIHE, {**werte, "as_of": tag.isoformat()}) else 1)
