#!/bin/sh
# Installiert drk-relay aus diesem Ordner und lässt es übernehmen, was auf der Boot-Partition liegt. Ruft cloud-init beim ersten Start auf;
# noch einmal aufgerufen (sudo sh install.sh) schadet es nie: eine Version, die so neu ist wie diese oder neuer, bleibt. Wartet auf nichts
# als auf apt. cloud-init ruft es kein zweites Mal auf, auch wenn der Strom dabei weggeht; deshalb bleibt, bis es gelungen ist, ein Auftrag
# für jeden weiteren Start.
set -u
folder=$(cd "$(dirname "$0")" && pwd)
boot=$(dirname "$folder")
# Wo alles andere liegt, für Tests.
root=${DRK_RELAY_ROOT:-}
again=$root/var/lib/cloud/scripts/per-boot/drk-relay
state="drk-relay ist nicht installiert."
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Sagt es dort, wo ein Mensch am PC nachsieht: in UTF-8 mit Kennung und mit Zeilenenden für Windows.
say() {
	rm -f "$boot/drk-relay-OK.txt"
	{
		printf '\357\273\277'
		printf '%s\r\n' "$@"
		[ ! -s "$log" ] || { printf '\r\nDie letzten Zeilen dazu:\r\n'; tail -n 15 "$log" | tr -d '\r' | sed 's/$/\r/'; }
	} >"$boot/drk-relay-FEHLER.txt" && sync "$boot/drk-relay-FEHLER.txt" "$boot"
}

fehler() {
	echo "drk-relay: $1 Abhilfe: $2" >&2
	say "$state" "" "$1" " Abhilfe: $2" "" "Was in drk-relay.toml an Geheimnissen steht, ist bis dahin auf dieser Karte zu lesen."
	exit 1
}

[ "$(id -u)" = 0 ] || { echo "drk-relay: als root aufrufen. Abhilfe: sudo sh $0" >&2; exit 1; }
# Wer es von Hand aufruft, während cloud-init es tut, wartet.
[ ! -d "$root/run" ] || { exec 9>"$root/run/drk-relay-install.lock" && flock 9; }
if [ -d "$root/var/lib/cloud" ]; then
	mkdir -p "${again%/*}" &&
		printf '#!/bin/sh\n# Von %s: setzt fort, was unterbrochen wurde.\n[ ! -e %s ] || exec sh %s\n' "$folder/install.sh" "$folder/install.sh" "$folder/install.sh" >"$again.new" &&
		chmod 755 "$again.new" && mv -f "$again.new" "$again" && sync "$again" "${again%/*}"
fi
architecture=$(dpkg --print-architecture 2>/dev/null) ||
	fehler "Auf diesem Gerät läuft kein Debian." "die Karte mit Raspberry Pi OS Lite (Trixie) beschreiben."
export DEBIAN_FRONTEND=noninteractive
# Was halb eingerichtet ist, wird zuerst fertig: so lange nimmt apt nichts anderes an.
dpkg --configure -a --force-confdef --force-confold </dev/null >"$log" 2>&1
installed=$(dpkg-query -W -f '${db:Status-Status} ${Version}' drk-relay 2>/dev/null)
case $installed in "installed "*) installed=${installed#installed } ;; *) installed= ;; esac

package=$(ls "$folder"/drk-relay_*_"$architecture".deb 2>/dev/null | sort -V | tail -n 1)
if [ -n "$package" ]; then
	version=$(dpkg-deb -f "$package" Version 2>"$log") ||
		fehler "Das Paket $(basename "$package") ist beschädigt." "die Karte neu vorbereiten; die Datei war vielleicht nicht ganz heruntergeladen."
elif [ -z "$installed" ]; then
	: >"$log"
	fehler "Für dieses Gerät ($architecture) liegt kein Paket im Ordner drk-relay der Karte." \
		"drk-relay_<Version>_$architecture.deb dazulegen: drk-relay provision … --package DATEI, oder von Hand; dann das Gerät starten."
fi

if [ -n "$package" ] && { [ -z "$installed" ] || dpkg --compare-versions "$version" gt "$installed"; }; then
	: >"$log"
	# Das Paket, der Vorgänger für den Rückweg und mosquitto brauchen zusammen weniger.
	free=$(df -Pk /usr | awk 'NR == 2 { print $4 }')
	[ "$free" -ge 65536 ] || fehler "Auf dem Gerät sind nur noch $((free / 1024)) MiB frei, nötig sind 64." "Platz schaffen oder eine größere Karte nehmen."
	say "drk-relay wird gerade installiert, oder das wurde unterbrochen. Bitte nicht ausschalten: es dauert bis zu 20 Minuten." "" \
		"Steht das nach einer halben Stunde noch hier:" " Abhilfe: das Gerät neu starten; es macht von selbst weiter."
	apt="apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20"
	# Mit Netz kommt der empfohlene mosquitto mit, ohne geht es auch ohne ihn.
	# dpkg braucht einen Pfad, den auch apts eigener Benutzer lesen darf; /boot/firmware ist so einer.
	{ $apt update && $apt install --fix-broken "$package"; } >"$log" 2>&1 || dpkg --refuse-downgrade -i "$package" >>"$log" 2>&1 ||
		fehler "Das Paket $(basename "$package") lässt sich nicht installieren." "siehe unten; danach das Gerät neu starten, es versucht es noch einmal."
	rm -f "$boot/drk-relay-FEHLER.txt"
fi
# Von hier an genügt bei jedem Start, was im Paket ist.
rm -f "$again"
state="drk-relay ist installiert, aber die Konfiguration ist nicht übernommen."
: >"$log"
systemctl daemon-reload
# Was dabei falsch ist, steht danach selbst in drk-relay-FEHLER.txt.
systemctl restart drk-relay-provision.service || { [ -e "$boot/drk-relay-FEHLER.txt" ] ||
	fehler "Die Übernahme der Konfiguration ist abgebrochen." "auf dem Gerät nachsehen: journalctl -u drk-relay-provision"; exit 1; }
