"""Bundles over HTTP: planned, applied whole or not at all, exported."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.api import bundles
from chalicelib.api.kinds import KINDS
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.reasons import quoted
from tests.api_client import an_account, an_api
from tests.integration.test_api_documents import BASE, SALON, a_catalog


def test_a_plan_changes_nothing_and_says_what_an_apply_does(cloud: None) -> None:
    """Plan and apply answer the same changes; the second apply changes nothing; nothing is ever deleted."""
    api = an_api()
    base = an_account(api)
    api.ok("PUT", f"{base}/tags/mine", {"name": "mine"})
    api.ok("PUT", f"{base}/tags/vip", {"name": "Very"})
    plan = api.ok("POST", f"{base}/catalog/plan", BASE)
    assert api.ok("GET", f"{base}/catalog/export") == {
        "tags": {"mine": {"name": "mine"}, "vip": {"name": "Very"}}
    }
    assert {
        "kind": "tags",
        "id": "vip",
        "action": "update",
        "diff": [{"path": "name", "before": "Very", "after": "VIP"}],
    } in plan["changes"]
    applied = api.ok("POST", f"{base}/catalog/apply", BASE, if_match=str(plan["revision"]))
    assert applied == {**plan, "revision": plan["revision"] + 1}
    again = api.ok("POST", f"{base}/catalog/apply", BASE)
    assert (again["changes"], again["revision"]) == ([], applied["revision"])
    assert api.ok("GET", f"{base}/tags/mine")["name"] == "mine"
    error = api.refused(409, "POST", f"{base}/catalog/apply", BASE, if_match=str(plan["revision"]))
    assert error["current_revision"] == applied["revision"]


def test_a_bundle_warns_as_saving_each_document_would(cloud: None) -> None:
    """Planned and applied alike, by document; one that warns of nothing has no ``warnings``."""
    api = an_api()
    base = an_account(api)
    spin = {"type": "action", "then": [{"record_event": {"name": "spin"}}]}
    round_about = {
        "scenarios": {
            "sc": {"name": "s", "entry": {"re_entry": "restart"}, "start": "n", "nodes": {"n": spin}}
        },
        "rules": {
            "la": {
                "name": "la",
                "when": {"event": "custom:a"},
                "then": [{"record_event": {"name": "b"}}],
            },
            "lb": {
                "name": "lb",
                "when": {"event": "custom:b"},
                "then": [{"record_event": {"name": "a"}}],
            },
            "again": {
                "name": "again",
                "when": {"event": "custom:spin"},
                "then": [{"enter_scenario": "sc"}],
            },
            "fine": {"name": "fine", "when": {"event": "messaged"}, "then": []},
        },
    }
    around = "may go round without any wait, until entering is refused as too_often: "
    warnings = {
        "rules.again": [f"{around}again -> scenario sc -> again"],
        "rules.la": ["may wake itself again: la -> lb -> la"],
        "rules.lb": ["may wake itself again: la -> lb -> la"],
        "scenarios.sc": [f"{around}again -> scenario sc -> again"],
    }
    assert api.ok("POST", f"{base}/catalog/plan", round_about)["warnings"] == warnings
    assert api.ok("POST", f"{base}/catalog/apply", round_about)["warnings"] == warnings
    fine = {"rules": {"fine": round_about["rules"]["fine"]}}
    assert "warnings" not in api.ok("POST", f"{base}/catalog/plan", fine)
    assert "warnings" not in api.ok("POST", f"{base}/catalog/apply", fine)
    again = api.ok("POST", f"{base}/catalog/apply", round_about)
    assert (again["changes"], again["warnings"]) == ([], warnings)


def test_a_bundle_whose_warnings_cannot_be_found_is_not_applied(
    cloud: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong with them goes wrong before anything is written."""

    def broken(*_: Any) -> Any:
        raise InvalidInput(quoted("broken"))

    api = an_api()
    base = an_account(api)
    monkeypatch.setattr(bundles, "_warnings", broken)
    api.refused(400, "POST", f"{base}/catalog/apply", {"tags": {"vip": {"name": "VIP"}}})
    api.refused(404, "GET", f"{base}/tags/vip")


def test_a_bundle_is_applied_whole_or_not_at_all(cloud: None) -> None:
    """One wrong document refuses all; the paths lead to it from the bundle's root; order does not matter."""
    api = an_api()
    base = an_account(api)
    for path in ("plan", "apply"):
        target = f"{base}/catalog/{path}"
        assert api.paths(400, "POST", target, {**BASE, "tags": {"vip": {"name": ""}}}) == ["tags.vip.name"]
        assert api.paths(422, "POST", target, {"rules": BASE["rules"], "messages": BASE["messages"]}) == [
            "rules.greet.if.segment",
            "rules.greet.then[0].add_tag",
        ]
        assert api.paths(400, "POST", target, {"broadcasts": {}}) == ["broadcasts"]
        assert api.paths(400, "POST", target, {"published": {}}) == ["published"]
        api.refused(400, "POST", target, [])
        api.refused(400, "POST", target, b"a: [", content_type="application/yaml")
        api.refused(400, "POST", target, b"tags: {a: {name: a}, a: {name: b}}", content_type="text/yaml")
        api.refused(413, "POST", target, b'{"x": "' + b"a" * (4 << 20) + b'"}')
        api.refused(413, "POST", target, b"x: [" + b"a," * 100_000 + b"a]", content_type="application/yaml")
    assert api.ok("GET", f"{base}/catalog/export") == {}
    backwards = dict(reversed(BASE.items()))
    assert api.ok("POST", f"{base}/catalog/apply", backwards)["created"] == sum(map(len, BASE.values()))


def test_an_export_applies_to_an_empty_account(cloud: None) -> None:
    """A whole account, as JSON and as YAML, makes another account with the same documents; a second round
    changes nothing."""
    api = an_api()
    base = an_account(api)
    a_catalog(api, base)
    api.ok(
        "POST", f"{base}/catalog/apply", SALON.read_bytes(), content_type="application/yaml; charset=utf-8"
    )
    exported = api.ok("GET", f"{base}/catalog/export")
    assert list(exported) == [kind for kind in KINDS if kind in exported]
    as_yaml = api.call("GET", f"{base}/catalog/export?format=yaml").body
    for account, bundle, media_type in (
        ("copy-json", exported, "application/json"),
        ("copy-yaml", as_yaml, "application/yaml"),
    ):
        copy = an_account(api, account)
        applied = api.ok("POST", f"{copy}/catalog/apply", bundle, content_type=media_type)
        assert applied["created"] == sum(map(len, exported.values()))
        assert api.ok("GET", f"{copy}/catalog/export") == exported
        assert api.call("GET", f"{copy}/catalog/export", accept="application/yaml").body == as_yaml
        assert api.ok("POST", f"{copy}/catalog/apply", bundle, content_type=media_type)["changes"] == []
    api.refused(400, "GET", f"{base}/catalog/export?format=xml")


def test_a_json_bundle_with_escapes_is_read_as_yaml_too(cloud: None) -> None:
    """JSON is YAML, also with the escapes of surrogate pairs that YAML does not know."""
    api = an_api()
    base = an_account(api)
    text = rb'{"tags": {"a": {"name": "\ud83d\ude00"}}}'
    api.ok("POST", f"{base}/catalog/apply", text, content_type="application/yaml")
    assert api.ok("GET", f"{base}/tags/a")["name"] == "😀"
