"""What docs/extending.md promises, tried with a toy capability: ``python -m tests.extending.trial``.

A process of its own, because the house reads its list of capabilities once. The lines below are the one line
of a capability, and the one of its routes.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from chalicelib import composition

composition.CAPABILITIES = (*composition.CAPABILITIES, "tests.extending.stamps")  # type: ignore[assignment]
composition.BLUEPRINTS = (*composition.BLUEPRINTS, "tests.extending.stamps.api")  # type: ignore[assignment]

import pytest

import app
from chalicelib.accounts.model import Account
from chalicelib.api import contract, kinds, openapi
from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.references import unresolved
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.catalog.validation import normal_body, verify
from chalicelib.conditions import language
from chalicelib.conditions.model import Context
from chalicelib.deliveries import model as deliveries
from chalicelib.forms import fields
from chalicelib.forms.model import Question
from chalicelib.gateways import queues
from chalicelib.jobs import kinds as jobs
from chalicelib.liff import entry, places
from chalicelib.rules import reach
from chalicelib.rules.documents import warn
from chalicelib.shared.errors import Detail, RuleViolation
from chalicelib.shared.keeping import KEEPERS
from chalicelib.shared.reasons import Reason
from chalicelib.timers import plan, waking
from chalicelib.timers.model import DUE, Entry, Slot
from tests.extending.stamps import due, keepers
from tests.extending.stamps.jobs import PRINTED
from tests.forms_chat import Chat
from tests.reaction_builders import NOW, TOKYO, a_catalog, a_rule, after, an_event, types
from tests.reasons_checked import sentences

CARDS = {"coffee": {"name": "コーヒー ☕", "size": 10}}
GIVE = a_rule("messaged", [{"give_stamp": "coffee"}])
HAS_ONE = {"stamps": {"card": "coffee", "gte": 1}}
THANK = a_rule("stamp_given", [{"add_tag": "vip"}], match={"card": "coffee"}, condition=HAS_ONE)


def the_action_runs_and_its_trigger_wakes_a_rule_whose_condition_asks_the_leaf() -> None:
    """One message: a stamp, the fact of it, and what follows; each on the timeline."""
    decision = after(an_event(), {"give": GIVE, "thank": THANK}, **{"stamp-cards": CARDS})
    assert decision.after["stamps"] == {"coffee": 1}
    assert set(decision.after["tags"]) == {"vip"}
    assert types(decision)[-2:] == ["stamp_given", "tag_added"]
    assert decision.after["facts"]["stamp_given"]["count"] == 1


def what_cannot_work_is_refused() -> None:
    """A card that is not there, in an action, a match or a condition; a leaf of a wrong shape."""
    for rule in (GIVE, THANK):
        with pytest.raises(RuleViolation) as refused:
            verify(kinds.CHECKED, a_catalog({"r": rule}))
        assert "stamp-cards/coffee" in str(refused.value.details)
    catalog = a_catalog({"r": GIVE, "s": THANK}, **{"stamp-cards": CARDS})
    assert "stamp" not in str(_wrong(catalog))
    wrong = language.shape({"stamps": {"card": "coffee", "gte": "many"}})
    assert [detail.path for detail in wrong] == ["condition.stamps.gte"]


def _wrong(catalog: Snapshot) -> list[Detail]:
    """Whatever is wrong with it."""
    try:
        verify(kinds.CHECKED, catalog)
    except RuleViolation as error:
        return list(error.details)
    return []


def the_leaf_explains_itself() -> None:
    """With the value that it saw."""
    tree = language.explain(HAS_ONE, Context(a_catalog(), TOKYO), {"stamps": {"coffee": 3}}, NOW)
    assert (tree["value"], tree["seen"]) == (True, 3)


def warnings_follow_from_what_the_action_may_cause() -> None:
    """A circle, a property that the event never has, and no reach to friends."""
    again = a_rule("stamp_given", [{"give_stamp": "coffee"}], match={"colour": "red"})
    catalog = a_catalog({"again": again}, **{"stamp-cards": CARDS})
    colour, circle = sentences(warn("again", catalog))
    assert colour.startswith("when.match.colour: stamp_given has no such property")
    assert circle == "may wake itself again: again -> again"
    assert ("rules", "again") not in reach.causes(catalog)


def the_document_has_its_paths_and_schemas() -> None:
    """In the API, its contract, and the order of an export."""
    assert kinds.PATH_NAMES["stamp-cards"] == "card"
    assert normal_body(kinds.KINDS["stamp-cards"], {"name": "x"}) == {"name": "x", "size": 10}
    paths = {"/v1/accounts/{account}/stamp-cards", "/v1/accounts/{account}/stamp-cards/{card}"}
    assert paths <= set(app.app.routes)
    text = json.dumps(openapi.document(contract.declared(app.app.routes)))
    assert "give_stamp" in text
    assert '"stamps": {"type": "object"' in text


def what_is_no_document_has_a_name() -> None:
    """A name of the toy's own kind is there or not, and the nearest one is proposed."""
    wanted = [Reference("design", "stamp-designs", name) for name in ("blossom", "blosom")]
    (missing,) = unresolved(wanted, a_catalog())
    assert "blossom" in str(missing.reason)


