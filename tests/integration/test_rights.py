"""Documents, from outside: what reaches friends is 403 to an editor, with the reason, and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.accounts.model import Principal
from chalicelib.api import rights
from chalicelib.broadcasts import service as service_of_broadcasts
from chalicelib.broadcasts import store as broadcasts
from chalicelib.catalog import service as catalog
from chalicelib.shared.errors import NotAllowed
from tests.api_client import Api
from tests.integration.test_reaction_effects import A, a_rule
from tests.rights_world import SAYS, SCENARIO, TEXT, api, editor, publisher, refused, world

__all__ = ["api", "editor", "publisher", "world"]


def test_rules(editor: Api, publisher: Api) -> None:
    """An editor drafts; a publisher puts in force, changes what is in force, and takes it out of force."""
    refused(editor, "PUT", "/rules/r", SAYS, "rules/r is in force and does send (then[0].send)")
    editor.ok("PUT", f"{A}/rules/r", {**SAYS, "enabled": False})
    publisher.ok("PUT", f"{A}/rules/r", SAYS)
    refused(editor, "PUT", "/rules/r", {**SAYS, "enabled": False}, "rules/r")
    refused(editor, "DELETE", "/rules/r")
    error = refused(editor, "PUT", "/messages/hello", {**TEXT, "category": "transactional"}, "rules/r")
    assert error["details"][0]["path"] == "messages.hello"
    refused(editor, "PUT", "/rules/tags", a_rule({"add_tag": "vip"}), "wakes rules/r")
    editor.ok("PUT", f"{A}/rules/scores", a_rule({"add_score": {"score": "heat", "points": 1}}))
    editor.ok("PUT", f"{A}/messages/other", TEXT)
    refused(editor, "PUT", "/policies/default", {"caps": []}, "policies/default")


def test_a_name_of_staffs_own_and_an_unchanged_document_are_editors(editor: Api, publisher: Api) -> None:
    """Putting back what was read, and calling it something else, reaches nobody."""
    publisher.ok("PUT", f"{A}/rules/r", SAYS)
    same = editor.ok("GET", f"{A}/rules/r")
    editor.ok("PUT", f"{A}/rules/r", same)
    editor.ok("PUT", f"{A}/rules/r", {**same, "name": "挨拶"})


def test_scenarios(editor: Api, publisher: Api) -> None:
    """Drafts are an editor's, also beside what is published; the messages of what is published are not."""
    editor.ok("PUT", f"{A}/scenarios/w", SCENARIO)
    editor.ok("PUT", f"{A}/messages/hello", {**TEXT, "name": "x"})
    editor.refused(403, "POST", f"{A}/scenarios/w/publish", {})
    publisher.ok("POST", f"{A}/scenarios/w/publish", {})
    editor.ok("PUT", f"{A}/scenarios/w", {**SCENARIO, "goals": [{"if": {"tag": "vip"}}]})
    refused(editor, "DELETE", "/scenarios/w", None, "scenarios/w")
    message = {"name": "m", "messages": [{"type": "text", "text": "other"}]}
    refused(editor, "PUT", "/messages/hello", message, "scenarios/w")
    refused(editor, "PUT", "/rules/r", a_rule({"enter_scenario": "w"}), "enter_scenario")


def test_a_scheduled_broadcast(editor: Api, publisher: Api) -> None:
    """An editor writes a draft; once it is scheduled, neither it nor what it uses is theirs."""
    editor.ok("PUT", f"{A}/segments/s", {"name": "s", "condition": {"tag": "vip"}})
    body = {"name": "b", "audience": {"segment": "s"}, "message": "hello"}
    editor.ok("PUT", f"{A}/broadcasts/b", body)
    editor.ok("PUT", f"{A}/segments/s", {"name": "s", "condition": {"tag": "quiet"}})
    publisher.ok("POST", f"{A}/broadcasts/b/schedule", {"at": "2026-11-23T00:00:00Z"})
    everyone = {**body, "audience": {"everyone": True}}
    refused(editor, "PUT", "/broadcasts/b", everyone, "broadcasts/b is scheduled")
    refused(editor, "PUT", "/segments/s", {"name": "s", "condition": {"everyone": True}}, "broadcasts/b")
    refused(editor, "PUT", "/messages/hello", {**TEXT, "category": "transactional"}, "broadcasts/b")
    publisher.ok("PUT", f"{A}/broadcasts/b", everyone)
    publisher.ok("POST", f"{A}/broadcasts/b/cancel", {})
    editor.ok("PUT", f"{A}/segments/s", {"name": "s", "condition": {"everyone": True}})


