"""What the relay has around it: examples/peers.rs, driven line by line."""

import subprocess
import threading
import time
from pathlib import Path
from queue import Empty, Queue

from machine import Failed

# Each line has to come true within this time: an emulated machine is slow, and a burst is answered after 2 to 6 s.
PATIENCE = 90
# A commit, an answer and a status, each a moment; twice what the script itself is given.
LATE = 2 * PATIENCE


class Peers:
    """A simulated Meta and people, reached from the guest."""

    def __init__(self, program, folder, port, webhook):
        self.folder, self.log = Path(folder), []
        command = [program, "--folder", folder, "--api", f"127.0.0.1:{port}", "--name", "10.0.2.2"]
        command += ["--webhook", f"http://127.0.0.1:{webhook}/webhook", "--patience", str(PATIENCE)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.lines = Queue()
        threading.Thread(target=self.read, daemon=True).start()
        self.wait(f"ready {port}")

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def wait(self, expected):
        end = time.monotonic() + LATE
        while True:
            try:
                line = self.lines.get(timeout=max(end - time.monotonic(), 0.001))
            except Empty:
                raise Failed(f"Meta and people: no \"{expected}\" within {LATE} s") from None
            if line is None or line.startswith("missing: "):
                raise Failed(f"Meta and people: {line or 'ended'}\n" + "\n".join(self.log[-20:]))
            self.log.append(line)
            if line.startswith("rings "):
                print(f"      {line}", flush=True)
            if line == expected:
                return

    def do(self, *lines):
        """Lines of a script, each true before the next is said."""
        for line in lines:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            self.wait(f"ok {line}")

    def secret(self, name):
        return (self.folder / name).read_text()

    def end(self):
        """The script is over: everything in it came true."""
        self.process.stdin.close()
        if self.process.wait(30) != 0:
            raise Failed("Meta and people ended with a fault")

    def kill(self):
        self.process.kill()
