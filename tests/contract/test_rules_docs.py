"""The rules in docs/rules.md are rules, and its tables are complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from chalicelib.catalog.validation import normal_body
from chalicelib.engine.documents import KINDS
from chalicelib.messages.actions import Action
from chalicelib.segments.behaviour import EVENT_TYPES
from chalicelib.segments.matching import OPERATORS

DOCS = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_is_a_rule(snippet: str) -> None:
    """It has the shape that a PUT takes."""
    normal_body(KINDS["rules"], yaml.safe_load(snippet))


def test_every_word_of_the_language_is_documented() -> None:
    """Event types, actions and operators all stand in the page."""
    prose = re.sub(r"```.*?```", "", DOCS, flags=re.DOTALL)
    words = {word for code in re.findall(r"`([^`\n]+)`", prose) for word in [code, *code.split()]}
    assert set(Action.model_fields) <= words
    assert words >= EVENT_TYPES
    assert set(OPERATORS) <= words
