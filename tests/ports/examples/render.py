"""Renders the templates of an automation for Home Assistant as it does, with Jinja, and says what it would do. Home Assistant is not here.

Input: JSON {"file", "index", "states": {entity: state}, "trigger": {...}}. Output: JSON {"conditions": [...], "actions": [{"action", "data"}]}.
"""

import datetime
import json
import sys

import jinja2
import yaml

asked = json.load(sys.stdin)
with open(asked["file"], encoding="utf-8") as file:
    automation = yaml.safe_load(file)[asked["index"]]
environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
environment.filters["to_json"] = lambda value: json.dumps(value, separators=(",", ":"))
environment.globals["states"] = lambda entity: asked["states"].get(entity, "unknown")
environment.globals["now"] = lambda: datetime.datetime.now().astimezone()


def rendered(value):
    if isinstance(value, str):
        return environment.from_string(value).render(trigger=asked["trigger"])
    return value


print(json.dumps({
    "mode": automation["mode"],
    "triggers": automation["triggers"],
    "conditions": [rendered(condition["value_template"]) == "True" for condition in automation["conditions"]],
    "actions": [
        {"action": action["action"], "data": {key: rendered(value) for key, value in action["data"].items()}}
        for action in automation["actions"]
    ],
}))
