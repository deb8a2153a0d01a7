"""An example played on the whole platform, as ``make demo EXAMPLE=`` does."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from chalicelib.local import permissions
from tests.e2e.platform import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def test_the_clinic_comes_out_as_it_says() -> None:
    """Every number is as expected, and the status says so; a name that is none says which there are."""
    env = {"PATH": os.environ["PATH"], "TODOKU_LOCAL_ROLES": "refuse"}
    env |= {name: os.environ[name] for name in (permissions.RECORD,) if name in os.environ}
    command = [sys.executable, "-m", "chalicelib.local", "demo"]
    played = subprocess.run(
        [*command, "clinic"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=220, check=False
    )
    assert played.returncode == 0, played.stdout + played.stderr
    assert "The demo is as expected." in played.stdout
    unknown = subprocess.run(
        [*command, "zoo"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=30, check=False
    )
    assert unknown.returncode == 1
    assert "There is no example 'zoo'" in unknown.stdout
    assert "clinic" in unknown.stdout
