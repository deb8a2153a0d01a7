"""Nothing that a log may not hold comes out of the formatter."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from chalicelib.shared.text.redaction import friend_hash, redact, redact_exception, redact_name, redact_value

ANNA = "U" + "0123456789abcdef" * 2
TOKEN = "t0k3n/" * 28 + "abcd="


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"{ANNA} wrote", f"{friend_hash(ANNA)} wrote"),
        ("secret 0123456789abcdef0123456789abcdef", "secret (hidden)"),
        (f"Bearer {TOKEN}", "Bearer (hidden)"),
        ("said 'see you at 5' to us", "said '…' to us"),
        ("ご予約ありがとう thanks 😀", "… thanks …"),
        ("invalid literal for int() with base 10: 'hello'", "invalid literal for int() with base 10: '…'"),
        ("ReadTimeoutError on 3f0c2f6e-6d5c-5a43-9a51-7a3b6f2f8f10", None),
    ],
)
def test_texts(text: str, left: str | None) -> None:
    """Ids become hashes, secrets and what is quoted or Japanese goes; request ids stay."""
    assert redact(text) == (text if left is None else left)


def test_ids_of_other_forms_are_known_by_what_the_work_is_about() -> None:
    """A test user called U1 is taken out where it stands as a word, and nowhere else."""
    assert redact("U1 and U12", "U1") == f"{friend_hash('U1')} and U12"


def test_names_of_runs_and_chunks_stay_whole() -> None:
    """An operator finds a run by its name; only a friend's id inside it is hashed."""
    run = "rule-" + "0123456789abcdef" * 2
    assert redact_name(run) == run
    assert redact_value({"run": run, "why": run})["run"] == run
    assert redact_name(f"{ANNA}#welcome#3") == f"{friend_hash(ANNA)}#welcome#3"


def test_nested_values_are_redacted_too() -> None:
    """Lists, dictionaries and objects hold nothing back."""
    found = redact_value({"a": [{"b": f"x {ANNA}"}], "c": object(), "n": 3, "t": True, "none": None})
    assert ANNA not in repr(found)
    assert (found["n"], found["t"], found["none"]) == (3, True, None)


def test_an_error_names_its_place_and_kind() -> None:
    """Its causes too, with what they quote taken out; a missing key keeps its name."""

    class Body(BaseModel):
        age: int

    try:
        try:
            Body.model_validate({"age": "hello there"})
        except ValidationError as error:
            raise KeyError("display_name") from error
    except KeyError as error:
        redacted = redact_exception(error)
    assert redacted.startswith("KeyError: 'display_name'\n")
    assert "caused by ValidationError" in redacted
    assert "hello" not in redacted
    assert "test_shared_redaction.py" in redacted
