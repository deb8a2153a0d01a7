"""Effects beside messages: the loading indicator, rich menus, metrics, daily caps of points, kept secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.catalog import service as catalog
from chalicelib.friends import store
from chalicelib.gateways import aws, line, seam
from chalicelib.jobs.kinds import JOBS
from chalicelib.reaction import service
from chalicelib.reaction.effects.service import Unfinished
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.timeline import service as activities
from tests.api_client import Api, a_key, an_account, an_api
from tests.conftest import drain
from tests.reaction_builders import NOW, an_event
from tests.reasons_checked import words

A = "/v1/accounts/shop"
MENU = "richmenu-0123456789abcdef"


class Line:
    """Answers LINE's calls and other systems', and remembers them."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.answers: dict[str, list[Any]] = {}

    def __call__(self, name: str, detail: Any, call: Any) -> Any:
        if name == "clock:now":
            return NOW
        if not name.startswith(("line:", "web:")):
            return call()
        self.calls.append((name, detail))
        answers = self.answers.get(name) or []
        answer = answers.pop(0) if answers else 200 if name == "web:post" else line.Answer(200)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def named(self) -> list[str]:
        return [name for name, _ in self.calls]


@pytest.fixture
def world(cloud: None) -> Iterator[Line]:
    world = Line()
    with seam.guarded(world):
        yield world


@pytest.fixture
def api(world: Line) -> Api:
    api = an_api()
    an_account(api)
    api.ok("PUT", f"{A}/messages/hi", {"name": "hi", "messages": [{"type": "text", "text": "やあ"}]})
    api.ok("PUT", f"{A}/rich-menus/member", {"name": "会員", "rich_menu_id": MENU})
    api.ok("PUT", f"{A}/scores/heat", {"name": "heat"})
    return api


def a_rule(*then: dict[str, Any], event: str = "messaged", enabled: bool = True) -> dict[str, Any]:
    return {"name": "r", "enabled": enabled, "when": {"event": event}, "then": list(then)}


def effect(event_id: str = "e1", index: int = 0) -> dict[str, Any]:
    activity = activities.find("shop", "U1", event_id)
    assert activity is not None
    found: dict[str, Any] = activity["effects"][index]
    return found


def test_a_plain_reply_is_one_call(api: Api, world: Line) -> None:
    """Nobody is shown an indicator that the answer would take away at once."""
    api.ok("PUT", f"{A}/rules/r", a_rule({"reply": {"message": "hi"}}))
    service.react(an_event(text="x"))
    assert world.named() == ["line:reply"]


def test_the_indicator_is_shown_while_another_system_answers(api: Api, world: Line) -> None:
    """After the replies, once, for the longest time asked; where nobody waits in the chat, not at all."""
    call = {"call_webhook": {"url": "https://ai.example/answer", "loading": 20}}
    api.ok(
        "PUT",
        f"{A}/rules/r",
        a_rule({"reply": {"message": "hi"}}, call, {"send": {"message": "hi", "loading": 5}}),
    )
    service.react(an_event(text="x"))
    assert world.named() == ["line:reply", "line:loading"]
    assert world.calls[1][1]["body"] == {"chatId": "U1", "loadingSeconds": 20}
    assert effect(index=1)["loading"] == "loading_shown"
    api.ok("PUT", f"{A}/rules/r", a_rule(call, event="purchased"))
    service.react(an_event("purchased", id="p", amount=1))
    assert len(world.calls) == 2
    assert api.paths(400, "PUT", f"{A}/rules/r", a_rule({"send": {"message": "hi", "loading": 7}}))


@pytest.mark.parametrize("trouble", [line.Answer(500), line.NoAnswer("timeout"), RuntimeError("x")])
def test_an_indicator_that_fails_changes_nothing(api: Api, world: Line, trouble: Any) -> None:
    """The send goes out, the event is complete, the timeline says that nothing was shown."""
    api.ok("PUT", f"{A}/rules/r", a_rule({"send": {"message": "hi", "loading": 20}}))
    world.answers["line:loading"] = [trouble]
    service.react(an_event(text="x"))
    assert effect()["status"] == "done"
    assert str(Reason.of(effect()["loading"])).startswith("not shown")
    assert len(drain("sends")) == 1


