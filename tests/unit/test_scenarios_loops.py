"""Rules, forms and scenarios that wake one another in a circle are named; what waits or ends is no circle."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from chalicelib.api.kinds import KINDS as API_KINDS
from chalicelib.catalog.validation import normal_body
from chalicelib.events.kinds import EVENTS, EventType
from chalicelib.rules.documents import DOCUMENTS, warn
from chalicelib.scenarios import graph
from chalicelib.scenarios import loops as loop_finding
from chalicelib.scenarios.documents import DOCUMENTS as SCENARIOS
from chalicelib.scenarios.loops import loops, warnings
from tests.reaction_builders import a_catalog, a_rule
from tests.reasons_checked import sentences


def test_circles_are_reported() -> None:
    """Rules that may wake each other are named in order; rules that cannot are not."""
    catalog = a_catalog(
        {
            "ping": a_rule(
                "tag_added", [{"add_score": {"score": "interest", "points": 1}}], match={"tag": "a"}
            ),
            "pong": a_rule("score_changed", [{"add_tag": "a"}], match={"score": "interest"}),
            "self": a_rule("custom:again", [{"record_event": {"name": "again"}}]),
            "off": a_rule("custom:off", [{"record_event": {"name": "off"}}], enabled=False),
            "other": a_rule("tag_added", [{"add_tag": "c"}], match={"tag": "b"}),
            "end": a_rule("score_changed", [{"add_tag": "b"}], match={"score": "heat"}),
        }
    )
    assert loops(catalog) == [["ping", "pong"], ["self"]]
    assert sentences(warnings(catalog, "rules", "pong")) == ["may wake itself again: ping -> pong -> ping"]
    assert sentences(warnings(catalog, "rules", "other")) == []


def a_form(then: list[Any], *conditions: Any) -> dict[str, Any]:
    """A form with a question per condition (None: a question for everybody)."""
    choices = [{"value": "yes", "label": "yes", "then": then}]
    questions = [
        {"id": f"q{n}", "text": "?", "type": "choice", "choices": choices, "if": condition}
        for n, condition in enumerate(conditions)
    ]
    return {"name": "f", "questions": questions, "then": then}


SOME, EVERYBODY = {"tag": "a"}, None


@pytest.mark.parametrize("conditions", [(SOME,), (SOME, SOME), (SOME, EVERYBODY), (EVERYBODY,)])
def test_a_form_is_part_of_a_circle_where_it_needs_no_answer(conditions: Any) -> None:
    """One whose questions may all be passed over ends at once; one that asks waits for the friend."""
    forms = {"f": a_form([{"record_event": {"name": "x"}}], *conditions), "g": a_form([], EVERYBODY)}
    catalog = a_catalog({"begin": a_rule("custom:x", [{"start_form": "f"}])}, forms=forms)
    spins = EVERYBODY not in conditions
    assert loops(catalog) == ([["form f", "begin"]] if spins else [])
    for kind, name in (("forms", "f"), ("rules", "begin")):
        expected = ["may wake itself again: form f -> begin -> form f"] if spins else []
        assert sentences(warnings(catalog, kind, name)) == expected
    assert sentences(API_KINDS["forms"].warn("f", catalog)) == expected
    for match in ({"form": "f"}, {"form": "g"}, {"form": "f", "answers.q0": "yes"}, {}):
        again = a_rule("form_answered", [{"start_form": "f"}], match=match)
        found = sentences(warnings(a_catalog({"again": again}, forms=forms), "rules", "again"))
        assert bool(found) is (spins and match in ({"form": "f"}, {})), match


@pytest.mark.parametrize(
    ("action", "match", "warning"),
    [
        ({"add_score": {"score": "hot", "points": 8}}, {"direction": "down"}, "may go round for ever, each"),
        ({"set_score": {"score": "hot", "value": 5}}, {"score": "hot"}, "may wake itself again"),
        ({"set_score": {"score": "hot", "value": 5}}, {"direction": "down"}, "may go round for ever, each"),
        ({"add_score": {"score": "hot", "points": "{{ event.n }}"}}, {}, "may wake itself again"),
        ({"add_score": {"score": "hot", "points": -1}}, {"direction": "up"}, ""),
        ({"add_score": {"score": "hot", "points": 8}}, {"threshold": 7}, ""),
        ({"add_score": {"score": "hot", "points": 8}}, {"score": "cool"}, ""),
        ({"set_score": {"score": "hot", "value": 4}}, {"direction": "up"}, ""),
        ({"add_score": {"score": "cool", "points": 8}}, {"direction": "down"}, ""),
    ],
)
def test_a_circle_through_a_score_that_sinks_is_reported_as_what_it_is(
    action: dict[str, Any], match: dict[str, Any], warning: str
) -> None:
    """Points that take it up again, whenever it has sunk; not where nothing sinks, or nobody hears of it."""
    scores = {
        "hot": {"name": "hot", "half_life": "1s", "thresholds": [5]},
        "cool": {"name": "cool", "thresholds": [5]},
    }
    catalog = a_catalog({"r": a_rule("score_crossed", [action], match=match)}, scores=scores)
    found = sentences(warnings(catalog, "rules", "r"))
    assert len(found) == bool(warning)
    assert all(one.startswith(warning) and one.endswith("r -> r") for one in found)


def test_a_long_circle_is_found() -> None:
    """Forty rules in a ring, one way round."""
    ring = {
        f"r{n:02d}": a_rule(f"custom:{n}", [{"record_event": {"name": str((n + 1) % 40)}}]) for n in range(40)
    }
    assert loops(a_catalog(ring)) == [sorted(ring)]


def test_a_rule_beside_the_shortest_circle_is_reported_too() -> None:
    """Each rule of a group hears of a circle that it is itself part of."""
    rules = {
        "a": a_rule("custom:a", [{"record_event": {"name": "b"}}]),
        "b": a_rule("custom:b", [{"record_event": {"name": "a"}}, {"record_event": {"name": "c"}}]),
        "c": a_rule("custom:c", [{"record_event": {"name": "b"}}]),
    }
    assert sentences(warnings(a_catalog(rules), "rules", "c")) == ["may wake itself again: c -> b -> c"]


def a_scenario(*nodes: dict[str, Any], re_entry: str = "restart", **more: Any) -> dict[str, Any]:
    """A scenario of nodes in a row, each leading to the next unless it says otherwise."""
    named = {f"n{n}": node for n, node in enumerate(nodes)}
    for n, node in enumerate(nodes[:-1]):
        if node["type"] not in {"exit", "split"}:
            node.setdefault("next", f"n{n + 1}")
    body = {"name": "s", "entry": {"re_entry": re_entry}, "start": "n0", "nodes": named, **more}
    return normal_body(SCENARIOS["scenarios"], body)


SPIN = {"type": "action", "then": [{"record_event": {"name": "spin"}}]}
ENTER = [{"enter_scenario": "sc"}]
AROUND = (
    "may go round without any wait, until entering is refused as too_often: again -> scenario sc -> again"
)


@pytest.mark.parametrize(
    ("when", "nodes", "more"),
    [
        ("custom:spin", [SPIN], {}),
        ("custom:spin", [SPIN], {"re_entry": "after_exit"}),
        ("custom:spin", [{"type": "message", "message": "hello"}, SPIN, {"type": "wait", "after": "1d"}], {}),
        ("custom:spin", [{"type": "wait", "at": {"day": 0, "time": "09:00"}}, SPIN], {}),
        ("custom:spin", [{"type": "split", "arms": [{"weight": 1}, {"weight": 1, "next": "n1"}]}, SPIN], {}),
        ("scenario_entered", [{"type": "wait", "after": "1d"}], {}),
        ("scenario_finished", [{"type": "message", "message": "hello"}], {}),
        ("scenario_exited", [{"type": "exit"}], {}),
        ("scenario_exited", [{"type": "wait", "after": "1d"}], {"goals": [{"if": {"tag": "a"}}]}),
    ],
)
def test_a_scenario_and_a_rule_that_go_round_are_reported(when: str, nodes: list[Any], more: Any) -> None:
    """To the author of either, whether the scenario is in force or a draft."""
    rules = {"again": a_rule(when, ENTER)}
    scenario = a_scenario(*[dict(node) for node in nodes], **more)
    drafted = a_catalog(rules, scenarios={"sc": scenario})
    assert sentences(warn("again", drafted)) == [AROUND]
    assert sentences(SCENARIOS["scenarios"].warn("sc", drafted)) == [AROUND]
    still = a_scenario({"type": "wait", "after": "1d"}, re_entry="never")
    in_force = a_catalog(rules, scenarios={"sc": still}, published={"sc": {"definition": scenario}})
    assert sentences(warn("again", in_force)) == [AROUND]
    assert sentences(SCENARIOS["scenarios"].warn("sc", in_force)) == []


@pytest.mark.parametrize(
    ("when", "nodes", "more"),
    [
        ({"event": "custom:spin"}, [SPIN], {"re_entry": "never"}),
        ({"event": "custom:spin"}, [{"type": "wait", "after": "1m"}, SPIN], {}),
        ({"event": "custom:spin"}, [{"type": "wait", "at": {"day": 1, "time": "09:00"}}, SPIN], {}),
        (
            {"event": "custom:spin"},
            [{"type": "wait_for", "event": "messaged", "timeout": "1d", "on_timeout": "n1"}, SPIN],
            {},
        ),
        ({"event": "scenario_finished"}, [{"type": "wait", "after": "1d"}], {}),
        ({"event": "scenario_exited"}, [{"type": "message", "message": "hello"}], {}),
        ({"event": "scenario_entered", "match": {"scenario": "welcome"}}, [SPIN], {}),
        ({"event": "scenario_exited", "match": {"reason": "goal"}}, [{"type": "exit"}], {}),
        ({"event": "messaged"}, [SPIN], {}),
    ],
)
def test_what_waits_or_ends_is_no_circle(when: Any, nodes: list[Any], more: Any) -> None:
    """A wait in each way round, a friend's own doing, a scenario entered once, another match: no warning."""
    rule = normal_body(DOCUMENTS["rules"], {"name": "again", "when": when, "then": ENTER})
    scenario = a_scenario(*[dict(node) for node in nodes], **more)
    catalog = a_catalog({"again": rule}, scenarios={"sc": scenario})
    assert sentences(warn("again", catalog)) == []
    assert sentences(SCENARIOS["scenarios"].warn("sc", catalog)) == []


