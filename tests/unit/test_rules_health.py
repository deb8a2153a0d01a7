"""What stands beside a rule about its troubles: enough to mend it, and nothing of a friend."""

from __future__ import annotations

import pytest

from chalicelib.shared.reasons import Reason

_UNFIT = Reason("no_number", text="'SECRET'")
_ELSEWHERE = "not carried out; the friend's timeline says why"


@pytest.mark.parametrize(
    ("why", "left"),
    [
        (Reason("quiet_hours"), "quiet_hours"),
        (Reason("line_400"), "line_400"),
        (Reason("no_document", kind="scenario", id="welcome"), "there is no scenario welcome"),
        (Reason("value_unfit", path="attributes.age", why=_UNFIT), "the value does not fit attributes.age"),
        (Reason("number_unfit", why=_UNFIT), "the value is not a number that fits"),
        (Reason("missing_value", name="attribute.note"), "attribute.note has no value"),
        (Reason("no_value", name="event.text"), "event.text has no value"),
        (
            Reason("message_refused", path="messages[0].text", why=Reason("plain_text", text="is 'SECRET'")),
            "messages[0].text: LINE would not take what it comes to",
        ),
        (
            Reason("filter_refused", name="attribute.note", source="{{ 'SECRET' }}", why=_UNFIT),
            "a filter does not take the value of attribute.note",
        ),
        (Reason("line_answered", status=400, message="SECRET"), "LINE answered 400"),
        (Reason("line_no_answer", error="SECRET"), "LINE did not answer"),
        (
            Reason("called", to="https://crm.example:8443", why=Reason("call_answered", status=500)),
            "https://crm.example:8443: answered 500",
        ),
        (
            Reason(
                "every_time",
                why=Reason("call_no_answer", why=Reason("host_unresolved", host="secret.jp")),
                times=8,
            ),
            "no answer, 8 times",
        ),
        (
            Reason("host_private", host="secret.example", address="10.0.0.1"),
            "the address is not a public one",
        ),
        (Reason("plain_text", text="SECRET"), _ELSEWHERE),
        (Reason("gave_up", error="SECRET"), _ELSEWHERE),
        (Reason.of("a sentence of an older version: SECRET"), _ELSEWHERE),
    ],
)
def test_reasons_are_cut_down_to_what_authors_wrote(why: Reason, left: str) -> None:
    """Codes and names stay, values go, also once it was stored; what is not known points to the timeline."""
    assert str(why.public()) == left
    assert str(Reason.of(Reason.of(why.kept()).public().kept())) == left
    assert "secret" not in str(why.public().kept()).lower()
    assert "secret" not in why.public().text("ja").lower()
