#!/usr/bin/env python3
"""Sendet Zahlen an das Relay und wartet auf die Antwort.

    zahlen_senden.py corona cases_new=17 incidence=57,4
    zahlen_senden.py corona --stand 2026-11-22 cases_new=17

Braucht paho-mqtt, 1.x oder 2.x (Debian: apt install python3-paho-mqtt). Zugang: die Umgebungsvariablen MQTT_HOST, MQTT_PORT, MQTT_USER
und MQTT_PASSWORD.
"""

import argparse
import json
import os
import sys
import threading
from datetime import date

import paho.mqtt.client as mqtt

GEDULD = 10  # Sekunden; das Relay antwortet sonst binnen einer.
GUT = ("accepted", "duplicate", "correction")


def neuer_client():
    if hasattr(mqtt, "CallbackAPIVersion"):  # paho 2.x
        return mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    return mqtt.Client()  # paho 1.x


def sende(reihe, werte):
    """Sendet ein dict wie {"cases_new": "17", "as_of": "2026-11-22"}; gibt die Antwort des Relays zurück, None wenn keine kommt.

    Werte dürfen Text sein: „57,4“ oder „1.234“ liest das Relay deutsch, und was nicht eindeutig ist, lehnt es ab.
    """
    antworten, fertig = [], threading.Event()

    # Der letzte Parameter kommt nur von paho 2.x.
    def verbunden(client, userdata, flags, grund, eigenschaften=None):
        if grund == 0:
            client.subscribe("relay/receipts/" + reihe)
        else:
            print("Der Broker lehnt ab:", grund, file=sys.stderr)
            fertig.set()

    def abonniert(client, userdata, mid, stufen, eigenschaften=None):
        client.publish("figures/" + reihe, json.dumps(werte), qos=1, retain=True)

    def gekommen(client, userdata, nachricht):
        antworten.append(json.loads(nachricht.payload))
        fertig.set()

    client = neuer_client()
    client.username_pw_set(os.environ.get("MQTT_USER"), os.environ.get("MQTT_PASSWORD"))
    client.on_connect, client.on_subscribe, client.on_message = verbunden, abonniert, gekommen
    client.connect(os.environ.get("MQTT_HOST", "localhost"), int(os.environ.get("MQTT_PORT", "1883")))
    client.loop_start()
    fertig.wait(GEDULD)
    client.disconnect()
    client.loop_stop()
    return antworten[0] if antworten else None


def melde(reihe, werte):
    """Wie sende, sagt aber, was daraus wurde: True, wenn nichts mehr zu tun ist."""
    try:
        antwort = sende(reihe, werte)
    except OSError as fehler:
        print("Der Broker ist nicht zu erreichen:", fehler, file=sys.stderr)
        return False
    if antwort is None:
        print("Keine Antwort: Läuft das Relay? Stimmen Zugang und Reihe? Später noch einmal; doppelt schadet nicht.", file=sys.stderr)
        return False
    gut = antwort["result"] in GUT
    print(antwort["result"] + ":", antwort["hint"], file=sys.stdout if gut else sys.stderr)
    return gut


if __name__ == "__main__":
    frage = argparse.ArgumentParser(description="Sendet Zahlen an das Relay.")
    frage.add_argument("reihe")
    frage.add_argument("werte", nargs="+", metavar="kennzahl=wert")
    frage.add_argument("--stand", default=date.today().isoformat(), help="der Tag, von dem die Zahlen handeln (JJJJ-MM-TT)")
    wahl = frage.parse_args()
    gesendet = dict(wert.split("=", 1) for wert in wahl.werte)
    sys.exit(0 if melde(wahl.reihe, {**gesendet, "as_of": wahl.stand}) else 1)
