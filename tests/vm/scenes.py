"""The first weeks of a device, in a quarter of an hour: from an empty card to its end. Each scene says what was seen; the first that does
not see what it must ends everything, and shows what the machine had to say.

Started by tests/vm/run, which makes everything that is needed here."""

import argparse
import re
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path

from machine import BOOT, Failed, environment
from world import PASSWORD, PUBLISHER, World, expect, shown

# A user that systemd makes for a service and takes away with it (systemd docs: UIDS-GIDS).
DYNAMIC = range(61184, 65520)
# Reading of what the kernel counts; long enough for every timer of the relay to have fired.
IDLE = 60
# What an idle relay may cost: megabytes, and wake-ups per second (issue: part 7). How much of a sandbox it has (systemd-analyze).
MEMORY_MAX, WAKE_UPS_MAX, EXPOSURE_MAX = 16, 5, 1.2
# A key of the configuration, and what somebody makes of it.
KEY, MISTYPED = "max_age_days", "max_age_dayz"


# ---- provisioning ----


def flashed(world):
    """The card as the technician's PC leaves it: program, settings of the Imager, and a file with a mistake in it."""
    out = world.folder / "card"
    out.mkdir()
    (out / "good.toml").write_text(world.configuration())
    shutil.copy(world.folder / "peers/ca.pem", out / "ca.pem")
    boot = world.folder / "boot"
    boot.mkdir()
    for name in ["config.txt", "cmdline.txt"]:
        (boot / name).write_text("\n")
    (boot / "user-data").write_text("#cloud-config\nhostname: musterstadt\n")
    (boot / "meta-data").write_text("instance-id: rpi-imager-1\n")
    command = [world.program, "provision", "--boot", boot, "--config", out / "good.toml", "--package", world.package]
    said = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    expect(said.returncode == 0, f"provision: {said.stdout}{said.stderr}")
    shown(said.stdout)
    # Somebody has corrected something by hand, in an editor of Windows.
    card = boot / "drk-relay.toml"
    wrong = card.read_text().replace(KEY, MISTYPED, 1).replace("\n", "\r\n")
    card.write_bytes(wrong.encode())
    for path in sorted(boot.iterdir()):
        world.machine.write_card(path.name, path)
    return "provisioned by the program on a PC, then spoiled"


def bad_file(world):
    machine = world.machine
    seconds = machine.start()
    machine.until("test -e /boot/firmware/drk-relay-FEHLER.txt", BOOT)
    # Ours is its last command; what it ends with is its own affair.
    machine.until("case $(systemctl is-active cloud-final) in active | failed) ;; *) exit 1 ;; esac", BOOT)
    expect(world.unit("ActiveState") == "inactive", "the relay runs without a configuration")
    taken = machine.run("ls -d /etc/drk-relay/relay.toml /etc/credstore/drk-relay* /etc/credstore.encrypted/drk-relay* 2> /dev/null")[1]
    expect(not taken, f"the bad file was taken: {taken}")
    machine.off()
    said = machine.read_card("drk-relay-FEHLER.txt")
    shown(said)
    line = 1 + next(n for n, text in enumerate(world.configuration().splitlines()) if text.startswith(KEY))
    expect(f":{line}:" in said and MISTYPED in said and "Abhilfe" in said, f"line {line}, the key or the remedy is not named")
    expect(machine.read_card("drk-relay-OK.txt") is None, "both results are there")
    return f"shell after {seconds:.0f} s; FEHLER.txt names line {line}; nothing was started"


def good_file(world):
    machine = world.machine
    # In place, as editors do: a copy that a PC leaves in unused clusters is out of the device's reach.
    machine.edit_card(f"\n{MISTYPED}", f"\n{KEY}")
    machine.start()
    machine.until("test -e /boot/firmware/drk-relay-OK.txt", BOOT)
    world.ready()
    # Settings of the Imager count once: without cloud-init the next boots are half a minute shorter.
    machine.say("sync; touch /etc/cloud/cloud-init.disabled")
    shown(machine.read_card("drk-relay-OK.txt"))
    expect(machine.read_card("drk-relay-FEHLER.txt") is None, "both results are there")
    left = [secret for secret in world.secrets() if machine.card_holds(secret)]
    expect(not left, f"secrets are still on the card: {left}")
    kept = machine.say("stat -c '%a %U %n' /etc/credstore/drk-relay.* /etc/credstore.encrypted/drk-relay.* 2> /dev/null || true")
    expect(kept.count("600 root") == len(kept.splitlines()) >= 3, f"credentials: {kept}")
    return f"OK.txt; no secret left on the card; {len(kept.splitlines())} credentials"


