"""Rules that cannot work are refused when they are saved, with the path; circles are told."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from chalicelib.api.kinds import KINDS as API_KINDS
from chalicelib.catalog.validation import normal_body, verify
from chalicelib.engine.documents import KINDS, warn
from chalicelib.scenarios import graph
from chalicelib.scenarios import loops as loop_finding
from chalicelib.scenarios.documents import KINDS as SCENARIOS
from chalicelib.scenarios.loops import loops, warnings
from chalicelib.segments.behaviour import EVENT_TYPES, NOT_MADE
from chalicelib.shared.errors import InvalidInput, RuleViolation
from tests.engine_builders import a_catalog, a_rule

RULE: dict[str, Any] = {
    "name": "r",
    "when": {"event": "messaged", "match": {"text": {"prefix": "予約"}}},
    "then": [{"add_tag": "vip"}],
}


def save(body: dict[str, Any]) -> None:
    """As PUT does: the shape of the body, then the catalog as it would be."""
    catalog = a_catalog({"r": normal_body(KINDS["rules"], body)})
    verify(KINDS, catalog)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"if": {"all": [{"tag": "vip"}, {"score": {"id": "interest", "gte": 3}}]}},
        {"limit": "once"},
        {"limit": {"cooldown": "1d"}},
        {"limit": {"every": 3}},
        {"limit": {"per_day": 1}},
        {"priority": -5, "stop": True, "enabled": False},
        {"valid": {"from": "2026-01-01T00:00:00+09:00", "until": "2026-02-01T00:00:00+09:00"}},
        {"valid": {"weekdays": ["sat", "sun"], "hours": {"from": "22:00", "to": "06:00"}}},
        {"when": {"event": "custom:予約した"}},
        {
            "when": {"event": "messaged", "match": {"text": {"regex": "(?P<name>.+)"}}},
            "then": [
                {"set_attribute": {"attribute": "memo", "value": "{{ event.match.name }}"}},
                {"set_attribute": {"attribute": "memo", "value": "{{ event.match.1 }}"}},
            ],
        },
        {
            "when": {"event": "custom:x"},
            "then": [{"set_attribute": {"attribute": "memo", "value": "{{ event.match.team }}"}}],
        },
        {"then": []},
        {"then": [{"reply": {"any_of": ["hello", "three"], "choose": "rotate", "push_fallback": True}}]},
        {
            "then": [
                {"add_score": {"score": "interest", "points": 3}},
                {"set_score": {"score": "interest", "value": "{{ event.n }}"}},
                {"set_attribute": {"attribute": "skin", "value": None}},
                {"set_attribute": {"attribute": "visit", "value": "{{ event.params.date }}"}},
                {"reply": {"message": "hello"}},
                {"send": {"message": "dear"}},
                {"enter_scenario": "welcome"},
                {"exit_scenario": "welcome"},
                {
                    "notify": {
                        "to": "C0123456789abcdef",
                        "text": "{{ event.text }}",
                    }
                },
                {"call_webhook": {"url": "https://example.com/hook", "secret": "s"}},
                {"record_event": {"name": "booked", "props": {"v": "{{ event.text }}"}}},
            ]
        },
    ],
)
def test_rules_that_can_work(more: dict[str, Any]) -> None:
    """The whole vocabulary is accepted."""
    save(RULE | more)


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"when": {}}, "when.event"),
        ({"name": ""}, "name"),
        ({"unknown": 1}, "unknown"),
        ({"then": [{"add_tag": 5}]}, "then[0].add_tag"),
        ({"then": [{}]}, "then[0]"),
        ({"then": [{"add_tag": "a", "remove_tag": "b"}]}, "then[0]"),
        ({"then": [{"fly": True}]}, "then[0].fly"),
        ({"then": [{"add_score": {"score": "interest", "points": "three"}}]}, "then[0].add_score.points"),
        ({"if": {"tag": "a", "not": {}}}, "if"),
        ({"if": {"tagg": "a"}}, "if.tagg"),
        ({"when": {"event": "messaged", "match": {"text": {"like": "x"}}}}, "when.match.text.like"),
        ({"when": {"event": "messaged", "match": {"text": {"regex": "("}}}}, "when.match.text.regex"),
        ({"limit": "twice"}, "limit"),
        ({"limit": {"every": 0}}, "limit.every"),
        ({"limit": {"cooldown": "soon"}}, "limit.cooldown"),
        ({"limit": {"cooldown": "1d", "every": 2}}, "limit"),
        ({"priority": 1.5}, "priority"),
        ({"then": [{"reply": {}}]}, "then[0].reply"),
        ({"then": [{"reply": {"message": "hello", "choose": "random"}}]}, "then[0].reply"),
        ({"valid": {"from": "2026-01-01"}}, "valid.from"),
        ({"valid": {"hours": {"from": "25:00", "to": "06:00"}}}, "valid.hours.from"),
    ],
)
def test_wrong_shapes_are_400(more: dict[str, Any], path: str) -> None:
    """Shape, type and range, with the path."""
    with pytest.raises(InvalidInput) as refused:
        save(RULE | more)
    assert refused.value.details[0].path == path


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"when": {"event": "mesaged"}}, "when.event"),
        ({"when": {"event": "custom:"}}, "when.event"),
        ({"then": [{"add_tag": "nope"}]}, "then[0].add_tag"),
        ({"then": [{"add_score": {"score": "nope", "points": 1}}]}, "then[0].add_score.score"),
        (
            {"then": [{"set_attribute": {"attribute": "nope", "value": 1}}]},
            "then[0].set_attribute.attribute",
        ),
        (
            {"then": [{"set_attribute": {"attribute": "skin", "value": "green"}}]},
            "then[0].set_attribute.value",
        ),
        ({"then": [{"reply": {"message": "nope"}}]}, "then[0].reply.message"),
        ({"then": [{"reply": {"any_of": ["hello", "nope"]}}]}, "then[0].reply.any_of[1]"),
        ({"then": [{"enter_scenario": "nope"}]}, "then[0].enter_scenario"),
        ({"then": [{"switch_rich_menu": "menu"}]}, "then[0].switch_rich_menu"),
        ({"then": [{"start_form": "form"}]}, "then[0].start_form"),
        ({"then": [{"notify": {"to": "somebody", "text": "x"}}]}, "then[0].notify.to"),
        ({"then": [{"call_webhook": {"url": "ftp://x"}}]}, "then[0].call_webhook.url"),
        (
            {"then": [{"set_attribute": {"attribute": "memo", "value": "{{ nothing.x }}"}}]},
            "then[0].set_attribute.value",
        ),
        (
            {"then": [{"record_event": {"name": "x", "props": {"v": "{{ event.text"}}}]},
            "then[0].record_event.props.v",
        ),
        ({"when": {"event": "tag_added", "match": {"tag": "nope"}}}, "when.match.tag"),
        ({"when": {"event": "tag_removed", "match": {"tag": {"in": ["a", "nope"]}}}}, "when.match.tag.in[1]"),
        ({"when": {"event": "score_crossed", "match": {"score": {"eq": "nope"}}}}, "when.match.score.eq"),
        ({"when": {"event": "form_answered", "match": {"form": "nope"}}}, "when.match.form"),
        ({"when": {"event": "scenario_finished", "match": {"scenario": "nope"}}}, "when.match.scenario"),
        (
            {
                "when": {"event": "messaged", "match": {"text": {"regex": "(?P<name>.+)(x)"}}},
                "then": [{"record_event": {"name": "x", "props": {"v": ["{{ event.match.nam }}"]}}}],
            },
            "then[0].record_event.props.v[0]",
        ),
        (
            {
                "when": {"event": "custom:x", "match": {"text": {"regex": "(.+)"}}},
                "then": [{"set_attribute": {"attribute": "memo", "value": "{{ event.match.2 }}"}}],
            },
            "then[0].set_attribute.value",
        ),
        (
            {"then": [{"notify": {"to": "C0123456789abcdef", "text": "{{ event.match.1 }}"}}]},
            "then[0].notify.text",
        ),
        ({"if": {"tag": "nope"}}, "if.tag"),
        ({"if": {"any": [{"score": {"id": "nope", "gt": 1}}]}}, "if.any[0].score.id"),
        ({"valid": {"from": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}}, "valid.until"),
    ],
)
def test_what_cannot_work_is_422(more: dict[str, Any], path: str) -> None:
    """References and logic, with the path; an action whose room is missing is refused, not ignored."""
    with pytest.raises(RuleViolation) as refused:
        save(RULE | more)
    assert path in [detail.path for detail in refused.value.details]


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ({"event": "messaged", "match": {"txt": "予約"}}, "when.match.txt: messaged has no such property"),
        ({"event": "messaged", "match": {"text": "予約", "raw.stickerId": "1"}}, ""),
        ({"event": "custom:x", "match": {"txt": "予約"}}, ""),
        (
            {"event": "score_crossed", "match": {"score": "interest", "threshold": 4}},
            "when.match.threshold: scores/interest has no threshold 4; it has [3]",
        ),
        ({"event": "score_crossed", "match": {"score": "interest", "threshold": 3}}, ""),
        ({"event": "link_clicked"}, ""),
        ({"event": "stage_changed", "match": {"after": "dormand"}}, "when.match.after: no stage is"),
        ({"event": "stage_changed", "match": {"before": {"in": ["x", "y"]}}}, "when.match.before: no stage"),
        ({"event": "stage_changed", "match": {"before": {"prefix": "re"}, "after": "dormant"}}, ""),
        (
            {"event": "form_answered", "match": {"form": "check", "answers.q3": "yes"}},
            "when.match.answers.q3: forms/check has no question q3; there are q1, q2",
        ),
        ({"event": "form_answered", "match": {"form": "check", "answers.q2": {"gte": 3}}}, ""),
        ({"event": "form_answered", "match": {"answers.q1": "yes", "form": {"in": ["check"]}}}, ""),
        ({"event": "page_viewed"}, "when.event: nothing makes page_viewed in this version"),
        ({"event": "converted"}, "when.event: nothing makes converted in this version"),
        ({"event": "route_entered"}, "when.event: nothing makes route_entered in this version"),
        *(({"event": event}, "") for event in sorted(EVENT_TYPES - NOT_MADE - {"tag_added"})),
    ],
)
def test_what_was_probably_not_meant_is_told(when: dict[str, Any], told: str) -> None:
    """A rule that waits for what never comes is saved with a warning."""
    found = list(warn("r", a_catalog({"r": normal_body(KINDS["rules"], RULE | {"when": when})})))
    assert (found[0] if found else "").startswith(told)
    assert bool(found) is bool(told)


def test_circles_are_told() -> None:
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
    assert warnings(catalog, "rules", "pong") == ["may wake itself again: ping -> pong -> ping"]
    assert warnings(catalog, "rules", "other") == []


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
        told = ["may wake itself again: form f -> begin -> form f"] if spins else []
        assert warnings(catalog, kind, name) == told
    assert API_KINDS["forms"].warn("f", catalog) == told
    for match in ({"form": "f"}, {"form": "g"}, {"form": "f", "answers.q0": "yes"}, {}):
        again = a_rule("form_answered", [{"start_form": "f"}], match=match)
        told = warnings(a_catalog({"again": again}, forms=forms), "rules", "again")
        assert bool(told) is (spins and match in ({"form": "f"}, {})), match


@pytest.mark.parametrize(
    ("action", "match", "told"),
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
def test_a_circle_through_a_score_that_sinks_is_told_as_what_it_is(
    action: dict[str, Any], match: dict[str, Any], told: str
) -> None:
    """Points that take it up again, whenever it has sunk; not where nothing sinks, or nobody hears of it."""
    scores = {
        "hot": {"name": "hot", "half_life": "1s", "thresholds": [5]},
        "cool": {"name": "cool", "thresholds": [5]},
    }
    catalog = a_catalog({"r": a_rule("score_crossed", [action], match=match)}, scores=scores)
    found = warnings(catalog, "rules", "r")
    assert len(found) == bool(told)
    assert all(one.startswith(told) and one.endswith("r -> r") for one in found)


def test_a_long_circle_is_found() -> None:
    """Forty rules in a ring, one way round."""
    ring = {
        f"r{n:02d}": a_rule(f"custom:{n}", [{"record_event": {"name": str((n + 1) % 40)}}]) for n in range(40)
    }
    assert loops(a_catalog(ring)) == [sorted(ring)]


def test_a_rule_beside_the_shortest_circle_is_told_too() -> None:
    """Each rule of a group hears of a circle that it is itself part of."""
    rules = {
        "a": a_rule("custom:a", [{"record_event": {"name": "b"}}]),
        "b": a_rule("custom:b", [{"record_event": {"name": "a"}}, {"record_event": {"name": "c"}}]),
        "c": a_rule("custom:c", [{"record_event": {"name": "b"}}]),
    }
    assert warnings(a_catalog(rules), "rules", "c") == ["may wake itself again: c -> b -> c"]


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
def test_a_scenario_and_a_rule_that_go_round_are_told(when: str, nodes: list[Any], more: Any) -> None:
    """To the author of either, whether the scenario is in force or a draft."""
    rules = {"again": a_rule(when, ENTER)}
    scenario = a_scenario(*[dict(node) for node in nodes], **more)
    drafted = a_catalog(rules, scenarios={"sc": scenario})
    assert list(warn("again", drafted)) == [AROUND]
    assert list(SCENARIOS["scenarios"].warn("sc", drafted)) == [AROUND]
    still = a_scenario({"type": "wait", "after": "1d"}, re_entry="never")
    in_force = a_catalog(rules, scenarios={"sc": still}, published={"sc": {"definition": scenario}})
    assert list(warn("again", in_force)) == [AROUND]
    assert list(SCENARIOS["scenarios"].warn("sc", in_force)) == []


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
    rule = normal_body(KINDS["rules"], {"name": "again", "when": when, "then": ENTER})
    scenario = a_scenario(*[dict(node) for node in nodes], **more)
    catalog = a_catalog({"again": rule}, scenarios={"sc": scenario})
    assert list(warn("again", catalog)) == []
    assert list(SCENARIOS["scenarios"].warn("sc", catalog)) == []


def test_a_scenario_that_waits_for_what_never_comes_is_told() -> None:
    """As a rule is; it is saved all the same."""
    scenario = a_scenario({"type": "wait_for", "event": "route_entered", "timeout": "1d"})
    (told,) = SCENARIOS["scenarios"].warn("sc", a_catalog(scenarios={"sc": scenario}))
    assert told.startswith("nodes.n0.event: nothing makes route_entered in this version")


def test_scenarios_alone_may_go_round() -> None:
    """Without any rule: one enters the other, which waits for nothing but a scenario."""
    other = a_scenario({"type": "action", "then": [{"enter_scenario": "sc"}]})
    waiting = {"type": "wait_for", "event": "scenario_finished", "timeout": "1d"}
    scenario = a_scenario(waiting, {"type": "action", "then": [{"enter_scenario": "other"}]})
    catalog = a_catalog(scenarios={"sc": scenario, "other": other})
    (told,) = SCENARIOS["scenarios"].warn("sc", catalog)
    assert told.endswith("scenario other -> scenario sc -> scenario other")


def test_a_draft_is_told_of_its_own_circle() -> None:
    """Beside a published scenario that goes round another way, the draft hears of the way it goes itself."""
    enter = {"type": "action", "then": ENTER}
    rules = {"again": a_rule("custom:spin", ENTER)}
    scenarios = {"sc": a_scenario({"type": "action", "then": [{"enter_scenario": "other"}]})}
    scenarios["other"] = a_scenario(enter)
    catalog = a_catalog(rules, scenarios=scenarios, published={"sc": {"definition": a_scenario(SPIN)}})
    (told,) = SCENARIOS["scenarios"].warn("sc", catalog)
    assert told.endswith(": scenario sc -> scenario other -> scenario sc")
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
        told = {name: warnings(catalog, kind, name) for name in names}
        assert sum(map(bool, told.values())) == 20
    assert calls == {"compile_match": 20, "_groups": 1, "at_once": 30 * (1 + published)}
