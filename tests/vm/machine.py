"""An emulated machine: its disk, its card, its wires, and its power. Knows nothing of the relay."""

import base64
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

# Emulated, on a machine with two cores that are busy: a boot takes half a minute when nothing else runs, cloud-init another.
BOOT = 300
# One command in the guest.
COMMAND = 120
# Between two looks at what gives no signal.
LOOK = 0.25


class Failed(Exception):
    """Something is not as it must be."""


class Wire:
    """A socket of qemu's, read line by line."""

    def __init__(self, path, patience):
        self.rest = b""
        end = time.monotonic() + patience
        while True:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                self.socket.connect(str(path))
                return
            except OSError:
                self.socket.close()
                if time.monotonic() > end:
                    raise Failed(f"qemu does not listen at {path}") from None
                time.sleep(LOOK)

    def say(self, line):
        self.socket.sendall(line.encode() + b"\n")

    def hear(self, patience):
        end = time.monotonic() + patience
        while b"\n" not in self.rest:
            self.socket.settimeout(max(end - time.monotonic(), 0.001))
            try:
                heard = self.socket.recv(65536)
            except TimeoutError:
                raise Failed(f"nothing came over the wire within {patience} s") from None
            if not heard:
                raise Failed("the machine is off")
            self.rest += heard
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode()

    def close(self):
        self.socket.close()