def sandbox(world):
    pid = world.unit("MainPID")
    status = dict(line.split(":\t", 1) for line in world.machine.say(f"cat /proc/{pid}/status").splitlines())
    user = int(status["Uid"].split()[0])
    expect(status["Seccomp"] == "2" and status["NoNewPrivs"] == "1", "no seccomp filter, or new privileges")
    expect(int(status["CapEff"], 16) == 0 and int(status["CapBnd"], 16) == 0, "it has capabilities")
    expect(user in DYNAMIC, f"its user is {user}")
    exposure = world.machine.say("systemd-analyze security drk-relay | tail -n 1").strip()
    expect(float(re.search(r": ([0-9.]+)", exposure)[1]) <= EXPOSURE_MAX, exposure)
    return f"Seccomp 2, NoNewPrivs 1, CapEff 0, CapBnd 0, user {user}; {exposure}"


# ---- its work ----


def person_served(world):
    world.peers.do("say 1 Hallo", "expect 1 Datenschutz", "tap 1 Ja", "expect 1 Abo", "delivered")
    world.subscribed(1)
    value = world.served()
    return f"one person subscribed by WhatsApp, and got {value} from {PUBLISHER}'s account"


def commands(world):
    machine = world.machine
    code, said = machine.run("drk-relay doctor")
    shown(said)
    # 3: nothing wrong, but something cannot be looked at, as an under-voltage sensor that an emulated machine has not.
    expect(code in (0, 3), f"doctor ended with {code}")
    machine.say("drk-relay support-bundle --into /run/bundle.txt", 300)
    size = machine.say("stat -c %s /run/bundle.txt")
    # Numbers of people begin with 4915155, names with Erika (src/simulator/meta).
    told = machine.run("grep -nE '4915155|Erika|DE\\.0000|peers-' /run/bundle.txt")
    expect(told[0] == 1, f"the bundle has what is personal, or a secret:\n{told[1]}")
    return f"doctor ended with {code}; a bundle of {size} bytes without anybody in it"


def idle(world):
    pid = world.unit("MainPID")
    count = f"cat /proc/{pid}/task/*/status | awk '/^voluntary_ctxt_switches/ {{ n += $2 }} END {{ print n }}'"
    switches = world.machine.say(f"a=$({count}); sleep {IDLE}; b=$({count}); echo $((b - a))", IDLE + 60)
    memory = world.machine.say(f"awk '/^VmRSS|^VmHWM/ {{ print $2 }}' /proc/{pid}/status").split()
    current, peak = int(world.unit("MemoryCurrent")), int(world.unit("MemoryPeak"))
    begun, ready = (int(world.unit(name)) for name in ["ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic"])
    boot = world.machine.say("systemd-analyze time | head -n 1")
    tasks = world.machine.say(f"ls /proc/{pid}/task | wc -l")
    resident, wake_ups = int(memory[1]) / 1024, int(switches) / IDLE
    expect(resident <= MEMORY_MAX and wake_ups <= WAKE_UPS_MAX, f"idle it has {resident:.1f} MB, and wakes up {wake_ups:.2f} times a second")
    return (
        f"{wake_ups:.2f} wake-ups/s over {IDLE} s in {tasks} threads; VmRSS {resident:.1f} MB "
        f"(peak {int(memory[0]) / 1024:.1f}), cgroup {current / 2**20:.1f} MB (peak {peak / 2**20:.1f}); "
        f"READY {(ready - begun) / 1e6:.2f} s after its start; {boot}"
    )


# ---- what happens to it ----


