#!/bin/sh
# Sendet, was als erste Zeile in einer Datei steht, und wartet auf die Antwort. Für cron: bei Erfolg still, sonst sagt es, was zu tun ist.
#
#   zahl-senden.sh corona cases_new /home/wache/zahl.txt
#
# Broker, Benutzer und Passwort stehen in ~/.config/mosquitto_rr (siehe docs/handbuch/zahlen-senden.md).
set -eu

reihe=$1 kennzahl=$2 datei=$3
zahl=$(head -n 1 "$datei" | tr -d '\r"\\')

# -q 1: der Broker bestätigt, und hebt die Zahl für ein Relay auf, das gerade aus ist. -W: so viele Sekunden auf die Antwort warten.
antwort=$(mosquitto_rr -q 1 -W 10 -t "figures/$reihe/$kennzahl" -e "relay/receipts/$reihe/$kennzahl" \
    -m "{\"value\": \"$zahl\", \"as_of\": \"$(date +%F)\"}") || {
    echo "Keine Antwort auf „$zahl“: Läuft das Relay? Stimmen Benutzer, Passwort und Reihe? Später noch einmal; doppelt schadet nicht." >&2
    exit 1
}

case $antwort in
    *'"result":"accepted"'* | *'"result":"duplicate"'* | *'"result":"correction"'*) ;;
    *)
        # Angehalten (held) oder abgelehnt (rejected): unter hint steht, warum.
        echo "$antwort" >&2
        exit 1
        ;;
esac
