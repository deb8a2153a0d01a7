"""What ``make package`` writes, made once for the trials of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from chalicelib.local.config import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

import package


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder ``build/`` of the stage ``prod``."""
    out = tmp_path_factory.mktemp("build") / "build"
    assert package.package("prod", out) == 0, "cfn-lint is content"
    return out