def killed(world):
    pid = world.unit("MainPID")
    world.machine.say(f"kill -9 {pid}")
    world.ready(but=pid)
    expect(int(world.unit("NRestarts")) >= 1, "systemd does not know that it restarted it")
    world.subscribed(1)
    return f"kill -9: back by itself, still subscribed, {world.served()} arrived once"


def hung(world):
    pid = world.unit("MainPID")
    begun = time.monotonic()
    world.machine.say(f"kill -STOP {pid}")
    world.ready(but=pid, patience=240)
    seconds = time.monotonic() - begun
    world.machine.say("journalctl -b -u drk-relay --no-pager | grep -i 'watchdog timeout'")
    world.subscribed(1)
    return f"SIGSTOP: aborted by the watchdog and back after {seconds:.0f} s; {world.served()} arrived once"


def stopped(world):
    """As systemd's own marks show it. The least of a few: an emulated machine shares its cores, and a device does not."""
    seconds = []
    while len(seconds) < 3 and min(seconds, default=2) >= 2:
        world.machine.say("systemctl stop drk-relay")
        expect(world.unit("Result") == "success", f"it ended with {world.unit('Result')}")
        begun, ended = (int(world.unit(name)) for name in ["ActiveExitTimestampMonotonic", "InactiveEnterTimestampMonotonic"])
        seconds.append((ended - begun) / 1e6)
        world.machine.say("systemctl start drk-relay")
        world.ready()
    expect(min(seconds) < 2, f"it took {seconds} s to stop")
    world.subscribed(1)
    return f"stopped in {min(seconds):.2f} s, and started again"


def power_cut(world):
    """Figures come in all the time, each of them acknowledged once it is durable; then there is no power."""
    machine = world.machine
    world.publish()
    world.peers.do(f"expect 1 {world.latest}")
    account = f"-u {PUBLISHER} -P {PASSWORD}"
    machine.say(f"systemd-run -q --unit=receipts sh -c \"mosquitto_sub {account} -t 'relay/receipts/#' > /dev/ttyAMA0\"")
    payload = f'{{\\"cases_new\\":$n,\\"as_of\\":\\"{world.day}\\"}}'
    figures = f'n={world.latest}; while :; do n=$((n + 1)); echo "{payload}"; sleep 0.2; done'
    machine.put("/run/flood", f"{figures} | mosquitto_pub {account} -q 1 -t figures/corona -l\n")
    machine.say("systemd-run -q --unit=flood sh /run/flood")
    before = len(receipts(machine))
    end = time.monotonic() + 60
    while len(receipts(machine)) < before + 20:
        expect(time.monotonic() < end, "no receipts on the console")
        time.sleep(0.1)
    machine.cut()
    world.acknowledged = max(receipts(machine))
    return f"plug pulled while figures came in, {world.acknowledged} was acknowledged last"


def receipts(machine):
    """Values that the relay has acknowledged, as the console shows them."""
    return [int(value) for value in re.findall(r'"cases_new"[^0-9]*([0-9]+)', machine.console.read_text(errors="replace"))]


def dark_start(world):
    """The power is back before the router is, and the board's clock has no battery."""
    machine = world.machine
    seconds = machine.start(clock="2024-02-29T12:00:00", network=False)
    world.ready(patience=BOOT)
    ready = int(world.unit("ActiveEnterTimestampMonotonic")) / 1e6
    seen = world.status()
    shown(machine.say("drk-relay status"))
    expect(not seen["relay"]["clock_trusted"], "it believes a clock that is years off")
    expect(seen["relay"]["people"]["subscribed"] == 1, f"after the power cut: {seen['relay']['people']}")
    machine.network(True)
    machine.until("drk-relay status --json | grep -q '\"clock_trusted\": *true'")
    world.peers.do("say 1 Zahlen", "expect 1 Neue Fälle")
    value = int(re.findall(r"Neue Fälle: (\d+)", world.peers.log[-2])[0])
    expect(value >= world.acknowledged, f"{world.acknowledged} was acknowledged, but after the power cut it is {value}")
    world.latest = value
    served = world.served()
    return (
        f"without network and 2 years back: shell after {seconds:.0f} s, READY {ready:.0f} s after the kernel began; it waits and says so; "
        f"then {served} arrived once"
    )


