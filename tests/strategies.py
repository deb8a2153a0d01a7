"""Hypothesis strategies shared by the tests: events, sheets, conditions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck
from hypothesis import strategies as st

from chalicelib.catalog.snapshot import Document, Snapshot
from chalicelib.conditions import windows
from chalicelib.events.sheet import Sheet
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso, to_ms
from chalicelib.sheets import folds
from chalicelib.sheets import sheet as folding
from chalicelib.sheets.model import new_sheet

TOKYO = ZoneInfo("Asia/Tokyo")
ONE_FIXTURE = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)
"""For properties whose examples share a fixture: each of them begins anew by itself."""
NOW = datetime(2026, 11, 22, 6, 6, 38, 123_000, UTC)
TAGS = ("vip", "dry", "booked")
SCORES: dict[str, dict[str, Any]] = {
    "interest": {"name": "Interest", "thresholds": [3.0, 10.0]},
    "warmth": {"name": "Warmth", "half_life": "7d", "thresholds": [5.0]},
}
ATTRIBUTES: dict[str, dict[str, Any]] = {
    "area": {"name": "Area", "type": "text"},
    "visits": {"name": "Visits", "type": "number"},
    "member": {"name": "Member", "type": "boolean"},
    "birthday": {"name": "Birthday", "type": "date"},
    "skin": {"name": "Skin", "type": "choice", "choices": ["dry", "oily"]},
    "likes": {"name": "Likes", "type": "multi_choice", "choices": ["hair", "nail", "spa"]},
}
TOPICS = ("news", "tips", "marketing")
TEXTS = ("横浜", "東京", "か\u3099", "が", "abc", "")


RFM = {
    "as_of": iso(NOW),
    "r": [to_ms(NOW - timedelta(days=days)) for days in (90, 60, 30, 7)],
    "f": [2, 2, 3, 4],
    "m": [100, 300, 300, 900],
}


def a_snapshot(**more: dict[str, dict[str, Any]]) -> Snapshot:
    """A catalog with the documents above, and more by kind: ``segments={"s": {...}}``."""
    kinds = {
        "tags": {tag: {"name": tag} for tag in TAGS},
        "scores": SCORES,
        "attributes": ATTRIBUTES,
        "scenarios": {name: {"name": name, "nodes": {"n1": {}}} for name in ("welcome", "run-1", "other")},
        "links": {"spring": {"url": "https://example.com"}},
        "forms": {
            "skin-check": {"name": "Skin", "questions": [{"id": q} for q in ("q", "age", "care", "nothing")]}
        },
        "routes": {"poster": {"name": "Poster"}},
        "segments": {},
        "rfm": {"default": RFM},
        "topics": {"news": {"name": "News", "default": "in"}, "tips": {"name": "Tips", "default": "out"}},
    }
    for kind, documents in more.items():
        kinds[kind] = {**kinds.get(kind, {}), **documents}
    documents = {
        (kind, id_): Document(kind, id_, 1, body, iso(NOW))
        for kind, bodies in kinds.items()
        for id_, body in bodies.items()
    }
    return Snapshot("salon", 1, "stamp", {}, documents)


def timestamps(days: int = 120) -> st.SearchStrategy[str]:
    """Moments of the days before NOW, often near to day and window borders."""
    span = days * 86_400_000
    return st.one_of(
        st.integers(0, span),
        st.sampled_from([0, 1, 86_399_999, 86_400_000, 86_400_001, 604_799_999, 604_800_000, 604_800_001]),
    ).map(lambda ms: iso(NOW - timedelta(milliseconds=ms)))


def friend_events() -> st.SearchStrategy[FriendEvent]:
    """Events that fold into a sheet."""

    @st.composite
    def build(draw: st.DrawFn) -> FriendEvent:
        kind, props = draw(
            st.one_of(
                st.just(("followed", {})),
                st.just(("unfollowed", {})),
                st.sampled_from(["text", "sticker"]).map(lambda t: ("messaged", {"message_type": t})),
                st.sampled_from(["a=1&b=2", "a=1", "[0].x"]).map(lambda d: ("postback", {"data": d})),
                st.just(("link_clicked", {"link": "spring", "delivery": "run-1"})),
                st.sampled_from(["poster", "web"]).map(lambda r: ("route_entered", {"route": r})),
                st.sampled_from([1, 2, "x"]).map(
                    lambda a: ("form_answered", {"form": "skin-check", "answers": {"q": a}})
                ),
                st.integers(1, 9).map(
                    lambda n: (
                        "purchased",
                        {
                            "amount": n * 100,
                            "items": [{"product": f"p{n % 2}", "category": "lotion", "amount": n * 100}],
                        },
                    )
                ),
                st.sampled_from([{}, {"key": "x"}]).map(lambda props: ("custom:trial", props)),
            )
        )
        return FriendEvent("e", "salon", "U1", kind, draw(timestamps()), props=props)

    return build()


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, Any, str]:
    """A change of a sheet as ``(verb, arguments, at)``; scores only add (sets are told apart in tests)."""
    at = draw(timestamps())
    verb = draw(st.sampled_from(["add_tag", "remove_tag", "add_score", "set_attribute", "say"]))
    if verb == "say":
        return verb, (draw(st.sampled_from(TOPICS)), draw(st.booleans())), at
    if verb.endswith("tag"):
        return verb, draw(st.sampled_from(TAGS)), at
    if verb == "add_score":
        return verb, (draw(st.sampled_from(sorted(SCORES))), draw(st.integers(-5, 10))), at
    return verb, ("visits", draw(st.one_of(st.none(), st.integers(0, 5)))), at


def apply_change(sheet: Sheet, change: tuple[str, Any, str]) -> list[folding.Fact]:
    """Make a change of ``changes``."""
    verb, what, at = change
    if verb == "add_tag":
        return folding.add_tag(sheet, what, at, "test")
    if verb == "remove_tag":
        return folding.remove_tag(sheet, what, at)
    if verb == "say":
        return folds.consent(sheet, what[0], out=what[1], at=at, by="test")
    if verb == "add_score":
        return folding.add_score(sheet, what[0], SCORES[what[0]], what[1], at)
    return folding.set_attribute(sheet, what[0], ATTRIBUTES[what[0]], what[1], at, TOKYO)


@st.composite
def sheets(draw: st.DrawFn) -> Sheet:
    """A sheet as it can come out of events, changes and the mirrors of other rooms."""
    sheet = new_sheet("salon", draw(st.sampled_from(["U1", "U2", "U3"])), iso(NOW))
    for event in draw(st.lists(friend_events(), max_size=6)):
        folding.fold_event(sheet, event, TOKYO)
    for change in draw(st.lists(changes(), max_size=6)):
        apply_change(sheet, change)
    for attribute, value in draw(st.lists(attribute_values(), max_size=4)):
        folding.set_attribute(sheet, attribute, ATTRIBUTES[attribute], value, iso(NOW), TOKYO)
    if draw(st.booleans()):
        state = draw(st.sampled_from(["active", "finished", "exited"]))
        sheet["scenarios"]["welcome"] = {"state": state, "node": "n1", "run": "r", "v": 1}
    if draw(st.booleans()):
        sheet["received"]["run-1"] = draw(timestamps())
    sheet["language"] = draw(st.sampled_from([None, "ja"]))
    return sheet


def attribute_values() -> st.SearchStrategy[tuple[str, Any]]:
    """An attribute with a value that fits it."""
    days = st.dates(datetime(1950, 1, 1).date(), datetime(2030, 12, 31).date()).map(str)
    return st.one_of(
        st.tuples(st.just("area"), st.sampled_from(TEXTS)),
        st.tuples(st.just("visits"), st.one_of(st.integers(-3, 3), st.just(2.5))),
        st.tuples(st.just("member"), st.booleans()),
        st.tuples(st.just("birthday"), st.one_of(days, st.sampled_from(["2000-02-29", "2026-11-22"]))),
        st.tuples(st.just("skin"), st.sampled_from(["dry", "oily"])),
        st.tuples(st.just("likes"), st.lists(st.sampled_from(["hair", "nail", "spa"]), unique=True)),
    )


# Conditions

_DURATIONS = st.sampled_from(["1s", "1d", "7d", "2w", "30d", "1mo", "1y"])
_WINDOWS = st.one_of(_DURATIONS, st.sampled_from(windows.PAST))
_DAYS = st.sampled_from(["1d", "7d", "2w", "92d", "1mo", "3mo"])
_DAY_WINDOWS = st.one_of(_DAYS, st.sampled_from([name for name in windows.PAST if not name.endswith("year")]))
_AGES = st.one_of(
    _WINDOWS.map(lambda d: {"within": d}),
    _DURATIONS.map(lambda d: {"before": d}),
)


def _cmp(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.tuples(st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte"]), values).map(
            lambda p: {p[0]: p[1]}
        ),
        st.lists(values, min_size=2, max_size=2).map(lambda p: {"between": sorted(p)}),
        st.lists(values, max_size=3).map(lambda p: {"in": p}),
    )


def _attribute_leaves() -> st.SearchStrategy[dict[str, Any]]:
    def of(name: str, cmp: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        return cmp.map(lambda c: {"attribute": {"id": name, **c}})

    texts = st.sampled_from([t for t in TEXTS if t])
    some = st.lists(st.sampled_from(["hair", "nail", "spa"]), max_size=2)
    days = st.sampled_from(["2000-02-29", "2026-11-22", "2026-11-25"])
    return st.one_of(
        of("area", _cmp(texts)),
        of("area", texts.flatmap(lambda t: st.sampled_from([{"contains": t}, {"starts_with": t}]))),
        of("visits", _cmp(st.integers(-2, 3))),
        of("member", st.booleans().map(lambda b: {"eq": b})),
        of("birthday", _cmp(days)),
        of(
            "birthday",
            _DAYS.flatmap(lambda d: st.sampled_from([{"in_next": d}, {"in_last": d}, {"anniversary_in": d}])),
        ),
        of("birthday", st.sampled_from(["1y", *windows.AHEAD]).map(lambda d: {"anniversary_in": d})),
        of("skin", st.sampled_from([{"eq": "dry"}, {"ne": "dry"}, {"in": ["oily", "dry"]}])),
        of(
            "likes",
            some.flatmap(lambda v: st.sampled_from([{"eq": v}, {"ne": v}, {"has_any": v}, {"has_all": v}])),
        ),
        of("visits", st.booleans().map(lambda b: {"exists": b})),
    )


def leaves() -> st.SearchStrategy[dict[str, Any]]:
    """One leaf of every kind of the grammar, fit for ``a_snapshot()``."""
    numbers = _cmp(st.integers(-1, 12))
    event = st.fixed_dictionaries(
        {"type": st.sampled_from(["messaged", "purchased", "custom:trial", "beacon"])},
        optional={"count": _cmp(st.integers(0, 3)), "within": _DAY_WINDOWS},
    )
    keys = [("messaged", "text"), ("postback", "a=1"), ("link_clicked", "spring"), ("custom:trial", "x")]
    keyed = st.sampled_from(keys).flatmap(
        lambda p: st.fixed_dictionaries(
            {"type": st.just(p[0]), "key": st.just(p[1])}, optional={"within": _DAY_WINDOWS}
        )
    )
    purchase = st.fixed_dictionaries(
        {"count": _cmp(st.integers(0, 3))},
        optional={
            "category": st.sampled_from(["lotion", "soap"]),
            "product": st.sampled_from(["p0", "p1"]),
            "total": _cmp(st.integers(0, 1000)),
            "last": st.one_of(_AGES, st.just({"days_ago": [0, 30]})),
            "first": _AGES,
        },
    )
    delivery = st.fixed_dictionaries(
        {}, optional={"id": st.sampled_from(["run-1", "other"]), "within": _WINDOWS}
    )
    return st.one_of(
        st.just({"everyone": True}),
        st.sampled_from(TAGS).map(lambda t: {"tag": t}),
        st.sampled_from(TOPICS).map(lambda t: {"opted_out": t}),
        st.tuples(st.sampled_from(TAGS), _AGES).map(lambda p: {"tag": {"id": p[0], "since": p[1]}}),
        st.tuples(st.sampled_from(sorted(SCORES)), numbers).map(lambda p: {"score": {"id": p[0], **p[1]}}),
        _attribute_leaves(),
        st.one_of(event, keyed).map(lambda e: {"event": e}),
        purchase.map(lambda p: {"purchase": p}),
        st.sampled_from(
            [
                "prospect",
                "first",
                {"in": ["repeat", "loyal"]},
                {"in": ["dormant", "loyal"], "category": "soap"},
                {"in": ["prospect", "first"], "category": "lotion"},
            ]
        ).map(lambda s: {"stage": s}),
        st.tuples(st.sampled_from("rfm"), numbers).map(lambda p: {"rfm": {p[0]: p[1]}}),
        st.tuples(st.sampled_from(["r_rank", "f_rank", "m_rank"]), _cmp(st.integers(1, 5))).map(
            lambda p: {"rfm": {p[0]: p[1]}}
        ),
        st.sampled_from(["first", "latest"]).map(lambda t: {"source": {t: "poster"}}),
        st.sampled_from(
            [
                {"status": "following"},
                {"status": "blocked"},
                {"linked": False},
                {"language": "ja"},
                {"followed_at": {"within": "7d"}},
                {"last_active": {"before": "30d"}},
            ]
        ).map(lambda f: {"friend": f}),
        st.sampled_from(["active", "finished", "never"]).map(
            lambda s: {"scenario": {"id": "welcome", "state": s}}
        ),
        st.tuples(delivery, st.sampled_from(["received", "clicked"]), st.booleans()).map(
            lambda p: {"delivery": {**p[0], p[1]: p[2]}}
        ),
        st.sampled_from(
            [
                {"answered": True},
                {"answered": False},
                {"question": "q", "eq": "x"},
                {"question": "q", "gte": 2},
            ]
        ).map(lambda f: {"form": {"id": "skin-check", **f}}),
        st.integers(0, 100).map(lambda n: {"random": {"salt": "s", "from": 0, "to": n}}),
    )


def conditions() -> st.SearchStrategy[dict[str, Any]]:
    """Any nesting of leaves."""
    return st.recursive(
        leaves(),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda c: {"all": c}),
            st.lists(inner, max_size=3).map(lambda c: {"any": c}),
            inner.map(lambda c: {"not": c}),
        ),
        max_leaves=8,
    )
