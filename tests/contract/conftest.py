"""What is deployed, rendered once: Chalice's package of the app with our template merged into it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from chalicelib.local.config import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

from rendered import render


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``chalice package`` makes of the app and our template, without the code itself."""
    return render(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def template(packaged: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(packaged.read_text())
    return document


@pytest.fixture(scope="session")
def functions(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The Lambda functions by the path of their handler."""
    return {
        resource["Properties"]["Handler"]: {"logical": name, **resource["Properties"]}
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