def test_a_rich_menu_is_linked(api: Api, world: Line) -> None:
    """One call naming friend and menu; LINE's refusal is told; LINE's trouble is tried again."""
    api.ok("PUT", f"{A}/rules/r", a_rule({"switch_rich_menu": "member"}))
    service.react(an_event(text="x"))
    assert [detail["path"] for _, detail in world.calls] == [f"/v2/bot/user/U1/richmenu/{MENU}"]
    assert effect()["status"] == "done"
    world.answers["line:richmenu"] = [line.Answer(404, "richmenu not found")]
    service.react(an_event(text="x", id="e2"))
    assert (effect("e2")["status"], words(effect("e2"))) == (
        "failed",
        "LINE answered 404: richmenu not found",
    )
    world.answers["line:richmenu"] = [line.Answer(500), line.NoAnswer("x"), line.Answer(200)]
    for _ in range(2):
        with pytest.raises(Unfinished):
            service.react(an_event(text="x", id="e3"))
    service.react(an_event(text="x", id="e3"))
    assert effect("e3")["status"] == "done"


def test_a_rich_menu_without_an_id_is_refused(api: Api) -> None:
    """A rule cannot link what LINE does not have; a menu that a rule links keeps its id."""
    api.ok("PUT", f"{A}/rich-menus/draft", {"name": "下書き"})
    path = ["then[0].switch_rich_menu"]
    assert api.paths(422, "PUT", f"{A}/rules/r", a_rule({"switch_rich_menu": "draft"})) == path
    assert api.paths(422, "PUT", f"{A}/rules/r", a_rule({"switch_rich_menu": "nope"})) == path
    api.ok("PUT", f"{A}/rules/r", a_rule({"switch_rich_menu": "member"}))
    api.refused(422, "PUT", f"{A}/rich-menus/member", {"name": "会員"})
    api.refused(422, "DELETE", f"{A}/rich-menus/member")


def test_what_did_not_happen_is_a_metric(api: Api, world: Line, capsys: pytest.CaptureFixture[str]) -> None:
    """One line in CloudWatch's embedded format, per account and rule; nothing when all is well."""
    api.ok("PUT", f"{A}/rules/r", a_rule({"switch_rich_menu": "member"}))
    capsys.readouterr()
    service.react(an_event(text="x"))
    assert "_aws" not in capsys.readouterr().out
    world.answers["line:richmenu"] = [line.Answer(404)]
    service.react(an_event(text="x", id="e2"))
    lines = [json.loads(text) for text in capsys.readouterr().out.splitlines() if '"_aws"' in text]
    (metric,) = lines
    assert (metric["EffectsFailed"], metric["account"], metric["rule"]) == ([1.0], "shop", "r")
    (definition,) = metric["_aws"]["CloudWatchMetrics"]
    assert definition["Dimensions"] == [["stage"], ["stage", "account"], ["stage", "account", "rule"]]
    assert "U1" not in json.dumps(metric)


def test_points_of_a_day_have_a_limit(api: Api, world: Line) -> None:
    """``max_per_day`` per friend, action's rule and local day; what was cut off is told."""
    then = {"add_score": {"score": "heat", "points": 4, "max_per_day": 10}}
    api.ok("PUT", f"{A}/rules/r", a_rule(then))
    for n in range(4):
        service.react(an_event(text="x", id=f"e{n}", minutes=n))
    sheet = store.load("shop", 64, "U1")
    assert sheet is not None
    assert sheet["scores"]["heat"]["value"] == 10
    cut = [activities.find("shop", "U1", f"e{n}")["changes"] for n in (2, 3)]  # type: ignore[index]
    assert [c[0]["added"] for c in cut] == [2, 0]
    service.react(an_event(text="x", id="tomorrow", minutes=13 * 60))
    sheet = store.load("shop", 64, "U1")
    assert sheet is not None
    assert sheet["scores"]["heat"]["value"] == 14


