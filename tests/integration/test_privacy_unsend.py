"""What was taken back, or belongs to somebody who was erased, stands nowhere, in whatever order it comes."""

from __future__ import annotations

import io
import json
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.accounts.service import get_account
from chalicelib.conversations import contents
from chalicelib.deliveries import service as deliveries
from chalicelib.deliveries.model import Chunk
from chalicelib.friends import store
from chalicelib.gateways import aws, line, objects, queues, seam
from chalicelib.jobs.kinds import JOBS
from chalicelib.privacy import erasure
from chalicelib.privacy import service as privacy
from chalicelib.reaction import service
from chalicelib.rules import health
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.timeline import service as activities
from tests.api_client import Api, an_account, an_api
from tests.conftest import drain
from tests.laptop import both_stores, laptop_store
from tests.reaction_builders import NOW, an_event
from tests.reasons_checked import words

__all__ = ["both_stores", "laptop_store"]

SECRET = "暗証番号は9871です"
STAFF = "C0123456789abcdef0123456789abcdef"
MESSAGES = "/v1/accounts/shop/friends/U1/messages"


@pytest.fixture
def api(cloud: None) -> Iterator[Api]:
    """An account whose rules echo, send, notify, keep and count what was said."""

    def outside(name: str, detail: Any, call: Any) -> Any:
        if name == "clock:now":
            return NOW
        if name == "line:content":
            return line.Content(200, "image/png", io.BytesIO(b"png"))
        if name.startswith("line:"):
            return line.Answer(200, request_id="r") if name != "line:profile" else None
        return call()

    with seam.guarded(outside):
        api = an_api()
        base = an_account(api)
        for name, text in {
            "echo": "「{{ event.text }}」ですね",
            "part": "{{ event.text | truncate(8) | upper }}",
        }.items():
            body = {"name": name, "messages": [{"type": "text", "text": text}]}
            api.ok("PUT", f"{base}/messages/{name}", body)
        api.ok("PUT", f"{base}/attributes/age", {"name": "age", "type": "number"})
        rule = {"name": "echo", "when": {"event": "messaged", "match": {"message_type": "text"}}}
        then = [
            {"reply": {"message": "echo"}},
            {"send": {"message": "echo"}},
            {"send": {"message": "part"}},
            {"notify": {"to": STAFF, "text": "{{ event.text }}"}},
            {"set_attribute": {"attribute": "age", "value": "{{ event.text }}"}},
        ]
        api.ok("PUT", f"{base}/rules/echo", rule | {"then": then})
        yield api


def wrote(**more: Any) -> Any:
    """The friend's message."""
    return an_event(id="wrote", text=SECRET, raw={"id": "m-wrote", "text": SECRET}, **more)


def unsent(minutes: float = 1, message: str = "m-wrote") -> Any:
    """The friend takes it back."""
    return an_event("unsent", id=f"un-{message}", minutes=minutes, message_id=message)


def send_all() -> None:
    """The send worker has done what waits."""
    for body in drain("sends"):
        deliveries.send_now(body["account"], body["run"], body["chunk"])


def jobs_done(*names: str) -> list[dict[str, Any]]:
    """Run the bulk jobs of these names that are visible now; returns them."""
    found = [body for body in drain("bulk") if body["job"] in names]
    for body in found:
        JOBS[body["job"]].run(body, 1)
    return found


def everything() -> str:
    """Every item of every table, as text."""
    tables = ["friends", "activities", "ledger", "metrics", "broadcasts", "enrollments", "timers"]
    items = [aws.client("dynamodb").scan(TableName=settings().table(name))["Items"] for name in tables]
    return json.dumps(items, ensure_ascii=False)


