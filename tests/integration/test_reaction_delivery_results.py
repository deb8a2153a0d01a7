"""Pushes of reactions that came to nothing: told on the friend, on the rule, once."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.accounts.service import get_account
from chalicelib.deliveries import service as deliveries
from chalicelib.friends import store
from chalicelib.gateways import line, queues
from chalicelib.jobs.kinds import JOBS
from chalicelib.reaction import delivery_results, service
from chalicelib.shared.errors import Unavailable
from tests.api_client import Api
from tests.conftest import drain
from tests.integration.test_reaction_effects import A, Line, a_rule, activities, api, effect, world
from tests.reaction_builders import an_event
from tests.reasons_checked import words

__all__ = ["api", "world"]

ALL_DAY = {"quiet_hours": {"from": "00:00", "to": "23:59", "then": "skip"}}


def send_all() -> list[dict[str, Any]]:
    """Work off the queue of sends; returns the jobs that this has asked for."""
    for body in drain("sends"):
        deliveries.send_now(body["account"], body["run"], body["chunk"])
    return [body for body in drain("bulk") if body["job"] == "outcome"]


def report_all(jobs: list[dict[str, Any]]) -> None:
    for job in jobs:
        delivery_results.report(job["account"], job["run"], job["chunk"])


def trouble(api: Api) -> list[tuple[str, int, str]]:
    lines = api.ok("GET", f"{A}/rules/r/health")["trouble"]
    return [(one["status"], one["n"], words(one)) for one in lines]


def test_what_quiet_hours_keep_back_is_no_done(api: Api, world: Line) -> None:
    """The effect says skipped and why, the rule counts it, however often it is told."""
    api.ok("PUT", f"{A}/policies/default", ALL_DAY)
    api.ok(
        "PUT",
        f"{A}/rules/r",
        a_rule({"add_score": {"score": "heat", "points": 1}}, {"send": {"message": "hi"}}),
    )
    service.react(an_event(text="x"))
    service.react(an_event(text="x"))
    assert send_all() == []
    assert (effect()["status"], words(effect())) == ("skipped", "quiet_hours")
    assert trouble(api) == [("skipped", 1, "send: quiet_hours")]
    assert "line:push" not in world.named()


def test_what_line_refuses_is_failed(api: Api, world: Line) -> None:
    """A refused push stands with LINE's reason; the same for one that took a refused reply's place."""
    api.ok("PUT", f"{A}/rules/r", a_rule({"reply": {"message": "hi", "push_fallback": True}}))
    world.answers["line:reply"] = [line.Answer(400, "Invalid reply token")]
    world.answers["line:push"] = [line.Answer(400, "May not be empty")]
    service.react(an_event(text="x"))
    report_all(send_all())
    assert (effect()["status"], effect()["via"]) == ("failed", "push")
    assert trouble(api)[0][:2] == ("failed", 1)


def test_what_line_takes_asks_for_nothing(api: Api, world: Line) -> None:
    """The ordinary push costs no job."""
    api.ok("PUT", f"{A}/rules/r", a_rule({"send": {"message": "hi"}}))
    service.react(an_event(text="x"))
    assert send_all() == []
    assert effect()["status"] == "done"


def test_a_notice_to_staff_that_fails_is_reported_too(api: Api, world: Line) -> None:
    """The recipient is another one; the activity is the friend's."""
    api.ok("PUT", f"{A}/rules/r", a_rule({"notify": {"to": "C" + "0" * 32, "text": "x"}}))
    world.answers["line:push"] = [line.Answer(400, "no such group")]
    service.react(an_event(text="x"))
    report_all(send_all())
    assert effect()["status"] == "failed"


def test_it_waits_for_the_reaction(api: Api, world: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """The send worker may be quicker than the activity: the job comes again."""
    world.answers["line:push"] = [line.Answer(400, "May not be empty")]
    api.ok("PUT", f"{A}/rules/r", a_rule({"send": {"message": "hi"}}))
    with monkeypatch.context() as cut:
        cut.setattr(activities, "replace_failed", lambda _: (_ for _ in ()).throw(RuntimeError("cut off")))
        with pytest.raises(RuntimeError):
            service.react(an_event(text="x"))
    jobs = send_all()
    with pytest.raises(Unavailable):
        report_all(jobs)
    service.react(an_event(text="x"))
    report_all(jobs)
    assert effect()["status"] == "failed"


def cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reaction has put its push in the ledger and dies before its activity stands."""
    with monkeypatch.context() as cut:
        cut.setattr(activities, "replace_failed", lambda _: (_ for _ in ()).throw(RuntimeError("cut off")))
        with pytest.raises(RuntimeError):
            service.react(an_event(text="x"))


def test_of_a_friend_who_was_erased_nothing_is_reported(
    api: Api, world: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job ends: it does not come again, and nothing goes to the dead letters."""
    world.answers["line:push"] = [line.Answer(400, "May not be empty")]
    api.ok("PUT", f"{A}/rules/r", a_rule({"send": {"message": "hi"}}))
    cut_off(monkeypatch)
    (job,) = send_all()
    shop = get_account("shop")
    assert store.erase(shop.id, shop.shards, "U1", an_event(minutes=1).at)
    JOBS["outcome"].run(job, 1)
    assert drain("bulk") == []
    assert trouble(api) == []


def test_an_event_that_is_never_stored_is_reported_on_the_rule(
    api: Api, world: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its event is among the dead letters: after twelve tries the rule counts it, and that is the end."""
    world.answers["line:push"] = [line.Answer(400, "May not be empty")]
    api.ok("PUT", f"{A}/rules/r", a_rule({"send": {"message": "hi"}}))
    cut_off(monkeypatch)
    service.give_up(an_event(text="x"), "poison")
    jobs_, delays = send_all(), []
    monkeypatch.setattr(
        queues, "send", lambda _queue, body, delay_s=0: (jobs_.append(body), delays.append(delay_s))
    )
    for job in jobs_:
        JOBS["outcome"].run(job, 1)
    assert len(jobs_) == 12
    assert max(delays) == queues.MAX_DELAY_S
    assert trouble(api) == [("failed", 1, "line_400")]
