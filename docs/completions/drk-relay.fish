# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_drk_relay_global_optspecs
    string join \n h/help V/version
end

function __fish_drk_relay_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_drk_relay_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_drk_relay_using_subcommand
    set -l cmd (__fish_drk_relay_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c drk-relay -n "__fish_drk_relay_needs_command" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_needs_command" -s V -l version -d 'Print version'
complete -c drk-relay -n "__fish_drk_relay_needs_command" -f -a "run" -d 'Das Relay starten, bis es beendet wird'
complete -c drk-relay -n "__fish_drk_relay_needs_command" -f -a "doctor" -d 'Was nicht stimmt und was zu tun ist: Uhr, Broker, Tunnel, Token, Nummer, Speicher, Gerät. Auch wenn das Relay nicht läuft'
complete -c drk-relay -n "__fish_drk_relay_needs_command" -f -a "support-bundle" -d 'Eine Textdatei für die Hilfe aus der Ferne: Prüfungen, Ereignisse, Journale, Gerät. Nichts über Personen, keine Geheimnisse'
complete -c drk-relay -n "__fish_drk_relay_needs_command" -f -a "check-config" -d 'Die Konfiguration prüfen: alle Fehler auf einmal, sonst was sie bewirkt und für wie viele Personen sie reicht'
complete -c drk-relay -n "__fish_drk_relay_needs_command" -f -a "status" -d 'Wie es dem laufenden Relay geht: Abos, Fenster, Ausgang, Zahlen, Verbindungen'
complete -c drk-relay -n "__fish_drk_relay_needs_command" -f -a "figures" -d 'Zahlen, die angehalten sind, weil sie unplausibel sind: ansehen und entscheiden'
complete -c drk-relay -n "__fish_drk_relay_needs_command" -f -a "events" -d 'Was in letzter Zeit geschah: Starts, Alarme, Warnungen. Auch wenn das Relay nicht läuft'
complete -c drk-relay -n "__fish_drk_relay_needs_command" -f -a "alarm" -d 'Ob ein Alarm bei denen ankommt, die ihn bekommen sollen'
complete -c drk-relay -n "__fish_drk_relay_needs_command" -f -a "backup" -d 'Zahlen, Zähler und Konfiguration in eine Datei sichern, ohne Personen; auch während das Relay läuft'
complete -c drk-relay -n "__fish_drk_relay_needs_command" -f -a "restore" -d 'Eine Sicherung auf einem neuen Gerät zurückspielen'
complete -c drk-relay -n "__fish_drk_relay_needs_command" -f -a "qr" -d 'Der QR-Code, mit dem man ein Abo beginnt, im Terminal und als Plakat'
complete -c drk-relay -n "__fish_drk_relay_needs_command" -f -a "tunnel" -d 'Der Tunnel zum Relay-Host: einen Schlüssel dafür machen, und prüfen, ob er zustande kommt'
complete -c drk-relay -n "__fish_drk_relay_needs_command" -f -a "webhook" -d 'Was Meta über dieses Relay wissen muss'
complete -c drk-relay -n "__fish_drk_relay_needs_command" -f -a "publisher" -d 'Wer Zahlen senden darf: Zugänge zum Broker'
complete -c drk-relay -n "__fish_drk_relay_needs_command" -f -a "provision" -d 'Eine Speicherkarte vorbereiten: Paket, Konfiguration und was beim ersten Start geschieht'
complete -c drk-relay -n "__fish_drk_relay_needs_command" -f -a "provision-device" -d 'Übernehmen, was auf der Boot-Partition liegt: tut systemd bei jedem Start des Geräts'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand run" -l config -d 'Die Konfiguration' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand run" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand doctor" -l config -d 'Die Konfiguration' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand doctor" -l json -d 'Als JSON-Dokument (schema 1), für Programme'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand support-bundle" -l into -d 'Wohin; ohne Angabe drk-relay-support-ZEIT.txt in diesem Ordner. Eine Datei, die es schon gibt, wird nie überschrieben' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand support-bundle" -l config -d 'Die Konfiguration' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand support-bundle" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand check-config" -l config -d 'Die Konfiguration' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand check-config" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand status" -l config -d 'Die Konfiguration: sie sagt, wo das Relay antwortet. Ohne Angabe die von `run`' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand status" -l socket -d 'Der Socket, an dem das Relay antwortet, statt dessen aus der Konfiguration' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand status" -l json -d 'Das JSON-Dokument (schema 1) unverändert ausgeben'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand status" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand figures; and not __fish_seen_subcommand_from held release discard rebaseline withdraw" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand figures; and not __fish_seen_subcommand_from held release discard rebaseline withdraw" -f -a "held" -d 'Welche Zahlen angehalten sind, weil sie unplausibel sind, und warum'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand figures; and not __fish_seen_subcommand_from held release discard rebaseline withdraw" -f -a "release" -d 'Die angehaltenen Zahlen stimmen: Sie werden gesendet'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand figures; and not __fish_seen_subcommand_from held release discard rebaseline withdraw" -f -a "discard" -d 'Die angehaltenen Zahlen sind falsch: Sie werden verworfen'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand figures; and not __fish_seen_subcommand_from held release discard rebaseline withdraw" -f -a "rebaseline" -d 'Es wird jetzt anders gezählt: Die angehaltenen Zahlen werden übernommen, aber nicht gesendet'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand figures; and not __fish_seen_subcommand_from held release discard rebaseline withdraw" -f -a "withdraw" -d 'Die letzten Zahlen zurückziehen: Wer sie noch nicht hat, bekommt sie nicht'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand figures; and __fish_seen_subcommand_from held" -l config -d 'Die Konfiguration: sie sagt, wo das Relay antwortet. Ohne Angabe die von `run`' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand figures; and __fish_seen_subcommand_from held" -l socket -d 'Der Socket, an dem das Relay antwortet, statt dessen aus der Konfiguration' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand figures; and __fish_seen_subcommand_from held" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand figures; and __fish_seen_subcommand_from release" -l config -d 'Die Konfiguration: sie sagt, wo das Relay antwortet. Ohne Angabe die von `run`' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand figures; and __fish_seen_subcommand_from release" -l socket -d 'Der Socket, an dem das Relay antwortet, statt dessen aus der Konfiguration' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand figures; and __fish_seen_subcommand_from release" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand figures; and __fish_seen_subcommand_from discard" -l config -d 'Die Konfiguration: sie sagt, wo das Relay antwortet. Ohne Angabe die von `run`' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand figures; and __fish_seen_subcommand_from discard" -l socket -d 'Der Socket, an dem das Relay antwortet, statt dessen aus der Konfiguration' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand figures; and __fish_seen_subcommand_from discard" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand figures; and __fish_seen_subcommand_from rebaseline" -l config -d 'Die Konfiguration: sie sagt, wo das Relay antwortet. Ohne Angabe die von `run`' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand figures; and __fish_seen_subcommand_from rebaseline" -l socket -d 'Der Socket, an dem das Relay antwortet, statt dessen aus der Konfiguration' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand figures; and __fish_seen_subcommand_from rebaseline" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand figures; and __fish_seen_subcommand_from withdraw" -l config -d 'Die Konfiguration: sie sagt, wo das Relay antwortet. Ohne Angabe die von `run`' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand figures; and __fish_seen_subcommand_from withdraw" -l socket -d 'Der Socket, an dem das Relay antwortet, statt dessen aus der Konfiguration' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand figures; and __fish_seen_subcommand_from withdraw" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand events" -l config -d 'Die Konfiguration: sie sagt, wo die Ereignisse liegen' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand events" -l since -d 'Nur was seitdem war: 30m, 12h, 7d, 2026-11-22 oder 2026-11-22T18:00 (Ortszeit)' -r
complete -c drk-relay -n "__fish_drk_relay_using_subcommand events" -l json -d 'Jedes Ereignis als eine Zeile JSON'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand events" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand alarm; and not __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand alarm; and not __fish_seen_subcommand_from test" -f -a "test" -d 'Auf jedem eingerichteten Weg einen Probealarm schicken und sagen, was daraus wurde. Das Relay muss laufen'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand alarm; and __fish_seen_subcommand_from test" -l config -d 'Die Konfiguration des laufenden Relays' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand alarm; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand backup" -l config -d 'Die Konfiguration: sie wird mitgesichert und sagt, wo das Relay antwortet' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand backup" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand restore" -l config -d 'Die Konfiguration des neuen Geräts. Gibt es sie noch nicht, kommt sie aus der Sicherung' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand restore" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand qr" -l config -d 'Die Konfiguration: Name des Ortsvereins und Telefonnummer' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand qr" -l svg -d 'Auch ein Plakat im Format A4 schreiben' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand qr" -l text -d 'Die Nachricht, die beim Scannen schon dasteht' -r
complete -c drk-relay -n "__fish_drk_relay_using_subcommand qr" -l number -d 'Die WhatsApp-Nummer des Ortsvereins, statt der aus der Konfiguration' -r
complete -c drk-relay -n "__fish_drk_relay_using_subcommand qr" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand tunnel; and not __fish_seen_subcommand_from keygen check" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand tunnel; and not __fish_seen_subcommand_from keygen check" -f -a "keygen" -d 'Einen SSH-Schlüssel für den Relay-Host machen. Eine Datei, die es schon gibt, wird nie überschrieben'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand tunnel; and not __fish_seen_subcommand_from keygen check" -f -a "check" -d 'Den Weg zum Relay-Host einmal gehen und sagen, wie weit er führt. Einem Relay, das läuft, wird nichts weggenommen'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand tunnel; and __fish_seen_subcommand_from keygen" -l key -d 'Wohin der private Schlüssel kommt' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand tunnel; and __fish_seen_subcommand_from keygen" -l comment -d 'Woran man ihn auf dem Relay-Host erkennt' -r
complete -c drk-relay -n "__fish_drk_relay_using_subcommand tunnel; and __fish_seen_subcommand_from keygen" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand tunnel; and __fish_seen_subcommand_from check" -l config -d 'Die Konfiguration' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand tunnel; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand webhook; and not __fish_seen_subcommand_from register" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand webhook; and not __fish_seen_subcommand_from register" -f -a "register" -d 'Bei Meta eintragen, dass die Webhooks dieser Nummer hierher kommen. Das Relay muss dabei laufen'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand webhook; and __fish_seen_subcommand_from register" -l config -d 'Die Konfiguration' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand webhook; and __fish_seen_subcommand_from register" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand publisher; and not __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand publisher; and not __fish_seen_subcommand_from add" -f -a "add" -d 'Einen Zugang zum Broker drucken: Passwort, Rechte und alle Zeilen für mosquitto. Geändert wird nichts'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand publisher; and __fish_seen_subcommand_from add" -l feed -d 'Die Zahlenreihe, für die er senden darf; mehrfach für mehrere' -r
complete -c drk-relay -n "__fish_drk_relay_using_subcommand publisher; and __fish_seen_subcommand_from add" -l role -d 'Statt dessen ein Zugang, der keine Zahlen sendet' -r -f -a "relay\t'Das Relay selbst: liest Zahlen und Anfragen, schreibt alles andere'
reader\t'Liest mit, zum Beispiel mit MQTT Explorer, und schreibt nichts'
operator\t'Liest mit und darf Anfragen an das Relay stellen: freigeben, verwerfen, zurückziehen'"
complete -c drk-relay -n "__fish_drk_relay_using_subcommand publisher; and __fish_seen_subcommand_from add" -l config -d 'Die Konfiguration' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand publisher; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand provision" -l boot -d 'Das Laufwerk der Karte („bootfs“), beschrieben mit Raspberry Pi Imager 2: Raspberry Pi OS Lite (Trixie)' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand provision" -l config -d 'Die Konfiguration, mit oder ohne den Abschnitt secrets; Vorlage: drk-relay.toml' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand provision" -l package -d 'Ein Paket für das Gerät; mehrfach für mehrere. Vorgabe: die neuesten in diesem Ordner und neben dem Programm' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand provision" -l name -d 'Wie ein weiteres Relay auf demselben Gerät heißt (drk-relay@NAME)' -r
complete -c drk-relay -n "__fish_drk_relay_using_subcommand provision" -l replace -d 'Das Relay auf der Karte durch dieses hier ersetzen, auch wenn es eine andere Nummer hat'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand provision" -s h -l help -d 'Print help'
complete -c drk-relay -n "__fish_drk_relay_using_subcommand provision-device" -l boot -d 'Die Boot-Partition' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand provision-device" -l root -d 'Wo alles andere liegt, für Tests' -r -F
complete -c drk-relay -n "__fish_drk_relay_using_subcommand provision-device" -l power-for -d 'Nach so vielen Änderungen endet das Programm wie ohne Strom, für Tests' -r
complete -c drk-relay -n "__fish_drk_relay_using_subcommand provision-device" -s h -l help -d 'Print help'