def test_nothing_is_left_of_what_was_taken_back(api: Api) -> None:
    """Not on the timeline, the sheet, the ledger (to the friend and to staff), nor beside the rule."""
    service.react(wrote())
    assert everything().count(SECRET) > 5
    send_all()
    service.react(unsent())
    jobs_done("forget_sent", "forget_content")
    left = everything()
    assert SECRET not in left
    assert "暗証番号は9" not in left
    (trouble,) = health.read("shop", "echo", 7)
    assert words(trouble) == "set_attribute: the value does not fit attributes.age"
    lines_ = api.ok("GET", MESSAGES)["items"]
    assert [item["direction"] for item in lines_] == ["out", "out", "out", "in"]
    assert [item["status"] for item in lines_[:3]] == ["accepted"] * 3


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("minutes", [0.1, 60 * 24 * 14])
def test_a_message_that_comes_after_its_unsending_says_nothing(api: Api, known: bool, minutes: float) -> None:
    """However late it is delivered: it is there and counts, nobody answers it, its text is kept nowhere."""
    if known:
        service.react(an_event("followed", is_unblocked=False, minutes=-60))
    service.react(unsent(minutes=0.1))
    drain("bulk")
    if minutes > 1:
        service.react(an_event("unsent", id="other", minutes=minutes, message_id="m-other"))
        drain("bulk")
    service.react(wrote())
    assert SECRET not in everything()
    activity = activities.find("shop", "U1", "wrote")
    assert activity is not None
    assert activity["props"]["unsent_at"] == unsent(minutes=0.1).at
    assert (activity["rules"], activity["effects"]) == ([], [])
    assert api.ok("GET", MESSAGES)["items"][0]["unsent_at"]
    sheet = store.load("shop", 64, "U1")
    assert sheet is not None
    assert sheet["facts"]["messaged"]["count"] == 1
    service.react(wrote())
    assert SECRET not in everything()


def test_a_picture_that_comes_after_its_unsending_is_not_fetched(api: Api) -> None:
    """Neither now nor by a job that was on its way."""
    service.react(unsent(message="m-img"))
    jobs_done("forget_content")
    service.react(an_event(id="i", message_type="image", message_id="m-img"))
    assert jobs_done("content") == []
    contents.fetch("shop", "U1", "m-img", "image")
    assert objects.find(contents.object_key("shop", "U1", "m-img")) is None
    api.refused(404, "GET", f"{MESSAGES}/m-img/content")


def test_ordinary_messages_read_no_more_for_it(api: Api) -> None:
    """The sheet and the activity: two reads, whether or not something was taken back before."""
    for prepare in ([], [unsent(message="m-else")]):
        for event in prepare:
            service.react(event)
        reads: list[str] = []

        def count(name: str, detail: Any, call: Any, reads: list[str] = reads) -> Any:
            if name.startswith("dynamodb:") and any(word in name for word in ("Get", "Query")):
                reads.append(name)
            return NOW if name == "clock:now" else line.Answer(200) if name.startswith("line:") else call()

        account = get_account("shop")
        program = service.program_for(account)
        event = an_event("postback", id=f"e{len(prepare)}", minutes=5, data="x")
        with seam.guarded(count):
            service.react(event, account, program)
        assert len(reads) == 2, reads


