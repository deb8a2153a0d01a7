"""The HTTP conventions: whatever comes in is understood or refused with its path, never a crash."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from chalice.app import Request, Response
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.api.kinds import CHECKED
from chalicelib.catalog.validation import normal_body
from chalicelib.http import answers, bodies, budget, language, pages, queries
from chalicelib.shared.errors import (
    Conflict,
    InvalidInput,
    TooLarge,
    Unavailable,
    UnsupportedMediaType,
)
from chalicelib.shared.reasons import quoted


class Step(BaseModel):
    model_config = ConfigDict(extra="forbid")

    points: int
    note: str | None = None


class Sample(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    then: list[Step] = []


def a_request(
    body: bytes | str | None = b"",
    method: str = "PUT",
    query: dict[str, list[str]] | None = None,
    **headers: str,
) -> Request:
    return Request(
        {
            "multiValueQueryStringParameters": query,
            "headers": {name.replace("_", "-"): value for name, value in headers.items()},
            "pathParameters": {},
            "requestContext": {"httpMethod": method, "resourcePath": "/v1/x"},
            "stageVariables": {},
            "body": body,
        }
    )


def refusal(body: bytes) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        bodies.json_body(a_request(body), Sample)
    return caught.value


def test_a_good_body_is_the_model() -> None:
    """UTF-8 JSON, with or without a byte order mark, with 4-byte characters, is read."""
    for text in (
        '{"name": "髪💇🏽‍♀️", "then": [{"points": 1}]}',
        '\ufeff{"name": "髪💇🏽‍♀️", "then": [{"points": 1}]}',
    ):
        model = bodies.json_body(a_request(text.encode()), Sample)
        assert (model.name, model.then[0].points) == ("髪💇🏽‍♀️", 1)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"name": 5}', "name"),
        (b'{"name": ""}', "name"),
        (b'{"name": "a", "then": [{"points": "1"}]}', "then[0].points"),
        (b'{"name": "a", "then": [{"points": true}]}', "then[0].points"),
        (b'{"name": "a", "then": [{"points": 1.5}]}', "then[0].points"),
        (b'{"name": "a", "then": [{"points": 1, "note": 1}]}', "then[0].note"),
        (b'{"name": "a", "then": {}}', "then"),
        (b'{"name": "a", "colour": 1}', "colour"),
        (b"{}", "name"),
        (b"[]", ""),
        (b'"a"', ""),
        (b"null", ""),
    ],
)
def test_what_is_wrong_is_named_by_its_path(body: bytes, path: str) -> None:
    """Wrong types, ranges, unknown and missing fields are refused with the path of each."""
    assert [detail.path for detail in refusal(body).details] == [path]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"{",
        b"{'name': 'a'}",
        b'{"name": "a"} x',
        b'{"name": "\xff"}',
        b'{"name": "\\ud83d"}',
        b'{"name": "a", "name": "b"}',
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"name": 1e999}',
        b'{"name": ' + b"1" * 5000 + b"}",
        b"[" * 200 + b"]" * 200,
        b"[" * 200_000,
        b'{"a":' * 50_000,
    ],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    """Broken, ambiguous, bottomless and unstorable JSON is invalid input, not a crash."""
    assert refusal(body).message


def test_an_empty_post_is_an_empty_object_and_an_empty_put_is_not() -> None:
    """Actions may come without a body; documents may not."""

    class Nothing(BaseModel):
        pass

    assert bodies.json_body(a_request(b"", "POST"), Nothing) == Nothing()
    assert bodies.json_body(a_request(None, "POST"), Nothing) == Nothing()
    with pytest.raises(InvalidInput):
        bodies.json_body(a_request(b"", "PUT"), Nothing)


def test_bodies_have_a_size() -> None:
    """One byte more than the limit is too large; the limit itself is not."""
    assert bodies.raw_body(a_request(b"x" * 10), 10) == b"x" * 10
    with pytest.raises(TooLarge):
        bodies.raw_body(a_request(b"x" * 11), 10)
    assert budget.MAX_BODY_BYTES == 1 << 20


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_json_comes_back_as_it_was(value: Any) -> None:
    """Every JSON value that can be written in UTF-8 is read unchanged; half surrogates are refused."""
    text = json.dumps(value)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        with pytest.raises(InvalidInput):
            bodies.parse_json(text)
    else:
        assert bodies.parse_json(text) == value


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(body: bytes) -> None:
    """Any bytes are a model or invalid input."""
    with contextlib.suppress(InvalidInput):
        bodies.json_body(a_request(body), Sample)


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8")),
        st.text(st.characters(codec="utf-8")) | st.integers(),
        max_size=4,
    )
)
def test_cursors_come_back(position: dict[str, Any]) -> None:
    """A position survives its cursor, whose text needs no escaping in a URL."""
    cursor = pages.encode_cursor(position)
    assert pages.decode_cursor(cursor) == position
    assert cursor.isascii()
    assert not set(cursor) & set("+/=&?#% ")


@given(st.text(max_size=60))
def test_foreign_cursors_are_invalid_input(text: str) -> None:
    """A cursor that is none of ours is refused, whatever it is."""
    try:
        position = pages.query_cursor(a_request(query={"cursor": [text]}), "after")
    except InvalidInput:
        return
    assert position is None or isinstance(position["after"], str)


@pytest.mark.parametrize("text", ["0", "201", "-1", "abc", "1.5", "", "１", "9" * 30, " 5", "+5"])
def test_limits_are_whole_numbers_in_range(text: str) -> None:
    """A bad ``limit`` is refused with its name."""
    with pytest.raises(InvalidInput) as caught:
        queries.query_int(a_request(query={"limit": [text]}), "limit", 100)
    assert caught.value.details[0].path == "limit"


def test_queries_have_defaults() -> None:
    """Missing parameters are their defaults; given ones are read."""
    assert queries.query_int(a_request(), "limit", 100) == 100
    assert queries.query_int(a_request(query={"limit": ["200"]}), "limit", 100) == 200
    assert queries.query_text(a_request(query={"q": ["髪"]}), "q") == "髪"
    assert queries.query_text(a_request(), "q") is None
    assert queries.query_bool(a_request(query={"wait": ["true"]}), "wait") is True
    assert queries.query_bool(a_request(), "wait") is False
    with pytest.raises(InvalidInput):
        queries.query_bool(a_request(query={"wait": ["yes"]}), "wait")


@pytest.mark.parametrize(("text", "revision"), [("12", 12), ('"12"', 12), (None, None)])
def test_if_match_is_a_revision(text: str | None, revision: int | None) -> None:
    """``If-Match`` is a revision, quoted or not."""
    headers = {} if text is None else {"if_match": text}
    assert queries.if_match(a_request(**headers)) == revision


@pytest.mark.parametrize("text", ["abc", "*", "", "-1", "1.0", "9" * 40])
def test_other_if_matches_are_refused(text: str) -> None:
    """Anything else in ``If-Match`` is invalid input: ignoring it would overwrite."""
    with pytest.raises(InvalidInput):
        queries.if_match(a_request(if_match=text))


@pytest.mark.parametrize("text", ["A", "-a", "_a", "a b", "a/b", "", "a" * 65, "あ", "a\n", "a%2Fb", "%ff"])
def test_ids_have_a_pattern(text: str) -> None:
    """What is no id is invalid input, judged as it would be stored: what looks encoded is not decoded."""
    with pytest.raises(InvalidInput):
        queries.path_id(text, "tag")


PATH_ELEMENTS = {
    "a%2Db": "a-b",
    "%7A1": "z1",
    "U%E9%AB%AA%F0%9F%92%87": "U髪💇",
    "a%2Fb": "a/b",
    "a%23%3Fb": "a#?b",
    "a+b": "a+b",
    "a%2Bb%20c": "a+b c",
    "%2541": "%41",
    "%c3%a9": "é",
    "": "",
}


@pytest.mark.parametrize(("raw", "text"), PATH_ELEMENTS.items())
def test_paths_are_decoded_once(raw: str, text: str) -> None:
    """Whatever stands in a path is decoded once, for every view and for whoever reads the request."""
    request = a_request()
    names = request.uri_params = {"account": raw, "tag": "a%2Db"}
    answer = queries.decode_path(request, lambda asked: Response(body=dict(asked.uri_params)))
    assert answer.body == names == {"account": text, "tag": "a-b"}


@pytest.mark.parametrize("raw", ["%", "%2", "a%zz", "%FF", "%C3", "%ED%A0%80", "100%"])
def test_broken_paths_are_refused(raw: str) -> None:
    """What is not percent-encoded UTF-8 is invalid input, and no view sees it."""
    request = a_request()
    request.uri_params = {"account": raw}
    assert queries.decode_path(request, lambda _asked: pytest.fail("a view was called")).status_code == 400


@pytest.mark.parametrize(
    ("kind", "body", "path", "near"),
    [
        ("forms", {"name": "f", "questions": [{"id": "q", "text": "?", "choises": []}]},
         "questions[0].choises", "choices"),
        ("scenarios",
         {"name": "s", "start": "a", "nodes": {"a": {"type": "message", "message": "m", "nxt": "b"}}},
         "nodes.a.message.nxt", "next"),
        ("policies", {"quiet_hours": {"from": "21:00", "to": "09:00", "thn": "skip"}},
         "quiet_hours.thn", "then"),
        ("rules", {"name": "r", "when": {"event": "messaged", "mach": {}}, "then": []}, "when.mach", "match"),
    ],
)  # fmt: skip
def test_a_slip_in_a_field_is_named_at_any_depth(
    kind: str, body: dict[str, Any], path: str, near: str
) -> None:
    """At any depth, an unknown field is told with the nearest one of those that may stand there."""
    with pytest.raises(InvalidInput) as caught:
        normal_body(CHECKED[kind], body)
    [detail] = caught.value.details
    assert detail.path == path
    assert detail.message == f'is not a known field (did you mean "{near}"?)'


def test_views_answer_or_are_translated() -> None:
    """Errors become the contract's shape; outages are 503; surprises are 500 without a trace of code."""

    def view(error: Exception | None) -> Any:
        if error:
            raise error
        return {"ok": True}

    safe = answers.http_errors(view)
    assert safe(None).body == {"ok": True}
    conflict = safe(Conflict(quoted("stale"), current_revision=7))
    assert conflict.status_code == 409
    assert json.loads(str(conflict.body))["error"] == {
        "code": "conflict",
        "message": "stale",
        "reason": {"code": "plain_text", "params": {"text": "stale"}},
        "details": [],
        "current_revision": 7,
    }
    throttled = ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "GetItem")
    refused = ClientError({"Error": {"Code": "ValidationException", "Message": "secret"}}, "GetItem")
    wrapped = RuntimeError("boom")
    wrapped.__cause__ = throttled
    outages = [
        safe(error)
        for error in (
            throttled,
            wrapped,
            ConnectTimeoutError(endpoint_url="x"),
            refused,
            ZeroDivisionError("secret"),
        )
    ]
    assert [answer.status_code for answer in outages] == [503, 503, 503, 500, 500]
    assert all("secret" not in str(answer.body) for answer in outages)
    assert safe(Unavailable(quoted("x"))).status_code == 503
    assert isinstance(answers.http_errors(lambda: Response(body="x", status_code=202))(), Response)


def test_compressed_bodies_are_refused() -> None:
    """A body in another coding is 415 with what to do; it is never read as if it were text."""
    with pytest.raises(UnsupportedMediaType):
        bodies.json_body(a_request(b"\x1f\x8b", content_encoding="gzip"), Sample)
    assert bodies.raw_body(a_request(b"{}", content_encoding="identity")) == b"{}"


def test_unknown_fields_name_the_one_that_was_meant() -> None:
    """A slip in a field's name is answered with the name that the door knows."""
    (detail,) = refusal(b'{"name": "a", "thn": []}').details
    assert (detail.path, detail.message) == ("thn", 'is not a known field (did you mean "then"?)')


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", "en"),
        ("ja", "ja"),
        ("ja-JP,ja;q=0.9,en;q=0.8", "ja"),
        ("en-US,en;q=0.9,ja;q=0.8", "en"),
        ("fr, ja;q=0.5", "ja"),
        ("ja;q=0", "en"),
        ("*", "en"),
        ("ja;q=x, en;q=0.1", "ja"),
        ("," * 10_000, "en"),
    ],
)
def test_a_header_may_choose_the_language(header: str, wanted: str) -> None:
    """The language that is liked best among ours; English when none is named."""
    assert language.preferred(header) == wanted
