#!/bin/sh
# Installiert drk-relay aus diesem Ordner und lässt es übernehmen, was auf der Boot-Partition liegt. Ruft cloud-init beim ersten Start auf;
# noch einmal aufgerufen (sudo sh install.sh) tut es dasselbe, ohne zu schaden. Wartet auf nichts als auf apt.
set -u
folder=$(cd "$(dirname "$0")" && pwd)
boot=$(dirname "$folder")
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Sagt es dort, wo ein Mensch am PC nachsieht: in UTF-8 mit Kennung und mit Zeilenenden für Windows.
fehler() {
	echo "drk-relay: $1 Abhilfe: $2" >&2
	rm -f "$boot/drk-relay-OK.txt"
	{
		printf '\357\273\277drk-relay ist nicht installiert.\r\n\r\n%s\r\n Abhilfe: %s\r\n' "$1" "$2"
		[ ! -s "$log" ] || { printf '\r\nDie letzten Zeilen dazu:\r\n'; tail -n 15 "$log" | tr -d '\r' | sed 's/$/\r/'; }
	} >"$boot/drk-relay-FEHLER.txt" && sync
	exit 1
}

[ "$(id -u)" = 0 ] || { echo "drk-relay: als root aufrufen. Abhilfe: sudo sh $0" >&2; exit 1; }
architecture=$(dpkg --print-architecture 2>/dev/null) ||
	fehler "Auf diesem Gerät läuft kein Debian." "die Karte mit Raspberry Pi OS Lite (Trixie) beschreiben."
package=$(ls "$folder"/drk-relay_*_"$architecture".deb 2>/dev/null | sort -V | tail -n 1)
[ -n "$package" ] ||
	fehler "Für dieses Gerät ($architecture) liegt kein Paket im Ordner drk-relay der Karte." \
		"drk-relay_<Version>_$architecture.deb dazulegen: drk-relay provision … --package DATEI, oder von Hand; dann neu starten und sudo sh /boot/firmware/drk-relay/install.sh aufrufen."
version=$(dpkg-deb -f "$package" Version 2>"$log") ||
	fehler "Das Paket $(basename "$package") ist beschädigt." "die Karte neu vorbereiten; die Datei war vielleicht nicht ganz heruntergeladen."
installed=$(dpkg-query -W -f '${Version} ${db:Status-Status}' drk-relay 2>/dev/null)

if [ "$installed" != "$version installed" ]; then
	# Das Paket, der Vorgänger für den Rückweg und mosquitto brauchen zusammen weniger.
	free=$(df -Pk /usr | awk 'NR == 2 { print $4 }')
	[ "$free" -ge 65536 ] || fehler "Auf dem Gerät sind nur noch $((free / 1024)) MiB frei, nötig sind 64." "Platz schaffen oder eine größere Karte nehmen."
	export DEBIAN_FRONTEND=noninteractive
	apt="apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20"
	# Mit Netz kommt der empfohlene mosquitto mit, ohne geht es auch ohne ihn.
	# dpkg braucht einen Pfad, den auch apts eigener Benutzer lesen darf; /boot/firmware ist so einer.
	{ $apt update && $apt install --allow-downgrades "$package"; } >"$log" 2>&1 || dpkg -i --force-downgrade "$package" >>"$log" 2>&1 ||
		fehler "Das Paket $(basename "$package") lässt sich nicht installieren." "siehe unten; danach das Gerät neu starten und sudo sh /boot/firmware/drk-relay/install.sh aufrufen."
	rm -f "$boot/drk-relay-FEHLER.txt"
fi
: >"$log"
systemctl daemon-reload
# Was dabei falsch ist, steht danach selbst in drk-relay-FEHLER.txt.
systemctl restart drk-relay-provision.service || { [ -e "$boot/drk-relay-FEHLER.txt" ] ||
	fehler "Die Übernahme der Konfiguration ist abgebrochen." "auf dem Gerät nachsehen: journalctl -u drk-relay-provision"; exit 1; }
