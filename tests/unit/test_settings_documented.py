"""Every setting that the code reads is documented, read as documented, and refused when it is wrong."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from chalicelib.shared.settings import Settings, read_settings
from chalicelib.shared.version import VERSION

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
INTERNAL = {"TODOKU_LOCAL_APP"}
"""Told by the local platform to its own processes, never by a person."""


def test_every_field_is_on_the_page_with_its_default() -> None:
    """A setting without a line in docs/settings.md, or with another default there, fails."""
    for name, field in Settings.__dataclass_fields__.items():
        row = re.search(rf"^\| `TODOKU_{name.upper()}` \|(.*?)\|", PAGE, re.MULTILINE)
        assert row, f"TODOKU_{name.upper()} is not in docs/settings.md"
        default = str(field.default).removesuffix(".0")
        assert f"`{default}`" in row[1], (name, row[1])


def test_every_variable_in_the_code_is_on_the_page() -> None:
    """Whatever ``TODOKU_`` name stands in the program or the Makefile is explained."""
    files = [*(ROOT / "chalicelib").rglob("*.py"), ROOT / "app.py", ROOT / "Makefile"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files if path.exists())
    named = set(re.findall(r"\bTODOKU_[A-Z][A-Z0-9_]*[A-Z0-9]\b", text)) - INTERNAL
    assert {name for name in named if f"`{name}`" not in PAGE} == set()


def test_settings_are_read_and_typed() -> None:
    """Numbers are numbers, empty values count as missing, and seconds may be written without their ``_S``."""
    read = read_settings(
        {"TODOKU_TIMERS_DRAIN_EARLY": "0", "TODOKU_LINE_TIMEOUT_S": "2.5", "TODOKU_STAGE": ""}
    )
    assert (read.timers_drain_early_s, read.line_timeout_s, read.stage) == (0, 2.5, "local")
    assert read_settings({"AWS_REGION": "eu-west-1"}).region == "eu-west-1"


def test_another_line_is_also_its_data_server() -> None:
    """The second URL follows the first, unless it is given."""
    one = read_settings({"TODOKU_LINE_API_URL": "http://a"})
    two = read_settings({"TODOKU_LINE_API_URL": "http://a", "TODOKU_LINE_DATA_URL": "http://b"})
    assert (one.line_data_url, two.line_data_url) == ("http://a", "http://b")


def test_a_wrong_value_names_its_variable() -> None:
    """A number that is none stops the process with a sentence."""
    with pytest.raises(ValueError, match="TODOKU_TIMERS_SHARDS"):
        read_settings({"TODOKU_TIMERS_SHARDS": "many"})


def test_the_version_is_the_project_s() -> None:
    """``/health`` answers the version that pyproject.toml names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == VERSION
