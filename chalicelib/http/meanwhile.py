"""What goes on while an answer is made, and ends before it leaves: Lambda freezes whatever still runs."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

from chalice.app import Request, Response

Work = Callable[[], None]

_begun: ContextVar[list[Work] | None] = ContextVar("begun", default=None)


def end_before_answer(end: Work) -> None:
    """Have something that was begun ended when the answer is made; at once where no request is answered."""
    begun = _begun.get()
    if begun is None:
        end()
    else:
        begun.append(end)


def end_what_was_begun(request: Request, respond: Callable[[Request], Response]) -> Response:
    """Chalice middleware: the outermost one, so that what was begun has the time of all the others."""
    begun: list[Work] = []
    outside = _begun.set(begun)
    try:
        return respond(request)
    finally:
        _begun.reset(outside)
        for end in begun:
            end()