# ---- updates, and the end ----

# The judge as it is, but quicker.
QUICK = "[Service]\nEnvironment=DRK_RELAY_UPDATE_STEADY=15 DRK_RELAY_UPDATE_WITHIN={} DRK_RELAY_UPDATE_EVERY=5\n"
# Accepts every configuration, and never says that it is ready.
MUTE = "#!/bin/sh\ncase $1 in run) exec sleep 1000000 ;; esac\n"
# Accepts every configuration, and dies.
DEAD = "#!/bin/sh\ncase $1 in run) exit 1 ;; esac\n"


# A release with rows of its own, which never says that it is ready.
SHY = "#!/bin/sh\n[ $1 != run ] || unset NOTIFY_SOCKET\nexec /usr/lib/drk-relay/successor \"$@\"\n"


def repacked(world, version, program=None, successor=None):
    """The package again, as another version, and with another program if there is one."""
    tree = world.folder / f"tree-{version}"
    subprocess.run(["dpkg-deb", "--raw-extract", world.package, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: .*$", f"Version: {version}", control.read_text(), flags=re.MULTILINE))
    (tree / "DEBIAN/md5sums").unlink(missing_ok=True)
    if program:
        (tree / "usr/bin/drk-relay").write_text(program)
    if successor:
        shutil.copy(world.successor, tree / successor)
    made = world.folder / "updates" / f"drk-relay_{version}_arm64.deb"
    made.parent.mkdir(exist_ok=True)
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", "-Znone", tree, made], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)


def updates_made(world):
    repacked(world, "9.0.0", SHY, "usr/lib/drk-relay/successor")
    repacked(world, "9.1.0", successor="usr/bin/drk-relay")
    repacked(world, "9.2.0", MUTE)
    repacked(world, "9.3.0", DEAD)
    world.original = subprocess.run(["dpkg-deb", "--field", world.package, "Version"], capture_output=True, text=True, check=True).stdout.strip()
    repacked(world, world.original)
    # The plug is still pulled.
    world.machine.write_card("updates", world.folder / "updates")
    return "a release to come, the same without a word of readiness, one that never gets ready, one that dies, and the old one"


def judged(world, version):
    """Installs a package and waits for the judge: whether a version was rolled back, and what the file says of it."""
    machine = world.machine
    shown(machine.say(f"dpkg --install /boot/firmware/updates/drk-relay_{version}_arm64.deb", 300))
    return verdict(world)


def verdict(world):
    """Waits for the judge, and says what `rolled-back` does."""
    machine = world.machine
    machine.until("! test -e /var/lib/drk-relay-update/previous && ! test -e /var/lib/drk-relay-update/units", 300)
    machine.until("[ \"$(systemctl is-active drk-relay-update)\" != activating ]", 60)
    world.ready()
    return machine.run("cat /var/lib/drk-relay-update/rolled-back")


def taken_back(world):
    """A release with other rows runs, and is taken back: until it has proved itself it wrote what its predecessor reads."""
    # Long enough for it to serve somebody before it goes.
    judge_within(world, 90)
    world.machine.say("dpkg --install /boot/firmware/updates/drk-relay_9.0.0_arm64.deb", 300)
    serves = "grep -qx successor /proc/$(systemctl show --value --property=MainPID drk-relay)/comm && test -e /var/lib/drk-relay-update/previous"
    world.machine.until(serves)
    during = world.served()
    world.machine.say(serves)
    code, said = verdict(world)
    expect(code == 0 and said.split()[:2] == [world.original, "9.0.0"], f"rolled-back says: {said}")
    world.subscribed(1)
    return f"it served {during}, and was taken back (\"{said}\"); its predecessor read what it had written: {world.served()} arrived once"


def judge_within(world, seconds):
    world.machine.say("mkdir -p /etc/systemd/system/drk-relay-update.service.d")
    world.machine.put("/etc/systemd/system/drk-relay-update.service.d/quick.conf", QUICK.format(seconds))
    world.machine.say("systemctl daemon-reload")


def good_update(world):
    judge_within(world, 60)
    code, _ = judged(world, "9.1.0")
    expect(code != 0, "a good update was rolled back")
    world.subscribed(1)
    return f"kept, `previous` is gone, still subscribed, {world.served()} arrived once"


def too_old(world):
    """The store has rows now that the first version does not know: it says so and is taken back."""
    seen = broken_update(world, world.original, "the old version on the store of a newer one")
    world.machine.say("journalctl -b -u drk-relay --no-pager | grep -F 'stammt von einer neueren Version'")
    return seen


def broken_update(world, version, what):
    begun = time.monotonic()
    code, said = judged(world, version)
    expect(code == 0 and said.split()[:2] == ["9.1.0", version], f"rolled-back says: {said}")
    world.machine.until("drk-relay status --json | grep -q update-rolled-back")
    world.subscribed(1)
    seconds = time.monotonic() - begun
    return f"{what}: rolled back after {seconds:.0f} s (\"{said}\"), an alarm says so; {world.served()} arrived once"


def never_ready(world):
    return broken_update(world, "9.2.0", "never ready")


def dies_at_once(world):
    """And the plug is pulled as soon as it was put back: what then lies at /usr/bin is on the disk."""
    machine = world.machine
    machine.say("dpkg --install /boot/firmware/updates/drk-relay_9.3.0_arm64.deb", 300)
    machine.until("! test -e /var/lib/drk-relay-update/previous", 300)
    machine.cut()
    machine.start()
    code, said = verdict(world)
    expect(code == 0 and said.split()[:2] == ["9.1.0", "9.3.0"], f"rolled-back says: {said}")
    world.subscribed(1)
    return f"dies at once: rolled back (\"{said}\"), and then the plug is pulled; {world.served()} arrived once"


def purged(world):
    machine = world.machine
    places = "/etc/drk-relay /etc/credstore/drk-relay* /etc/credstore.encrypted/drk-relay* /var/lib/drk-relay* /var/lib/private/drk-relay* "
    places += "/usr/bin/drk-relay /usr/lib/drk-relay /usr/lib/systemd/system/drk-relay* /etc/systemd/system/*/drk-relay* /run/drk-relay*"
    machine.say("dpkg --remove drk-relay", 300)
    kept = machine.say("ls -d /etc/drk-relay/relay.toml /var/lib/private/drk-relay/relay.redb")
    machine.say("dpkg --purge drk-relay", 300)
    left = machine.run(f"ls -d {places} 2> /dev/null")[1]
    left = [path for path in left.splitlines() if path != "/etc/systemd/system/drk-relay-update.service.d"]
    expect(not left, f"purge left {left}")
    return f"remove kept {kept.split()}, purge left nothing"


# ---- the order ----

SCENES = [
    flashed, bad_file, good_file, sandbox, person_served, commands, killed, hung, idle, stopped, power_cut, updates_made, dark_start,
    taken_back, good_update, too_old, never_ready, dies_at_once, purged,
]




def main():
    parser = argparse.ArgumentParser()
    for name in ["image", "package", "peers", "program", "successor", "folder"]:
        parser.add_argument(f"--{name}", required=True, type=lambda path: Path(path).resolve())
    begun = time.monotonic()
    world = World(parser.parse_args())
    scene = None
    try:
        for scene in SCENES:
            started = time.monotonic()
            seen = scene(world)
            print(f"ok    {scene.__name__.replace('_', ' ')}: {seen} ({time.monotonic() - started:.0f} s)", flush=True)
        world.peers.end()
        world.machine.off()
    except Exception as error:  # Whatever it was: the machine knows more about it.
        if not isinstance(error, Failed):
            traceback.print_exc(file=sys.stdout)
        print(world.machine.confess(), flush=True)
        print(f"FAILED in \"{scene.__name__.replace('_', ' ')}\": {error}", flush=True)
        return 1
    finally:
        world.peers.kill()
        world.machine.end()
    print(f"{time.monotonic() - begun:.0f} s together")
    return 0


if __name__ == "__main__":
    sys.exit(main())