def test_a_reaction_that_was_cut_off_is_finished_without_the_text(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decided on, sent, no activity yet; taken back; then it comes again: nothing of it stays."""

    def dies(activity: dict[str, Any]) -> bool:
        if activity["event_id"] == "wrote":
            raise Unavailable(Reason("outage"))
        return kept(activity)

    kept = activities.replace_failed
    monkeypatch.setattr(activities, "replace_failed", dies)
    with pytest.raises(Unavailable):
        service.react(wrote())
    send_all()
    service.react(unsent())
    sheet = store.load("shop", 64, "U1")
    assert sheet is not None
    assert SECRET not in json.dumps(sheet, ensure_ascii=False, default=str)
    monkeypatch.setattr(activities, "replace_failed", kept)
    service.react(wrote())
    jobs_done("forget_sent")
    assert SECRET not in everything()
    assert "暗証番号は9" not in everything()


def test_a_message_that_failed_for_good_leaves_no_text_either(api: Api) -> None:
    """Taken back before or after it went to the dead letters; redriven it says nothing."""
    service.give_up(wrote(), "poison")
    assert SECRET in everything()
    service.react(unsent())
    assert SECRET not in everything()
    service.give_up(wrote(), "poison")
    service.react(wrote())
    assert SECRET not in everything()
    service.react(unsent(message="m-late"))
    service.give_up(an_event(id="late", text=SECRET), "poison")
    assert SECRET not in everything()


def test_one_that_is_being_worked_on_is_looked_for_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker has decided on the message and puts its activity after the unsending was done."""
    sent: list[tuple[dict[str, Any], int]] = []
    monkeypatch.setattr(queues, "send", lambda _queue, body, delay_s=0: sent.append((body, delay_s)) or None)
    service.react(unsent())
    (again,) = [(body, delay) for body, delay in sent if body["job"] == "hide_message"]
    assert again[1] == 300
    at = wrote().at
    activity = {"account": "shop", "user_id": "U1", "event_id": "wrote", "type": "messaged", "at": at}
    activities.put(activity | {"props": wrote().props, "rules": [], "changes": [], "effects": []})
    JOBS["hide_message"].run(again[0], 1)
    assert SECRET not in everything()


def test_the_ledger_is_emptied_only_when_nothing_can_be_sent_from_it(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chunk on its way stays whole; the job comes again until it has come to its end."""
    service.react(wrote())
    service.react(unsent())
    (job,) = [body for body in drain("bulk") if body["job"] == "forget_sent"]
    delayed: list[tuple[dict[str, Any], int]] = []
    monkeypatch.setattr(
        queues, "send", lambda _queue, body, delay_s=0: delayed.append((body, delay_s)) or None
    )
    JOBS["forget_sent"].run(job, 1)
    assert len(delayed[0][0]["effects"]) == 3
    assert delayed[0][1] == 10
    monkeypatch.undo()
    pushed: list[Any] = []

    def outside(name: str, detail: Any, call: Any) -> Any:
        if name == "line:push":
            pushed.append(detail["body"]["messages"][0]["text"])
            return line.Answer(200)
        return NOW if name == "clock:now" else call()

    with seam.guarded(outside):
        send_all()
    assert f"「{SECRET}」ですね" in pushed
    JOBS["forget_sent"].run(delayed[0][0], 1)
    assert SECRET not in everything()
    assert privacy.forget_sent(delayed[0][0]) is None


def test_nothing_personal_is_left_of_who_was_erased(api: Api) -> None:
    """The ledger's own messages (rules, a personal broadcast) and the friend's name beside the rules."""
    service.react(an_event("followed", is_unblocked=False, minutes=-1))
    service.react(wrote())
    chunk = Chunk(
        account="shop",
        run="run-1",
        chunk="a-00000000",
        kind="push",
        recipients=["U1", "U2"],
        payloads={
            "U1": [{"type": "text", "text": "花子さん、" + SECRET}],
            "U2": [{"type": "text", "text": "太郎さん"}],
        },
        cause={"broadcast": "winter", "message": "news"},
    )
    deliveries.put_chunk(chunk, watch=False)
    send_all()
    jobs_done("receipts")
    assert SECRET in everything()
    api.ok("DELETE", "/v1/accounts/shop/friends/U1?erase=true")
    assert jobs_done("forget_sent")
    left = everything()
    assert SECRET not in left
    assert "花子" not in left
    assert "太郎" in left
    (trouble,) = health.read("shop", "echo", 7)
    assert (trouble["user_id"], trouble["n"]) == (None, 1)
    assert api.ok("GET", "/v1/accounts/shop/rules/echo/health?days=7")["trouble"][0]["user_id"] is None


def test_what_was_being_worked_on_when_a_friend_was_erased_goes_too(api: Api) -> None:
    """A line written after the erasure is taken by the second look; whoever came back keeps what is new."""
    service.react(wrote())
    assert erasure.erase(get_account("shop"), "U1", an_event(minutes=1).at)
    common = {"account": "shop", "user_id": "U1", "type": "messaged", "rules": [], "changes": []}
    activities.put(common | {"event_id": "late", "at": wrote().at, "props": wrote().props, "effects": []})
    service.react(an_event("followed", id="back", is_unblocked=False, minutes=2))
    JOBS["erase"].run({"account": "shop", "user": "U1", "at": an_event(minutes=1).at}, 1)
    assert activities.find("shop", "U1", "late") is None
    assert activities.find("shop", "U1", "back") is not None


def a_form(api: Api, *, first: str = "text") -> None:
    """Two questions, and thanks that say the first answer."""
    base = "/v1/accounts/shop"
    thanks = {"name": "thanks", "messages": [{"type": "text", "text": "{{ event.answers.q1 }}、了解です"}]}
    api.ok("PUT", f"{base}/messages/thanks", thanks)
    questions = [{"id": "q1", "text": "?", "type": first}, {"id": "q2", "text": "??", "type": "text"}]
    api.ok("PUT", f"{base}/forms/f", {"name": "f", "questions": questions})
    begin = {"name": "begin", "when": {"event": "followed"}, "then": [{"start_form": "f"}]}
    api.ok("PUT", f"{base}/rules/begin", begin)
    ended = {"name": "ended", "when": {"event": "form_answered"}, "then": [{"send": {"message": "thanks"}}]}
    api.ok("PUT", f"{base}/rules/ended", ended)


@pytest.mark.parametrize(("kind", "words"), [("text", SECRET), ("text", "は\u3099い"), ("number", "90210")])
def test_an_answer_that_was_taken_back_is_no_answer(api: Api, kind: str, words: str) -> None:
    """Not on the sheet, not where the form came to its end, not in what was said about it; others stay."""
    a_form(api, first=kind)
    service.react(an_event("followed", id="f", is_unblocked=False, minutes=-1))
    service.react(an_event(id="wrote", text=words))
    service.react(an_event(id="second", text="べつのこと", minutes=1))
    send_all()
    assert words in everything()
    service.react(unsent(minutes=2))
    jobs_done("forget_sent")
    assert words not in everything()
    assert unicodedata.normalize("NFC", words) not in everything()
    friend = api.ok("GET", "/v1/accounts/shop/friends/U1")
    assert friend["forms"]["f"]["answers"] == {"q2": "べつのこと"}
    activity = activities.find("shop", "U1", "second")
    assert activity is not None
    (ended,) = [change for change in activity["changes"] if change["type"] == "form_answered"]
    assert ended["props"]["answers"] == {"q1": "(unsent)", "q2": "べつのこと"}
    service.react(unsent(minutes=3, message="m-second"))
    jobs_done("forget_sent")
    assert "べつのこと" not in everything()
    assert api.ok("GET", "/v1/accounts/shop/friends/U1")["forms"]["f"]["answers"] == {}


def test_an_answer_that_was_given_anew_stays(api: Api) -> None:
    """The form was begun again and answered otherwise: only the first answer's traces go."""
    a_form(api)
    for n, first in enumerate((SECRET, "あたらしい")):
        service.react(an_event("followed", id=f"f{n}", is_unblocked=True, minutes=10 * n))
        service.react(an_event(id=f"wrote{n}", text=first, minutes=10 * n + 1))
        service.react(an_event(id=f"second{n}", text="べつのこと", minutes=10 * n + 2))
    send_all()
    service.react(unsent(minutes=30, message="m-wrote0"))
    jobs_done("forget_sent")
    assert SECRET not in everything()
    answers = api.ok("GET", "/v1/accounts/shop/friends/U1")["forms"]["f"]["answers"]
    assert answers == {"q1": "あたらしい", "q2": "べつのこと"}
    activity = activities.find("shop", "U1", "second1")
    assert activity is not None
    assert "あたらしい" in json.dumps(activity, ensure_ascii=False, default=str)


def test_an_end_that_still_waits_on_the_sheet_forgets_the_answer_too(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second answer's reaction cannot be finished; the first answer is taken back meanwhile."""
    a_form(api)
    service.react(an_event("followed", id="f", is_unblocked=False, minutes=-1))
    service.react(an_event(id="wrote", text="みじかい"))

    def dies(activity: dict[str, Any]) -> bool:
        if activity["event_id"] == "second":
            raise Unavailable(Reason("outage"))
        return kept(activity)

    kept = activities.replace_failed
    monkeypatch.setattr(activities, "replace_failed", dies)
    with pytest.raises(Unavailable):
        service.react(an_event(id="second", text="べつのこと", minutes=1))
    service.react(unsent(minutes=2))
    sheet = store.load("shop", 64, "U1")
    assert sheet is not None
    (waiting,) = [record for record in sheet["pending"].values() if record["event"]["type"] == "messaged"]
    (ended,) = [change for change in waiting["changes"] if change["type"] == "form_answered"]
    assert ended["props"]["answers"] == {"q1": "(unsent)", "q2": "べつのこと"}


def test_who_erased_is_known_before_anything_is_gone(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """An erasure that is cut off after its tombstone stands in the audit log."""
    service.react(an_event("followed", is_unblocked=False))

    def dies(*_: Any) -> None:
        raise Unavailable(Reason("outage"))

    monkeypatch.setattr(erasure, "finish", dies)
    api.refused(503, "DELETE", "/v1/accounts/shop/friends/U1?erase=true")
    api.refused(404, "DELETE", "/v1/accounts/shop/friends/U2?erase=true")
    entries = api.ok("GET", "/v1/accounts/shop/audit?action=erase")["items"]
    assert [(e["target"], e["status"]) for e in entries] == [("friends/U2", 404), ("friends/U1", 503)]
