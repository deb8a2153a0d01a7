"""The rules in docs/rules.md are rules, the form in docs/forms.md is one, and the tables are complete."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from chalicelib.catalog.validation import normal_body
from chalicelib.events.kinds import triggers
from chalicelib.events.matching import OPERATORS
from chalicelib.forms import documents as forms
from chalicelib.messages.vocabulary import Action
from chalicelib.rules.documents import DOCUMENTS

FOLDER = Path(__file__).parents[2] / "docs"
DOCS = (FOLDER / "rules.md").read_text(encoding="utf-8")
FORMS = (FOLDER / "forms.md").read_text(encoding="utf-8")


def snippets(page: str) -> list[Any]:
    """The YAML examples of a page."""
    return [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]


@pytest.mark.parametrize("body", [*snippets(DOCS), *snippets(FORMS)], ids=lambda body: body["name"])
def test_a_snippet_is_a_document(body: dict[str, Any]) -> None:
    """It has the shape that a PUT takes."""
    normal_body(forms.DOCUMENTS["forms"] if "questions" in body else DOCUMENTS["rules"], body)


def test_every_word_of_the_language_is_documented() -> None:
    """Event types, actions and operators all stand in the page."""
    prose = re.sub(r"```.*?```", "", DOCS, flags=re.DOTALL)
    words = {word for code in re.findall(r"`([^`\n]+)`", prose) for word in [code, *code.split()]}
    assert set(Action.model_fields) <= words
    assert words >= set(triggers())
    assert set(OPERATORS) <= words
