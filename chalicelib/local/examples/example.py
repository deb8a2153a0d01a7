"""An example as it lies in its folder: its friends by name, its timestamps relative to now."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from chalicelib.shared.times import iso, parse_duration

FOLDER = Path(__file__).resolve().parents[3] / "examples"


def names() -> list[str]:
    """Every example that can be played, in the order of the alphabet."""
    return sorted(path.parent.name for path in FOLDER.glob("*/play.yaml"))


@dataclass(frozen=True)
class Example:
    """One business: what it is called, what its friends' user ids are, and the steps of its play."""

    name: str
    title: str
    steps: list[dict[str, Any]]
    known: dict[str, str]
    """User ids by display name: of the CSV, and of the staff whom the play names."""
    staff: dict[str, str]

    def text(self, file: str) -> str:
        """A file of the example's folder."""
        return (FOLDER / self.name / file).read_text(encoding="utf-8")

    def user_id(self, friend: str) -> str:
        """Who is not in the CSV has an id made of the name."""
        made = "U" + hashlib.md5(f"{self.name}/{friend}".encode(), usedforsecurity=False).hexdigest()
        return self.known.get(friend, made)

    def rows(self, file: str) -> list[dict[str, str]]:
        """The lines of a CSV of the folder."""
        return list(csv.DictReader(self.text(file).splitlines()))


def load(name: str) -> Example:
    """An example by the name of its folder."""
    import yaml

    play = yaml.safe_load((FOLDER / name / "play.yaml").read_text(encoding="utf-8"))
    staff = play.get("staff", {})
    found = Example(name, play["title"], play["steps"], {}, staff)
    files = [step["friends"] for step in found.steps if "friends" in step]
    friends = {row["display_name"]: row["user_id"] for file in files for row in found.rows(file)}
    return Example(name, play["title"], play["steps"], friends | staff, staff)


def timestamp(now: datetime, step: dict[str, Any]) -> str:
    """When something of a play happens: ``ago`` or ``ahead`` of now."""
    ahead = parse_duration(step["ahead"]) if "ahead" in step else timedelta()
    ago = parse_duration(step["ago"]) if "ago" in step else timedelta()
    return iso(now + ahead - ago)