def test_the_sum_of_changes_explains_a_score(api: Api, world: Line) -> None:
    """Every change stands on the timeline with its before and after; together they are the value."""
    api.ok("PUT", f"{A}/rules/r", a_rule({"add_score": {"score": "heat", "points": 4}}))
    for n in (3, 1, 2):
        service.react(an_event(text="x", id=f"e{n}", minutes=n))
    api.ok("PATCH", f"{A}/friends/U1", {"scores": {"add": {"heat": -5}}})
    from chalicelib.shared.events import FriendEvent

    for body in drain("inbox"):
        service.react(FriendEvent.from_message(body))
    found, _ = activities.recent("shop", "U1", 50, consistent=True)
    changes = [c for a in found for c in a["changes"] if c["type"] == "score_changed"]
    assert (
        sum(c["after"] - c["before"] for c in changes)
        == api.ok("GET", f"{A}/friends/U1")["scores"]["heat"]["value"]
        == 7
    )
    assert {c["by"] for c in changes} == {
        "rule:r",
        next(c["by"] for c in changes if c["by"].startswith("key:")),
    }


SECRET = {"call_webhook": {"url": "https://crm.example/hook", "secret": "s3cret-words"}}


def everything_stored() -> str:
    """Every table, as text."""
    client = aws.client("dynamodb")
    tables = client.list_tables()["TableNames"]
    return json.dumps([client.scan(TableName=table)["Items"] for table in tables], default=str)


def test_a_secret_is_in_the_secret_store_only(api: Api, world: Line) -> None:
    """Not in any table, answer, revision, export or plan; an editor may save what a viewer reads."""
    saved = api.ok("PUT", f"{A}/rules/r", a_rule(SECRET))
    reference = saved["then"][0]["call_webhook"]["secret"]
    assert reference.startswith("secret:")
    viewer = a_key(api, "viewer", "shop")
    read = viewer.ok("GET", f"{A}/rules/r")
    assert read["then"][0]["call_webhook"]["secret"] == reference
    answers = [
        read,
        viewer.ok("GET", f"{A}/rules/r/revisions"),
        api.ok(
            "POST",
            f"{A}/catalog/apply",
            {"rules": {"r": a_rule(SECRET), "s": a_rule(SECRET)}},
            idempotency_key="k",
        ),
        api.ok("POST", f"{A}/catalog/plan", {"rules": {"r": a_rule(SECRET)}}),
        viewer.ok("GET", f"{A}/catalog/export"),
    ]
    assert "s3cret" not in json.dumps(answers)
    service.react(an_event(text="x"))
    assert "s3cret" not in everything_stored()
    for body in drain("bulk"):
        assert "s3cret" not in json.dumps(body)
        if body["job"] == "post":
            JOBS["post"].run(body, 1)
    signatures = [d["headers"].get("X-Todoku-Signature") for name, d in world.calls if name == "web:post"]
    assert len(signatures) == 2
    assert all(signatures)


def lose_secrets(account: str) -> None:
    """Whatever the secret store keeps for an account's documents is gone."""
    ssm, path = aws.client("ssm"), f"/todoku/{settings().stage}/{account}/secrets"
    for parameter in ssm.get_parameters_by_path(Path=path, Recursive=True)["Parameters"]:
        ssm.delete_parameter(Name=parameter["Name"])


def test_saving_a_reference_keeps_the_secret(api: Api) -> None:
    """What was read is put back: the same reference, and applying it again changes nothing."""
    first = api.ok("PUT", f"{A}/rules/r", a_rule(SECRET))
    second = api.ok("PUT", f"{A}/rules/r", first | {"name": "renamed"})
    assert second["then"] == first["then"]
    bundle = api.ok("GET", f"{A}/catalog/export")
    assert api.ok("POST", f"{A}/catalog/apply", bundle)["changes"] == []


