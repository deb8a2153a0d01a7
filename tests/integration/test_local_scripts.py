"""What the Makefile and an operator call."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.accounts import key_store, service
from chalicelib.local.config import ROOT


def test_the_first_admin_key(
    cloud: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The script prints a key that is known from then on, as a global admin's; the next call replaces it."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    monkeypatch.setattr(sys, "argv", ["admin_key.py", "--stage", "test"])
    import admin_key  # type: ignore[import-not-found]

    keys = []
    for _ in range(2):
        admin_key.main()
        keys.append(capsys.readouterr().out.strip())
    found = key_store.find_key(service.key_hash(keys[1]))
    assert found is not None
    assert (found.role, found.account) == ("admin", None)
    assert key_store.find_key(service.key_hash(keys[0])) is None


def test_every_target_of_the_makefile_is_explained() -> None:
    """`make help` names every target that a person may call."""
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    command = ["make", "--no-print-directory", "help"]  # these tests may run under make themselves
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in shown.splitlines()} == targets


def test_uv_uses_the_mirror_that_pip_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that a company has set for pip is the one that uv installs from."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import setup  # type: ignore[import-not-found]

    monkeypatch.setattr(setup, "PYTHON", Path(sys.executable))
    monkeypatch.setenv("PIP_INDEX_URL", "https://pypi.example.co.jp/simple")
    assert setup.uv_settings()["UV_DEFAULT_INDEX"] == "https://pypi.example.co.jp/simple"


def test_what_running_needs_is_part_of_what_tests_need() -> None:
    """The requirements stand in layers: the program, the laptop's platform, the tools."""
    assert "-r requirements.txt" in (ROOT / "requirements-local.txt").read_text()
    assert "-r requirements-local.txt" in (ROOT / "requirements-dev.txt").read_text()
