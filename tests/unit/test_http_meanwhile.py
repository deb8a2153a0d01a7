"""What is begun while a request is answered ends before the answer leaves, whatever comes of the request."""

from __future__ import annotations

from typing import Any

import pytest
from chalice.app import Response

from chalicelib.http.meanwhile import end_before_answer, end_what_was_begun

REQUEST: Any = None


def test_it_ends_when_the_answer_is_made() -> None:
    """In the order of its beginning; what is begun outside of a request ends at once."""
    order: list[str] = []

    def respond(_: Any) -> Response:
        end_before_answer(lambda: order.append("first"))
        end_before_answer(lambda: order.append("second"))
        order.append("answered")
        return Response("x")

    assert end_what_was_begun(REQUEST, respond).body == "x"
    assert order == ["answered", "first", "second"]
    end_before_answer(lambda: order.append("alone"))
    assert order[-1] == "alone"


def test_it_ends_when_there_is_no_answer() -> None:
    """A request that fails leaves nothing behind that the next would end."""
    ended: list[str] = []

    def respond(_: Any) -> Response:
        end_before_answer(lambda: ended.append("x"))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        end_what_was_begun(REQUEST, respond)
    assert ended == ["x"]