class Machine:
    """One device. What is on disk and card outlives its power."""

    def __init__(self, image, folder, forwarded):
        """`forwarded`: a port of this machine's loopback, and the guest's port that it leads to."""
        self.image, self.folder, self.forwarded = Path(image), Path(folder), forwarded
        self.disk, self.card = self.folder / "disk.ext4", self.folder / "card.fat"
        self.console = self.folder / "console.log"
        self.qemu = self.shell = self.monitor = None
        # What is asked for and not answered: the wire is of no use any more.
        self.unanswered = None
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", self.image / "disk.ext4", self.disk], check=True)
        # The Imager's boot partition.
        subprocess.run(["mkfs.vfat", "-C", "-F", "32", "-n", "bootfs", self.card, str(128 * 1024)], check=True, capture_output=True)

    # ---- power ----

    def start(self, clock="utc", network=True):
        """Switches it on, and waits for the shell. `clock`: what the clock of the board says. Seconds that it took."""
        begun, self.unanswered = time.monotonic(), None
        ends = [self.folder / "shell.sock", self.folder / "monitor.sock"]
        for end in ends:
            end.unlink(missing_ok=True)
        host, guest = self.forwarded
        drives = [(self.disk, "disk"), (self.card, "card")]
        command = ["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a53", "-smp", "2", "-m", "512", "-nodefaults", "-S"]
        command += ["-kernel", self.image / "vmlinuz", "-initrd", self.image / "initrd"]
        # Where several share two cores, what the kernel finds may take minutes to show.
        words = "console=ttyAMA0 quiet panic=-1 systemd.show_status=auto systemd.default_device_timeout_sec=600"
        command += ["-append", words, "-no-reboot", "-display", "none"]
        command += ["-chardev", f"file,id=console,path={self.console},append=on", "-serial", "chardev:console"]
        for path, name in drives:
            command += ["-drive", f"if=none,id={name},format=raw,file={path}", "-device", f"virtio-blk-pci,drive={name}"]
        command += ["-netdev", f"user,id=wire,hostfwd=tcp:127.0.0.1:{host}-:{guest}"]
        command += ["-device", "virtio-net-pci,netdev=wire,id=wire0,romfile="]
        command += ["-device", "virtio-serial-pci", "-device", "virtserialport,chardev=shell,name=shell", "-device", "virtio-rng-pci"]
        command += ["-chardev", f"socket,id=shell,path={ends[0]},server=on,wait=off", "-qmp", f"unix:{ends[1]},server=on,wait=off"]
        command += ["-rtc", f"base={clock},clock=host"]
        self.qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        self.shell, self.monitor = (Wire(end, 30) for end in ends)
        self.monitor.hear(30)
        self.ask("qmp_capabilities")
        self.network(network)
        self.ask("cont")
        if self.shell.hear(BOOT) != "ready":
            raise Failed("somebody else is on the wire")
        return time.monotonic() - begun

    def cut(self):
        """Somebody pulls the plug."""
        self.qemu.kill()
        self.gone()

    def off(self):
        """Shuts it down."""
        self.say("systemctl --no-block poweroff")
        self.gone()

    def gone(self):
        try:
            self.qemu.wait(BOOT)
        except subprocess.TimeoutExpired:
            raise Failed("it does not switch itself off") from None
        self.shell.close()
        self.monitor.close()
        self.qemu = None

    def runs(self):
        return self.qemu is not None and self.qemu.poll() is None

    def network(self, up):
        """Plugs the network in, or pulls it out."""
        self.ask("set_link", name="wire0", up=up)

    def ask(self, what, **arguments):
        self.monitor.say(json.dumps({"execute": what, "arguments": arguments}))
        while True:
            answer = json.loads(self.monitor.hear(30))
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise Failed(f"{what}: {answer['error']['desc']}")

    # ---- the shell in it ----

    def run(self, script, patience=COMMAND):
        """A script of root's: its exit code, and what it said."""
        self.unanswered = script
        self.shell.say(base64.b64encode(script.encode()).decode())
        code, _, said = self.shell.hear(patience).partition(" ")
        self.unanswered = None
        return int(code), base64.b64decode(said).decode(errors="replace").rstrip("\n")

    def say(self, script, patience=COMMAND):
        """A script that must succeed: what it said."""
        code, said = self.run(script, patience)
        if code != 0:
            raise Failed(f"exit code {code} of: {script}\n{said}")
        return said

    def until(self, script, patience=COMMAND):
        """Runs it again and again until it succeeds: what it said then."""
        end = time.monotonic() + patience
        while True:
            code, said = self.run(script, patience)
            if code == 0:
                return said
            if time.monotonic() > end:
                raise Failed(f"not within {patience} s: {script}\n{said}")
            time.sleep(LOOK)

    def put(self, path, content, mode=0o644):
        """A file in the guest."""
        content = content if isinstance(content, bytes) else content.encode()
        self.say(f"echo {base64.b64encode(content).decode()} | base64 -d > {path} && chmod {mode:o} {path}")

    # ---- the card, from any PC ----

    def read_card(self, name):
        """A file on the card; None if there is none."""
        seen = subprocess.run(["mtype", "-i", self.card, f"::/{name}"], capture_output=True, check=False)
        return seen.stdout.decode() if seen.returncode == 0 else None

    def write_card(self, name, path):
        """Replaces a file on the card, or puts a folder there. Only while the machine is off: two who write to one FAT destroy it."""
        if self.runs():
            raise Failed(f"{name}: the card is in the machine")
        subprocess.run(["mcopy", "-D", "o", "-s", "-n", "-i", self.card, path, f"::/{name}"], check=True)

    def edit_card(self, before, after):
        """Replaces a word by one as long, where it stands."""
        held = self.card.read_bytes()
        if self.runs() or len(before) != len(after) or held.count(before.encode()) != 1:
            raise Failed(f"{before} cannot be replaced by {after} on the card")
        with self.card.open("r+b") as card:
            card.seek(held.index(before.encode()))
            card.write(after.encode())

    def card_holds(self, text):
        """Whether these bytes are anywhere on the card, in a file or not."""
        return text.encode() in self.card.read_bytes()

    # ---- when something went wrong ----

    def confess(self):
        """What whoever reads why it failed wants to know."""
        parts = []
        if self.runs() and not self.unanswered:
            try:
                parts.append(self.run("systemctl --no-pager status 'drk-relay*' mosquitto; journalctl --no-pager -b -n 250", 60)[1])
            except (Failed, OSError) as error:
                parts.append(f"(the guest does not answer: {error})")
        parts.append("---- console ----\n" + "\n".join(self.console.read_text(errors="replace").splitlines()[-60:]))
        return "\n".join(parts)

    def end(self):
        if self.runs():
            self.qemu.kill()
            self.qemu.wait()

    def remove(self):
        self.end()
        shutil.rmtree(self.folder)


def free_port():
    """A port of loopback that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def environment():
    """Ours, without what would make tools speak another language."""
    return {**os.environ, "LC_ALL": "C.UTF-8"}
