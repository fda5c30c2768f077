"""The device, what is around it, and what is known of it by now. Knows no scene (scenes.py)."""

import json
import shutil
from datetime import date, timedelta

from machine import Failed, Machine, free_port
from outside import Peers

# In the guest.
WEBHOOK = 8080
PUBLISHER, PASSWORD = "zaehler", "Zahlen-senden-7"


class World:
    """The device, what is around it, and what is known of it by now."""

    def __init__(self, arguments):
        self.folder, self.package = arguments.folder, arguments.package
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        webhook, api = free_port(), free_port()
        self.machine = Machine(arguments.image, self.folder, (webhook, WEBHOOK))
        self.peers = Peers(arguments.peers, self.folder / "peers", api, webhook)
        self.program, self.successor, self.api = arguments.program, arguments.successor, api
        self.latest = 600
        # The day that the next figures are about: with each publication one later, today at the end.
        self.day = date.today() - timedelta(days=12)
        self.figures = []

    # ---- what a technician writes ----

    def configuration(self):
        secret = self.peers.secret
        return f"""\
state_dir = "/var/lib/drk-relay"

[branch]
name = "DRK-Ortsverein Musterstadt"
contact = "DRK-Ortsverein Musterstadt, 07751 5550100"
privacy = "drk-musterstadt.example/datenschutz"

[[feed]]
name = "corona"
title = "Corona im Kreis Musterstadt"
max_age_days = 14

[[feed.metric]]
name = "cases_new"
label = "Neue Fälle"
kind = "count"

[mqtt]
host = "localhost"
user = "relay"

[whatsapp]
base_url = "https://10.0.2.2:{self.api}"
phone_number_id = "200000000000002"
phone_number = "+49 7751 5550100"

[egress]
ca_file = "ca.pem"

[ingress]
listen = "0.0.0.0:{WEBHOOK}"

[secrets]
whatsapp-token = "{secret('whatsapp-token')}"
whatsapp-app-secret = "{secret('whatsapp-app-secret')}"
whatsapp-verify-token = "{secret('whatsapp-verify-token')}"

[[publisher]]
name = "{PUBLISHER}"
feeds = ["corona"]
password = "{PASSWORD}"
"""

    def secrets(self):
        names = ["whatsapp-token", "whatsapp-app-secret", "whatsapp-verify-token"]
        return [self.peers.secret(name) for name in names] + [PASSWORD]

    # ---- what the relay says of itself ----

    def status(self):
        return json.loads(self.machine.say("drk-relay status --json"))

    def subscribed(self, people):
        seen = self.status()["relay"]["people"]
        expect(seen["subscribed"] == people, f"{people} subscribed, but {seen}")

    def unit(self, what, unit="drk-relay"):
        return self.machine.say(f"systemctl show --value --property={what} {unit}")

    def ready(self, but=None, patience=120):
        """The relay said that it is ready, in another process than before."""
        told = "systemctl show --value --property=MainPID drk-relay"
        self.machine.until(f"[ \"$(systemctl is-active drk-relay)\" = active ] && [ \"$({told})\" != \"{but}\" ]", patience)
        return self.unit("MainPID")

    # ---- what people and publishers do ----

    def publish(self):
        """New figures in the guest, of another day than those before."""
        self.day += timedelta(days=1)
        self.latest += 1
        payload = json.dumps({"cases_new": self.latest, "as_of": str(self.day)})
        topic = "figures/corona"
        self.machine.say(f"mosquitto_pub -u {PUBLISHER} -P {PASSWORD} -q 1 -r -t {topic} -m '{payload}'")
        self.figures.append(self.latest)
        return self.latest

    def served(self):
        """New figures reach the person, once; none of the older ones came twice."""
        value = self.publish()
        self.peers.do(f"expect 1 {value}", "delivered", *(f"times 1 1 {told}" for told in self.figures), "promises")
        return value


def expect(seen, otherwise):
    if not seen:
        raise Failed(otherwise)


def shown(text):
    print("\n".join(f"      | {line}" for line in text.splitlines()), flush=True)
