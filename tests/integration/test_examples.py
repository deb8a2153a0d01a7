"""Every example comes out as its play says, in one process; ``make demo EXAMPLE=`` plays it in earnest."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

from chalicelib.local.examples import example, playing
from chalicelib.local.examples.player import STEPS, Player
from tests.play_world import a_play


@pytest.mark.parametrize("name", example.names())
def test_an_example_comes_out_as_it_says(name: str, cloud: None, tmp_path: Path) -> None:
    """Its bundle applies, and every number of its play is as expected."""
    shown: list[str] = []
    with a_play(tmp_path) as world:
        player = Player(example.load(name), world.api(), world.phones(), shown.append, world.until)
        assert player.play(), "\n".join(shown)
    assert any("✓" in line for line in shown)


def test_a_number_that_is_not_so_is_shown_and_the_play_goes_on(cloud: None, tmp_path: Path) -> None:
    """The gym expects one friend too few: both numbers are shown, and the play is not as expected."""
    gym, shown = example.load("gym"), list[str]()
    wrong = {"what": "no answer", "condition": {"segment": "no-answer"}, "who": ["本田", "前田"]}
    steps = [{"apply": "bundle.yaml"}, {"friends": "friends.csv"}, {"count": wrong}, {"say": "the end"}]
    with a_play(tmp_path) as world:
        player = Player(replace(gym, steps=steps), world.api(), world.phones(), shown.append, world.until)
        assert not player.play()
    assert '  ✗ no answer: ["前田", "本田", "藤井"], expected ["前田", "本田"]' in shown
    assert "the end" in shown


def test_an_example_is_played_once(cloud: None, tmp_path: Path) -> None:
    """On a platform that has it already, only how it stands is said."""
    shown: list[str] = []
    with a_play(tmp_path) as world:
        clients = {"api": world.api(), "sim": world.phones()}
        with (
            patch.object(playing, "Client", lambda url, _key="": clients[url]),
            patch.object(playing.client, "until", world.until),
        ):
            assert playing.run("music-school", "api", "key", "sim", shown.append)
            assert shown[-1] == "  music-school: all as expected"
            assert playing.run("music-school", "api", "key", "sim", shown.append)
    assert shown[-1].endswith("is here from before: 6 friends follow it.")


def test_every_example_is_on_the_page() -> None:
    """``docs/examples.md`` names each, and no other."""
    page = (example.FOLDER.parent / "docs" / "examples.md").read_text()
    table = page.partition("\n\n## ")[0]
    assert sorted(re.findall(r"^\| [^|]+ \| `([a-z0-9-]+)` \|", table, re.MULTILINE)) == example.names()
    steps = page.partition("| step |")[2].partition("\n\n")[0]
    named = [
        name
        for row in re.findall(r"^\| (`[^|]+) \|", steps, re.MULTILINE)
        for name in re.findall(r"\w+", row)
    ]
    assert sorted(named) == sorted(STEPS)