def test_a_reference_is_bound_to_its_document_and_origin(api: Api) -> None:
    """Nobody has another document's secret, or this one's, sign what goes to a host of their choice."""
    kept = api.ok("PUT", f"{A}/rules/r", a_rule(SECRET, enabled=False))["then"][0]["call_webhook"]
    api.ok("PUT", f"{A}/rules/s", a_rule({"call_webhook": {**kept, "secret": "other"}}, enabled=False))
    where = "then[0].call_webhook.secret"

    def paths(rule: str, call: dict[str, Any]) -> list[str]:
        bundled = {"rules": {rule: a_rule({"call_webhook": call}, enabled=False)}}
        for verb in ("plan", "apply"):
            assert api.paths(422, "POST", f"{A}/catalog/{verb}", bundled) == [f"rules.{rule}.{where}"]
        return api.paths(422, "PUT", f"{A}/rules/{rule}", bundled["rules"][rule])

    for url in ("https://evil.example/", "https://crm.example:8443/", "https://crm.example.evil.example/"):
        assert paths("r", {**kept, "url": url}) == [where]
    for rule in ("s", "new"):
        assert paths(rule, kept) == [where]
    assert paths("r", {**kept, "secret": "secret:01ARZ3NDEKTSV4RRFFQ69G5FAV"}) == [where]
    for url in (kept["url"] + "/elsewhere?x=1", "https://CRM.example:443/"):
        api.ok("PUT", f"{A}/rules/r", a_rule({"call_webhook": {**kept, "url": url}}, enabled=False))
    api.ok("DELETE", f"{A}/rules/r")
    assert paths("r", kept) == [where]
    fresh = {"url": "https://evil.example/", "secret": "of their own"}
    api.ok("PUT", f"{A}/rules/r", a_rule({"call_webhook": fresh}, enabled=False))


def test_a_scenario_keeps_its_secret_when_it_is_published(api: Api) -> None:
    """What friends follow names the draft's own secret; the next draft may keep it, another one may not."""
    nodes = {"a": {"type": "action", "then": [SECRET]}}
    draft = {"name": "w", "start": "a", "nodes": nodes}
    saved = api.ok("PUT", f"{A}/scenarios/w", draft)
    api.ok("POST", f"{A}/scenarios/w/publish", {})
    nodes["a"]["then"] = saved["nodes"]["a"]["then"]
    api.ok("PUT", f"{A}/scenarios/w", {**draft, "name": "again"})
    api.ok("POST", f"{A}/scenarios/w/publish", {})
    path = "nodes.a.then[0].call_webhook.secret"
    assert api.paths(422, "PUT", f"{A}/scenarios/other", draft) == [path]


def test_an_export_applies_to_an_empty_account_once_secrets_are_written(api: Api, world: Line) -> None:
    """Secrets do not travel: the copy says where one is needed. When one is lost, the rule's health says so
    and no call is made unsigned."""
    api.ok("PUT", f"{A}/rules/r", a_rule(SECRET))
    assert api.ok("GET", f"{A}/rules/r/health")["warnings"] == []
    other = an_account(api, "branch")
    bundle = api.ok("GET", f"{A}/catalog/export")
    path = "rules.r.then[0].call_webhook.secret"
    assert api.paths(422, "POST", f"{other}/catalog/apply", bundle) == [path]
    bundle["rules"]["r"]["then"] = [SECRET]
    api.ok("POST", f"{other}/catalog/apply", bundle)
    lose_secrets("branch")
    assert "secret" in api.ok("GET", f"{other}/rules/r/health")["warnings"][0]
    reference = catalog.snapshot("branch").get("rules", "r").body["then"][0]["call_webhook"]["secret"]
    service.react(replace(an_event(text="x"), account_id="branch"))
    bodies = [body for body in drain("bulk") if body["job"] == "post"]
    assert [body["secret"] for body in bodies] == [reference]
    JOBS["post"].run(bodies[0], 1)
    assert world.calls == []
    for body in drain("bulk"):
        JOBS["call_outcome"].run(body, 1)
    (effect,) = (activities.find("branch", "U1", "e1") or {})["effects"]
    assert effect["status"] == "failed"
    assert "secret store" in words(effect)
    assert "secret store" in words(api.ok("GET", f"{other}/rules/r/health")["trouble"][0])
    api.ok("PUT", f"{other}/rules/r", a_rule(SECRET))
    assert api.ok("GET", f"{other}/rules/r/health")["warnings"] == []


def test_a_refused_save_keeps_no_secret(api: Api) -> None:
    """The secret store gets nothing from a document that does not stand."""
    api.refused(422, "PUT", f"{A}/rules/r", a_rule(SECRET, {"add_tag": "nope"}))
    kept = aws.client("ssm").get_parameters_by_path(
        Path=f"/todoku/{settings().stage}/shop/secrets", Recursive=True
    )
    assert kept["Parameters"] == []
