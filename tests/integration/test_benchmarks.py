"""Benchmarks are programs too: each runs to its end, with sizes that take a moment."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import Any
from unittest import mock

import pytest

from chalicelib.gateways import aws, queues
from chalicelib.local.config import ROOT
from chalicelib.timers import service as timers

TINY: dict[str, dict[str, Any]] = {
    "cold": {"RUNS": 1, "ONLY": frozenset({"webhook"})},
    "costs": {},
    "cpu": {"FRIENDS": 4},
    "decide": {"RULES": 8},
    "fanout": {},
    "large": {"SIZE": 40},
    "mirror": {"FRIENDS": (300,), "ROUNDS": 1},
    "segments": {"FRIENDS": 20},
    "timers": {"ENTRIES": 20, "FRIENDS": 6},
}
ON_A_PLATFORM = {"console", "questions", "redirect", "sending"}
"""Those start the local platform and take minutes: they are run by hand."""
ARGUMENTS = {"fanout": ["20"], "cold": ["no-build"]}


def test_every_benchmark_is_here() -> None:
    """A new benchmark gets tiny sizes, so that this page runs it."""
    found = {path.stem for path in (ROOT / "benchmarks").glob("*.py")} - {"__init__"}
    assert found == {*TINY, *ON_A_PLATFORM}


@pytest.mark.parametrize("name", sorted(TINY))
def test_a_benchmark_runs(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends without an error and prints what it measured; its bounds are for real sizes."""
    with mock.patch.dict(os.environ):
        module = importlib.import_module(f"benchmarks.{name}")
        for constant, value in TINY[name].items():
            assert hasattr(module, constant)
            monkeypatch.setattr(module, constant, value)
        monkeypatch.setattr(sys, "argv", [name, *ARGUMENTS.get(name, [])])
        ours = (timers.arm, timers.watch)
        gc.freeze()  # what other tests have left is not looked through at each round
        try:
            assert module.main() in {None, 0, 1}
            assert (timers.arm, timers.watch) == ours, "what a benchmark replaces, it puts back"
        finally:
            gc.unfreeze()
            aws.forget_clients()
            queues.url.cache_clear()
    assert len(capsys.readouterr().out.splitlines()) > 2
