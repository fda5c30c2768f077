"""How many figures of a replay reach loyal people in time: an estimate that knows nothing of the relay. The definition stands in replay/mod.rs.

Usage: replay_estimate.py replay_local_mqtt.ndjson    prints one line for each way to ask: its name and the share in percent.
"""
import json, random, sys
from datetime import datetime

DAY, ASKED, PEOPLE = 86_400, 86_400 - 60, 50

def answered():
    return 60 * random.randint(10, 240)

def in_time(figures, asks, returns):
    """Of these moments, how many fall into a window of somebody who answers every question, and `returns` by themselves if a figure passed."""
    wrote, writes, asked, lacks, reached = figures[0] - 3600, [], False, False, 0
    for figure in figures:
        while True:
            write, ask = min(writes, default=figure), wrote + ASKED
            if asks and not (asked if asks == "figures" else asked == "reminded") and ask < min(write, figure):
                writes, asked = writes + [ask + answered()], "reminded"
            elif write < figure:
                writes.remove(write)
                wrote, asked = write, False
                if lacks and not returns:  # what was missed comes now, with the question
                    writes, asked, lacks = writes + [write + answered()], "published", False
            else:
                break
        open_now = figure < wrote + DAY
        reached, lacks = reached + open_now, not open_now
        if open_now or returns:
            writes, asked = writes + [figure + answered()], "published" if asked != "reminded" else asked
    return reached

random.seed(1)
feeds, days = {}, {}
for line in map(json.loads, open(sys.argv[1], encoding="utf-8")):
    feed, day = line["topic"], line["payload"]["as_of"]
    if day > days.get(feed, ""):  # later figures of the same day are updates
        days[feed] = day
        feeds.setdefault(feed, []).append(datetime.fromisoformat(line["at"].replace("Z", "+00:00")).timestamp())
everything = PEOPLE * sum(map(len, feeds.values()))
for name, asks, returns in [("returning", "", True), ("never", "", False), ("no-figures", "figures", False), ("unanswered", "all", False)]:
    reached = sum(in_time(figures, asks, returns) for figures in feeds.values() for _ in range(PEOPLE))
    print(f"{name} {100 * reached / everything:.2f}")