def the_route_is_served_and_declared() -> None:
    """Among the app's routes, and in the contract with the role that it needs."""
    path = "/v1/accounts/{account}/stamps-printed"
    assert set(app.app.routes[path]) == {"GET"}
    document = openapi.document(contract.declared(app.app.routes))
    assert document["paths"][path]["get"]["summary"] == "How many cards were printed"


def an_erasure_asks_the_keeper() -> None:
    """With every other one, whoever comes first."""
    keepers.OWNERS["U1"] = "coffee"
    assert KEEPERS["stamp_owners"].places == ("STAMPS#…",)
    assert len(KEEPERS) > 5
    KEEPERS["stamp_owners"].forget(None, "U1", "2026-01-01T00:00:00.000Z")
    assert not keepers.OWNERS


def the_job_runs_and_is_retried_as_often_as_it_says() -> None:
    """Three attempts in all, each later than the one before."""
    sent: list[tuple[dict[str, Any], int]] = []
    queues.send = lambda _queue, body, *, delay_s=0, **_more: sent.append((body, delay_s))  # type: ignore[assignment]
    jobs.carry_out({"job": "print_card", "card": "coffee"}, 1)
    assert PRINTED == ["coffee"]
    body: dict[str, Any] = {"job": "print_card", "card": "jammed"}
    for delay in (10, 20):
        jobs.carry_out(body, 1)
        body, waited = sent.pop()
        assert waited == delay
    with pytest.raises(jobs.NotDone):
        jobs.carry_out(body, 1)


def what_is_due_travels_together_and_wakes_its_owner() -> None:
    """By the queue that it names."""
    entries = [Entry("shop", "card_expiry", f"c{n}", 1, NOW) for n in range(3)]
    ((queue, message),) = plan.messages([Slot(entry, NOW) for entry in entries], NOW - timedelta(minutes=1))
    assert (queue, len(message.body["entries"])) == ("bulk", 3)
    assert DUE["card_expiry"].has_moved_on(entries) == [False, False, False]
    waking.wake(message.body)
    assert due.EXPIRED == ["c0", "c1", "c2"]


def a_reason_and_a_status_have_characters_of_their_own() -> None:
    """And are counted."""
    assert deliveries.outcome_of(deliveries.letter("skipped", "card_full")) == ("skipped", "card_full")
    status = deliveries.Status("0", "push", 3, "done", chars="aFP")
    totals = deliveries.sum_up([status])
    assert (totals["accepted"], totals["skipped"], totals["printed"]) == (1, {"card_full": 1}, 1)


def whoever_comes_to_the_place_goes_on() -> None:
    """To where the place says, with what stands behind it and in the query."""
    place, rest = entry.find_place("/stamps/coffee")
    shop = Account("shop", "店", "Asia/Tokyo", 1)
    visit = places.Visit(shop, "U1", rest, entry.params("size=5"), "ticket")
    assert place.enter(visit) == "https://shop.example/stamps/coffee?size=5"


def a_question_of_the_type_is_asked_and_answered() -> None:
    """In the chat, and by the field of a page; as a document it is one of the contract's types."""
    question = {"id": "wish", "text": "いくつ？", "type": "hearts", "required": True}
    chat = Chat({"name": "希望", "questions": [question], "then": []})
    chat.say("診断")
    chat.say("みっつ")
    assert chat.waiting == "wish"
    chat.say("♥♥♥")
    assert chat.answers == {"wish": 3}
    wish = Question("wish", "いくつ？", "hearts", required=True)
    assert fields.read(wish, ["♥♥"], TOKYO) == (2, None)
    assert fields.read(wish, ["2"], TOKYO) == (None, Reason("field_unread"))
    assert '"hearts"' in json.dumps(openapi.document(contract.declared(app.app.routes)))


TRIALS = (
    the_action_runs_and_its_trigger_wakes_a_rule_whose_condition_asks_the_leaf,
    what_cannot_work_is_refused,
    the_leaf_explains_itself,
    warnings_follow_from_what_the_action_may_cause,
    the_document_has_its_paths_and_schemas,
    what_is_no_document_has_a_name,
    the_route_is_served_and_declared,
    an_erasure_asks_the_keeper,
    the_job_runs_and_is_retried_as_often_as_it_says,
    what_is_due_travels_together_and_wakes_its_owner,
    a_reason_and_a_status_have_characters_of_their_own,
    whoever_comes_to_the_place_goes_on,
    a_question_of_the_type_is_asked_and_answered,
)

if __name__ == "__main__":
    for trial in TRIALS:
        trial()
        print(trial.__name__)