def test_an_edit_of_a_broadcast_that_is_scheduled_meanwhile_is_refused(
    editor: Api, publisher: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the editor's look and the write a publisher schedules it: the write does not happen."""
    body = {"name": "b", "audience": {"tag": "vip"}, "message": "hello"}
    editor.ok("PUT", f"{A}/broadcasts/b", body)
    edit = broadcasts.edit

    def late(*given: Any) -> bool:
        monkeypatch.setattr(broadcasts, "edit", edit)
        publisher.ok("POST", f"{A}/broadcasts/b/schedule", {"at": "2026-11-23T00:00:00Z"})
        return edit(*given)

    monkeypatch.setattr(broadcasts, "edit", late)
    refused(editor, "PUT", "/broadcasts/b", {**body, "audience": {"everyone": True}}, "is scheduled")
    assert publisher.ok("GET", f"{A}/broadcasts/b")["audience"] == {"tag": "vip"}


OTHER_TEXT = {"name": "m", "messages": [{"type": "text", "text": "other"}]}


@pytest.mark.parametrize("was_scheduled", [False, True])
def test_what_is_scheduled_meanwhile_is_seen(
    editor: Api, publisher: Api, monkeypatch: pytest.MonkeyPatch, was_scheduled: bool
) -> None:
    """Between the editor's check and the write a publisher lets a broadcast go out with the very message (or
    lets one that is scheduled say it): the write does not happen."""
    from chalicelib.catalog import store

    uses, at = {"name": "b", "audience": {"tag": "vip"}, "message": "hello"}, {"at": "2026-11-23T00:00:00Z"}
    editor.ok("PUT", f"{A}/messages/first", TEXT)
    editor.ok("PUT", f"{A}/broadcasts/b", {**uses, "message": "first"} if was_scheduled else uses)
    if was_scheduled:
        publisher.ok("POST", f"{A}/broadcasts/b/schedule", at)
    move = store.move_pointer

    def late(*given: Any) -> bool:
        monkeypatch.setattr(store, "move_pointer", move)
        if was_scheduled:
            publisher.ok("PUT", f"{A}/broadcasts/b", uses)
        else:
            publisher.ok("POST", f"{A}/broadcasts/b/schedule", at)
        return move(*given)

    monkeypatch.setattr(store, "move_pointer", late)
    refused(editor, "PUT", "/messages/hello", OTHER_TEXT, "broadcasts/b is scheduled")


def test_who_dies_before_a_broadcast_goes_out_keeps_editors_from_what_it_uses(
    editor: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is claimed counts, until the broadcast is edited or started anew."""
    editor.ok("PUT", f"{A}/broadcasts/b", {"name": "b", "audience": {"tag": "vip"}, "message": "hello"})
    with monkeypatch.context() as patched:
        patched.setattr("chalicelib.broadcasts.lifecycle.begin", lambda *_: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            service_of_broadcasts.send("shop", "b", "key:x")
    refused(editor, "PUT", "/messages/hello", OTHER_TEXT, "broadcasts/b is being scheduled")
    editor.ok("PUT", f"{A}/broadcasts/b", {"name": "c", "audience": {"tag": "vip"}, "message": "hello"})
    editor.ok("PUT", f"{A}/messages/hello", OTHER_TEXT)


def test_an_edit_of_a_draft_takes_the_claim(
    editor: Api, publisher: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes out is what was claimed: an edit between the two is a conflict."""
    body = {"name": "b", "audience": {"tag": "vip"}, "message": "hello"}
    editor.ok("PUT", f"{A}/messages/other", TEXT)
    editor.ok("PUT", f"{A}/broadcasts/b", body)
    count = catalog.count_begun

    def late(account: str) -> None:
        count(account)
        editor.ok("PUT", f"{A}/broadcasts/b", {**body, "message": "other"})

    monkeypatch.setattr(catalog, "count_begun", late)
    error = publisher.refused(409, "POST", f"{A}/broadcasts/b/schedule", {"at": "2026-11-23T00:00:00Z"})
    assert (error["message"][:20], error["current_revision"]) == ("it has changed since", 2)
    assert publisher.ok("GET", f"{A}/broadcasts/b")["status"] == "draft"


FORM = {"name": "f", "questions": [{"id": "q", "text": "?", "type": "text"}]}


def test_a_form_that_was_in_force(editor: Api, publisher: Api) -> None:
    """Friends may be in the middle of it, whoever takes what starts it out of force: it, what it starts and
    its id stay a publisher's."""
    asks = a_rule({"start_form": "f"})
    for form in "gfh":
        editor.ok(
            "PUT", f"{A}/forms/{form}", {**FORM, "then": [{"start_form": "g"}]} if form == "f" else FORM
        )
    publisher.ok("PUT", f"{A}/rules/asks", asks)
    publisher.ok("PUT", f"{A}/rules/asks", {**asks, "enabled": False})
    why = "forms/f was in force: friends may be in the middle of it"
    refused(editor, "PUT", "/forms/f", {**FORM, "questions": []}, why)
    refused(editor, "PUT", "/forms/g", {**FORM, "questions": []}, "forms/g")
    publisher.ok("DELETE", f"{A}/rules/asks")
    publisher.ok("DELETE", f"{A}/forms/f")
    refused(editor, "PUT", "/forms/f", FORM, why)
    refused(editor, "PUT", "/forms/g", {**FORM, "questions": []}, "forms/g was in force")
    editor.ok("PUT", f"{A}/forms/h", {**FORM, "questions": []})


def test_a_form_of_a_scenario_that_was_deleted(editor: Api, publisher: Api) -> None:
    """The same of an action node."""
    editor.ok("PUT", f"{A}/forms/f", FORM)
    asks = {"ask": {"type": "action", "then": [{"start_form": "f"}]}}
    editor.ok("PUT", f"{A}/scenarios/w", {"name": "w", "start": "ask", "nodes": asks})
    publisher.ok("POST", f"{A}/scenarios/w/publish", {})
    publisher.ok("DELETE", f"{A}/scenarios/w")
    refused(editor, "PUT", "/forms/f", {**FORM, "questions": []}, "forms/f was in force")


def test_deletions_of_what_friends_may_hold_are_forgotten_last() -> None:
    """An editor cannot make and delete so many documents that the id of a link that was sent is free."""
    from chalicelib.catalog.snapshot import Current, Snapshot

    links = {("links", "l"): Current(1, "v", deleted=True, reached=True)}
    many = {("tags", f"t{n}"): Current(2 + n, "v", deleted=True) for n in range(400)}
    left = catalog.candidate(
        Snapshot("shop", 500, "s", links | many), [catalog.Write("tags", "x", {"name": "x"})]
    )
    assert left.versions["links", "l"].reached
    assert len(left.versions) == 301


def test_a_rule_that_is_enabled_meanwhile_is_seen(
    editor: Api, publisher: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the check and the write a publisher puts a rule in force that the change would wake: the write
    fails on the catalog's revision, and the check is asked again."""
    from chalicelib.catalog import store

    move = store.move_pointer

    def late(*given: Any) -> bool:
        monkeypatch.setattr(store, "move_pointer", move)
        publisher.ok("PUT", f"{A}/rules/r", SAYS)
        return move(*given)

    monkeypatch.setattr(store, "move_pointer", late)
    error = editor.refused(403, "PUT", f"{A}/rules/tags", a_rule({"add_tag": "vip"}))
    assert "wakes rules/r" in error["message"]
    editor.refused(404, "GET", f"{A}/rules/tags")


def test_another_writers_change_is_not_laid_to_an_editor(api: Api, publisher: Api) -> None:
    """A save whose catalog has moved on is not judged by what somebody else changed: it is asked again, on
    top of that, before it can be written."""
    seen, write = catalog.snapshot("shop"), catalog.Write("tags", "new", {"name": "new"})
    publisher.ok("PUT", f"{A}/rules/r", SAYS)
    check = rights.guard(Principal("k", "k", "editor", "shop"), "shop", lambda _: None)
    check(catalog.candidate(seen, [write]))
    check(catalog.candidate(catalog.snapshot("shop"), [write]))
    with pytest.raises(NotAllowed):
        check(catalog.candidate(catalog.snapshot("shop"), [catalog.Write("rules", "r", None)]))


def test_bundles(editor: Api, publisher: Api) -> None:
    """A bundle is judged by its documents, all or nothing; a plan says what would need a publisher."""
    harmless = {"tags": {"new": {"name": "new"}}, "rules": {"r": {**SAYS, "enabled": False}}}
    live = {"tags": {"newer": {"name": "newer"}}, "rules": {"r": SAYS}}
    assert editor.ok("POST", f"{A}/catalog/plan", harmless).get("needs_publisher") is None
    assert editor.ok("POST", f"{A}/catalog/apply", harmless)["created"] == 2
    [need] = editor.ok("POST", f"{A}/catalog/plan", live)["needs_publisher"]
    assert need["path"] == "rules.r.then[0].send"
    refused(editor, "POST", "/catalog/apply", live, "rules/r")
    editor.refused(404, "GET", f"{A}/tags/newer")
    assert publisher.ok("POST", f"{A}/catalog/apply", live)["created"] == 1
    assert editor.ok("POST", f"{A}/catalog/apply", live)["unchanged"] == 2


def test_what_is_a_publishers_altogether(editor: Api, publisher: Api) -> None:
    """Whatever acts on friends at once, whatever its body says."""
    publisher.ok("PUT", f"{A}/scenarios/w", SCENARIO)
    publisher.ok("POST", f"{A}/scenarios/w/publish", {})
    editor.ok("PUT", f"{A}/broadcasts/b", {"name": "b", "audience": {"everyone": True}, "message": "hello"})
    for path, body in {
        "/scenarios/w/enroll": {"user_ids": ["U1"]},
        "/scenarios/w/exit": {"user_ids": ["U1"]},
        "/scenarios/w/pause": {},
        "/broadcasts/b/send": {},
        "/broadcasts/b/schedule": {"at": "2026-11-23T00:00:00Z"},
        "/broadcasts/b/test": {"user_ids": ["U1"]},
        "/friends/U1/messages": {"message": "hello"},
        "/friends/bulk": {"user_ids": ["U1"], "then": [{"send": {"message": "hello"}}]},
    }.items():
        editor.refused(403, "POST", f"{A}{path}", body)
