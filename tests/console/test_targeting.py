"""What the console makes of its fields is what the API takes, and comes back as the same fields."""

from __future__ import annotations

import json
import random
import subprocess
from typing import Any

import pytest

from chalicelib.broadcasts.narrowcasts import documents as narrowcasts
from chalicelib.richmenus import limits
from tests.console.test_build import CONSOLE, node

__all__ = ["node"]
PROGRAM = """
import { readFileSync } from "node:fs";
import { demographicOf, filterOf, listsOf, recipientOf } from "./src/screens/targeting/recipient";
import { edgesOf, laidOut, LAYOUTS, scaled, SIZES, sized, snapped, within } from "./src/screens/menus/areas";
const asked = JSON.parse(readFileSync(0, "utf8"));
const blank = () => ({ type: "message", text: "x" });
const narrow = asked.narrow.map(({ lists, filter }) => {
  const [recipient, demographic] = [recipientOf(lists), demographicOf(filter)];
  return { recipient, demographic, lists: listsOf(recipient), filter: filterOf(demographic) };
});
const laid = (size) => (name) => ({ size, areas: laidOut(name, size, [], blank) });
const whole = SIZES.flatMap((size) => Object.keys(LAYOUTS).map(laid(size)));
const moved = asked.moved.map(({ bounds, to }, at) => {
  const { size, areas } = whole[at % whole.length];
  const edges = edgesOf(areas, size, 0);
  const near = { ...bounds, x: snapped(bounds.x, edges.x), y: snapped(bounds.y, edges.y) };
  const made = [within(near, size), sized(near, size)].map((one) => ({ bounds: one, action: blank() }));
  return { size: SIZES[to], areas: scaled([...areas, ...made], size, SIZES[to]) };
});
const other = asked.other.map((one) => [listsOf(one), filterOf(one)]);
console.log(JSON.stringify({ narrow, whole, moved, other }));
"""
KINDS = ("audience:a", "segment:s", "group:12", "request:r")


def _narrow(dice: random.Random) -> dict[str, Any]:
    lists = [f"{kind}{n}" for kind in KINDS for n in range(3)]
    dice.shuffle(lists)
    include, exclude = lists[: dice.randrange(4)], lists[4 : 4 + dice.randrange(4)]
    mode = dice.choice(("or", "and")) if len(include) > 1 else "or"
    ages = sorted(dice.sample(narrowcasts.AGES, 2), key=narrowcasts.AGES.index)
    days = sorted(dice.sample(narrowcasts.DAYS, 2), key=narrowcasts.DAYS.index)
    filled = {
        "gender": dice.choice(("male", "female")),
        "app": dice.choice(("ios", "android")),
        "ageFrom": ages[0],
        "ageTo": ages[1],
        "areas": ["jp_13", "jp_27"][: dice.randrange(1, 3)],
        "daysFrom": days[0],
        "daysTo": days[1],
    }
    left = {name: value if dice.random() < 0.5 else type(value)() for name, value in filled.items()}
    return {"lists": {"mode": mode, "include": include, "exclude": exclude}, "filter": left}


@pytest.fixture(scope="module")
def made(node: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the console's own code answers to 200 random fields and places."""
    dice = random.Random(7)
    name = ("x", "y", "width", "height")
    asked = {
        "narrow": [_narrow(dice) for _ in range(200)],
        "moved": [
            {"bounds": {one: dice.uniform(-900, 3000) for one in name}, "to": dice.randrange(6)}
            for _ in range(200)
        ],
        "other": [
            {"type": "operator", "not": {"type": "operator", "and": [{"segment": "a"}, {"segment": "b"}]}},
            {"type": "operator", "and": [{"type": "gender", "oneOf": ["male"]}] * 2},
        ],
    }
    out = tmp_path_factory.mktemp("targeting") / "made.mjs"
    how = {"stdin": {"contents": PROGRAM, "resolveDir": str(CONSOLE)}, "outfile": str(out), "bundle": True}
    how |= {"format": "esm", "platform": "node", "logLevel": "error"}
    script = f'import {{ build }} from "esbuild"; await build({json.dumps(how)});'
    subprocess.run([node, "--input-type=module", "-e", script], cwd=CONSOLE, check=True)
    answer = subprocess.run(
        [node, str(out)], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    return {"asked": asked, **json.loads(answer.stdout)}


def test_a_narrowcast_is_what_its_fields_say(made: dict[str, Any]) -> None:
    """LINE understands it, and it is read back as the same fields; another shape is left as it is."""
    for asked, found in zip(made["asked"]["narrow"], made["narrow"], strict=True):
        narrowcast = {name: found[name] for name in ("recipient", "demographic")}
        assert list(narrowcasts.shape(narrowcast)) == [], narrowcast
        assert {name: found[name] for name in ("lists", "filter")} == asked
    assert made["other"][0][0] is None
    assert made["other"][1][1] is None


def _menu(found: dict[str, Any]) -> dict[str, Any]:
    return {"size": found["size"], "selected": True, "chatBarText": "メニュー", "areas": found["areas"]}


def test_areas_lie_within_their_menu(made: dict[str, Any]) -> None:
    """Every layout covers the whole picture once; wherever an area is dragged to, LINE takes it."""
    for found in (*made["whole"], *made["moved"]):
        assert limits.check(_menu(found), "rich_menu") == [], found
    for found in made["whole"]:
        bounds = [area["bounds"] for area in found["areas"]]
        covered = sum(one["width"] * one["height"] for one in bounds)
        assert covered == found["size"]["width"] * found["size"]["height"]