def test_a_scenario_that_waits_for_what_never_comes_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a rule is; it is saved all the same."""
    monkeypatch.setitem(EVENTS.entries, "page_viewed", EventType(None))
    scenario = a_scenario({"type": "wait_for", "event": "page_viewed", "timeout": "1d"})
    (warning,) = sentences(SCENARIOS["scenarios"].warn("sc", a_catalog(scenarios={"sc": scenario})))
    assert warning.startswith("nodes.n0.event: nothing makes page_viewed in this version")


def test_scenarios_alone_may_go_round() -> None:
    """Without any rule: one enters the other, which waits for nothing but a scenario."""
    other = a_scenario({"type": "action", "then": [{"enter_scenario": "sc"}]})
    waiting = {"type": "wait_for", "event": "scenario_finished", "timeout": "1d"}
    scenario = a_scenario(waiting, {"type": "action", "then": [{"enter_scenario": "other"}]})
    catalog = a_catalog(scenarios={"sc": scenario, "other": other})
    (warning,) = sentences(SCENARIOS["scenarios"].warn("sc", catalog))
    assert warning.endswith("scenario other -> scenario sc -> scenario other")


def test_a_draft_is_warned_of_its_own_circle() -> None:
    """Beside a published scenario that goes round another way, the draft hears of the way it goes itself."""
    enter = {"type": "action", "then": ENTER}
    rules = {"again": a_rule("custom:spin", ENTER)}
    scenarios = {"sc": a_scenario({"type": "action", "then": [{"enter_scenario": "other"}]})}
    scenarios["other"] = a_scenario(enter)
    catalog = a_catalog(rules, scenarios=scenarios, published={"sc": {"definition": a_scenario(SPIN)}})
    (warning,) = sentences(SCENARIOS["scenarios"].warn("sc", catalog))
    assert warning.endswith(": scenario sc -> scenario other -> scenario sc")
    assert len(loops(catalog)) == 1


@pytest.mark.parametrize("published", [False, True])
def test_the_warnings_of_a_whole_catalog_are_found_in_one_go(
    published: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each match is compiled and each definition walked through once, however often anybody asks."""
    calls: Counter[str] = Counter()

    def counting(name: str, inner: Any) -> Any:
        def call(*args: Any) -> Any:
            calls[name] += 1
            return inner(*args)

        return call

    scenario = a_scenario(SPIN)
    rules = {f"r{n}": a_rule("scenario_entered", [{"enter_scenario": f"s{n}"}]) for n in range(20)}
    drafts = {f"s{n}": scenario for n in range(30)}
    in_force = {name: {"definition": a_scenario(SPIN, SPIN)} for name in drafts} if published else {}
    catalog = a_catalog(rules, scenarios=drafts, published=in_force)
    for module, name in ((loop_finding, "compile_match"), (loop_finding, "_groups"), (graph, "at_once")):
        monkeypatch.setattr(module, name, counting(name, getattr(module, name)))
    for kind, names in (("rules", rules), ("scenarios", drafts)):
        found = {name: sentences(warnings(catalog, kind, name)) for name in names}
        assert sum(map(bool, found.values())) == 20
    assert calls == {"compile_match": 20, "_groups": 1, "at_once": 30 * (1 + published)}
