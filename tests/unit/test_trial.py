"""A trial by hand leaves no platform behind, whatever stops it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import trial


class Standing:
    """A platform that only says whether it stands."""

    api = None
    sim_port = 9
    process: Any = None

    def __init__(self, directory: Path, **_env: str) -> None:
        self.env = {"TODOKU_LOCAL_DIR": str(directory)}
        made.append(self)

    def start(self, timeout_s: float) -> None:
        assert timeout_s > 0
        self.process = object()

    def kill(self) -> None:
        self.process = None


made: list[Standing] = []


@pytest.fixture(autouse=True)
def _signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    monkeypatch.setattr(trial, "Platform", Standing)
    made.clear()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_platform_too(number: signal.Signals) -> None:
    """The trial ends with the signal's status, and its platform is gone."""
    with pytest.raises(SystemExit) as stopped:
        trial.run(lambda _: os.kill(os.getpid(), number), minutes=1)
    assert stopped.value.code == 128 + number
    assert [platform.process for platform in made] == [None]


def test_a_failed_look_ends_the_platform_too() -> None:
    """An assertion of the trial is seen, and its platform is gone."""

    def work(_: trial.Trial) -> None:
        raise AssertionError("somebody got it twice")

    with pytest.raises(AssertionError, match="twice"):
        trial.run(work, minutes=1)
    assert [platform.process for platform in made] == [None]
