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

from chalicelib.shared import bodies, http
from chalicelib.shared.errors import Conflict, InvalidInput, TooLarge, Unavailable


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


def refusal(body: bytes, **limits: int) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        http.json_body(a_request(body), Sample, **limits)
    return caught.value


def test_a_good_body_is_the_model() -> None:
    """UTF-8 JSON, with or without a byte order mark, with 4-byte characters, is read."""
    for text in (
        '{"name": "髪💇🏽‍♀️", "then": [{"points": 1}]}',
        '\ufeff{"name": "髪💇🏽‍♀️", "then": [{"points": 1}]}',
    ):
        model = http.json_body(a_request(text.encode()), Sample)
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

    assert http.json_body(a_request(b"", "POST"), Nothing) == Nothing()
    assert http.json_body(a_request(None, "POST"), Nothing) == Nothing()
    with pytest.raises(InvalidInput):
        http.json_body(a_request(b"", "PUT"), Nothing)


def test_bodies_have_a_size() -> None:
    """One byte more than the limit is too large; the limit itself is not."""
    assert http.raw_body(a_request(b"x" * 10), 10) == b"x" * 10
    with pytest.raises(TooLarge):
        http.raw_body(a_request(b"x" * 11), 10)
    assert bodies.MAX_BODY_BYTES == 1 << 20


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
        http.json_body(a_request(body), Sample)


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8")),
        st.text(st.characters(codec="utf-8")) | st.integers(),
        max_size=4,
    )
)
def test_cursors_come_back(position: dict[str, Any]) -> None:
    """A position survives its cursor, whose text needs no escaping in a URL."""
    cursor = http.encode_cursor(position)
    assert http.decode_cursor(cursor) == position
    assert cursor.isascii()
    assert not set(cursor) & set("+/=&?#% ")


@given(st.text(max_size=60))
def test_foreign_cursors_are_invalid_input(text: str) -> None:
    """A cursor that is none of ours is refused, whatever it is."""
    try:
        position = http.query_cursor(a_request(query={"cursor": [text]}), "after")
    except InvalidInput:
        return
    assert position is None or isinstance(position["after"], str)


@pytest.mark.parametrize("text", ["0", "201", "-1", "abc", "1.5", "", "１", "9" * 30, " 5", "+5"])
def test_limits_are_whole_numbers_in_range(text: str) -> None:
    """A bad ``limit`` is refused with its name."""
    with pytest.raises(InvalidInput) as caught:
        http.query_int(a_request(query={"limit": [text]}), "limit", 100)
    assert caught.value.details[0].path == "limit"


def test_queries_have_defaults() -> None:
    """Missing parameters are their defaults; given ones are read."""
    assert http.query_int(a_request(), "limit", 100) == 100
    assert http.query_int(a_request(query={"limit": ["200"]}), "limit", 100) == 200
    assert http.query_text(a_request(query={"q": ["髪"]}), "q") == "髪"
    assert http.query_text(a_request(), "q") is None
    assert http.query_bool(a_request(query={"wait": ["true"]}), "wait") is True
    assert http.query_bool(a_request(), "wait") is False
    with pytest.raises(InvalidInput):
        http.query_bool(a_request(query={"wait": ["yes"]}), "wait")


@pytest.mark.parametrize(("text", "revision"), [("12", 12), ('"12"', 12), (None, None)])
def test_if_match_is_a_revision(text: str | None, revision: int | None) -> None:
    """``If-Match`` is a revision, quoted or not."""
    headers = {} if text is None else {"if_match": text}
    assert http.if_match(a_request(**headers)) == revision


@pytest.mark.parametrize("text", ["abc", "*", "", "-1", "1.0", "9" * 40])
def test_other_if_matches_are_refused(text: str) -> None:
    """Anything else in ``If-Match`` is invalid input: ignoring it would overwrite."""
    with pytest.raises(InvalidInput):
        http.if_match(a_request(if_match=text))


@pytest.mark.parametrize("text", ["A", "-a", "_a", "a b", "a/b", "", "a" * 65, "あ", "a\n", "a%2Fb", "%ff"])
def test_ids_have_a_pattern(text: str) -> None:
    """What is no id is invalid input, with percent-encoding undone first."""
    with pytest.raises(InvalidInput):
        http.path_id(text, "tag")


def test_ids_and_texts_are_decoded() -> None:
    """Chalice's local gateway hands path elements over encoded; both forms are the same id."""
    assert http.path_id("a%2Db", "tag") == "a-b"
    assert http.path_text("U%E9%AB%AA") == "U髪"


def test_views_answer_or_are_translated() -> None:
    """Errors become the contract's shape; outages are 503; surprises are 500 without a trace of code."""

    def view(error: Exception | None) -> Any:
        if error:
            raise error
        return {"ok": True}

    safe = http.http_errors(view)
    assert safe(None).body == {"ok": True}
    conflict = safe(Conflict("stale", current_revision=7))
    assert conflict.status_code == 409
    assert json.loads(str(conflict.body))["error"] == {
        "code": "conflict",
        "message": "stale",
        "details": [],
        "current_revision": 7,
    }
    throttled = ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "GetItem")
    refused = ClientError({"Error": {"Code": "ValidationException", "Message": "secret"}}, "GetItem")
    wrapped = RuntimeError("boom")
    wrapped.__cause__ = throttled
    answers = [
        safe(error)
        for error in (
            throttled,
            wrapped,
            ConnectTimeoutError(endpoint_url="x"),
            refused,
            ZeroDivisionError("secret"),
        )
    ]
    assert [answer.status_code for answer in answers] == [503, 503, 503, 500, 500]
    assert all("secret" not in str(answer.body) for answer in answers)
    assert safe(Unavailable("x")).status_code == 503
    assert isinstance(http.http_errors(lambda: Response(body="x", status_code=202))(), Response)


@given(
    st.recursive(st.integers(), lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(), x, max_size=3))
)
def test_depth_counts_levels(value: Any) -> None:
    """Wrapping a value in a list makes it one level deeper."""
    assert bodies.depth([value]) == bodies.depth(value) + 1
