"""Who waits for an answer does not wait for a table to say again what was known just now."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from chalicelib.http.answers import is_outage
from chalicelib.shared.observability import carried, logger

T = TypeVar("T")

PATIENCE_S = 0.1

_under_way: dict[tuple[str, str], Future[Any]] = {}
_lock = threading.Lock()


def anew_or_known(what: tuple[str, str], known: T, look: Callable[[], T]) -> T:
    """What ``look`` finds, when it finds it at once; else what was ``known``, and it goes on looking for who
    asks later. While the store does not answer, it is what was known.

    ``what`` names the question: nobody looks a second time while somebody does. Raises what ``look`` raises,
    but for an outage.
    """
    found: Future[T] = Future()
    with _lock:
        if what in _under_way:
            return known
        _under_way[what] = found
    threading.Thread(target=carried(_look), args=(what, look, found), daemon=True, name="look").start()
    wait([found], PATIENCE_S)
    if not found.done():
        return known
    error = found.exception()
    if error is None:
        return found.result()
    if not is_outage(error):
        raise error
    logger.error("what was known is taken: the store does not answer", extra={"what": what[0]})
    return known


def _look(what: tuple[str, str], look: Callable[[], T], found: Future[T]) -> None:
    try:
        answer = look()
    except BaseException as error:  # noqa: BLE001 (it is raised where the answer is waited for)
        del _under_way[what]
        found.set_exception(error)
    else:
        del _under_way[what]
        found.set_result(answer)
