"""What stands beside a rule about its troubles: enough to mend it, and nothing of a friend."""

from __future__ import annotations

import pytest

from chalicelib.engine.health import gist


@pytest.mark.parametrize(
    ("why", "left"),
    [
        ("quiet_hours", "quiet_hours"),
        ("line_400", "line_400"),
        ("there is no scenario welcome", "there is no scenario welcome"),
        ("this event has no reply token", "this event has no reply token"),
        ("attributes.age: 'SECRETQ-9871' is not a number", "the value does not fit attributes.age"),
        ("value: 'SECRETQ' is not a number", "the value is not a number that fits"),
        ("attribute.note is missing and has no default", "attribute.note has no value"),
        ("event.text has no value", "event.text has no value"),
        (
            "messages[0].quickReply.items[1].action.label: is 'SECRET'",
            "messages[0].quickReply.items[1].action.label: LINE would not take what it comes to",
        ),
        (
            "{{ attribute.note | number }}: 'SECRET }}: x' is not a number",
            "a filter does not take the value of attribute.note",
        ),
        ("LINE answered 400: SECRET", "LINE answered 400"),
        ("LINE did not answer (SECRET)", "LINE did not answer"),
        (
            "https://crm.example:8443: answered 500, 8 times",
            "https://crm.example:8443: answered 500, 8 times",
        ),
        ("https://crm.example: no answer (SECRET), 8 times", "https://crm.example: no answer, 8 times"),
        ("https://crm.example: leads to 10.0.0.1", "https://crm.example: leads to 10.0.0.1"),
        (
            "secret.example leads to 10.0.0.1, which is not a public address",
            "the address is not a public one",
        ),
        ("SECRET", "not carried out; the friend's timeline says why"),
        ("https://x.jp/SECRET: answered 500", "not carried out; the friend's timeline says why"),
        ("a new reason: SECRET\nand more", "not carried out; the friend's timeline says why"),
    ],
)
def test_reasons_are_cut_down_to_what_authors_wrote(why: str, left: str) -> None:
    """Codes and names stay, values go; what is not known points to the timeline."""
    assert gist(why) == left
    assert "secret" not in left.lower()
