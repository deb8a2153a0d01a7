"""Listing followers: whoever LINE lists all the time becomes a friend, though LINE's pages move between asks.

Small scope: friends 0, 1 and 2; LINE cuts its list into pages in one way (0 and 1, then 2) or, after a
friend has gone, in another (0, then 1 and 2); a page that follows is asked for by the token of the answer
before. Two workers, any number of crashes and of copies of messages.

Steps and code (``transfers/followers.py``): ``ask`` LINE · ``mark`` the page's answer, put if absent
(``jobs.finish_chunk``) · ``read`` which answer stands · ``send`` its chunks · ``next``: the message of the
next page, or the job is split. A chunk is applied by its mark: the first of its name counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold

EVERYBODY = frozenset({0, 1, 2})
PAGES = {("", "a"): (0, 1), ("", "b"): (0,), ("a", "a"): (2,), ("b", "b"): (1, 2)}
"""By the token asked with and the way LINE cuts its list: who is on the page."""
LAST = 1

Asked = tuple[int, str]
"""A message: the page's number and the token."""
Chunk = tuple[int, tuple[int, ...]]


class Worker(NamedTuple):
    """One invocation: its message, and the answer it goes on with."""

    at: str = "idle"
    asked: Asked = (0, "")
    answer: str = ""


class State(NamedTuple):
    """Which answer stands for each page, messages, chunks on their way and done, who is a friend."""

    marks: tuple[str, str] = ("", "")
    queue: frozenset[Asked] = frozenset({(0, "")})
    chunks: frozenset[Chunk] = frozenset()
    done: frozenset[int] = frozenset()
    made: frozenset[int] = frozenset()
    is_cut: bool = False
    workers: tuple[Worker, Worker] = (Worker(), Worker())


MUTATIONS = ("goes on with its own answer", "the next page before the chunks")


def model(mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it."""

    def steps(s: State) -> Iterable[tuple[str, State]]:
        for chunk in sorted(s.chunks):
            page, users = chunk
            made = s.made if page in s.done else s.made | set(users)
            yield f"chunk {chunk}", s._replace(chunks=s.chunks - {chunk}, made=made, done=s.done | {page})
            yield f"!a copy of chunk {chunk}", s._replace(made=made, done=s.done | {page})
        for number, worker in enumerate(s.workers):
            yield from work(s, number, worker)

    def put(s: State, number: int, worker: Worker) -> State:
        workers = (worker, s.workers[1]) if number == 0 else (s.workers[0], worker)
        return s._replace(workers=workers)

    def work(s: State, number: int, me: Worker) -> Iterable[tuple[str, State]]:
        if me.at == "idle":
            for asked in sorted(s.queue):
                got = put(s, number, Worker("ask", asked))
                yield f"{number} takes {asked}", got._replace(queue=s.queue - {asked})
                yield f"!{number} takes a copy of {asked}", got
            return
        # SQS delivers again what was not finished.
        yield f"!{number} crashes", put(s, number, Worker())._replace(queue=s.queue | {me.asked})
        page, token = me.asked
        if me.at == "ask" and s.is_cut:
            yield f"{number} finds it cut", put(s, number, Worker())
        elif me.at == "ask" and s.marks[page] and mutation != MUTATIONS[0]:
            yield f"{number} finds an answer", put(s, number, me._replace(at="read"))
        elif me.at == "ask":
            for way in ("a", "b"):
                if (token, way) in PAGES:
                    yield f"{number} is answered {way}", put(s, number, me._replace(at="mark", answer=way))
        elif me.at == "mark":
            marked = s.marks[page] or me.answer
            marks = (marked, s.marks[1]) if page == 0 else (s.marks[0], marked)
            after = put(s, number, me._replace(at="read"))
            yield f"{number} marks {me.answer}", after._replace(marks=marks)
        elif me.at == "read":
            answer = me.answer if mutation == MUTATIONS[0] else s.marks[page]
            at = "next" if mutation == MUTATIONS[1] else "send"
            yield f"{number} goes on with {answer}", put(s, number, me._replace(at=at, answer=answer))
        elif me.at == "send":
            chunk = (page, PAGES[token, me.answer])
            at = "over" if mutation == MUTATIONS[1] else "next"
            yield (
                f"{number} sends {chunk}",
                put(s, number, me._replace(at=at))._replace(chunks=s.chunks | {chunk}),
            )
        elif me.at == "next":
            after = put(s, number, me._replace(at="send") if mutation == MUTATIONS[1] else Worker())
            if page == LAST:
                yield f"{number} cuts the job", after._replace(is_cut=True)
            else:
                yield f"{number} asks on", after._replace(queue=s.queue | {(page + 1, me.answer)})
        else:
            yield f"{number} is over", put(s, number, Worker())

    def complete(s: State) -> bool:
        return s.is_cut and s.done == {0, LAST}

    def invariant(s: State) -> str | None:
        if complete(s) and s.made != EVERYBODY:
            return f"the job is done, and {set(EVERYBODY - s.made)} is no friend"
        return None

    return Model(mutation or "followers", State(), steps, invariant, complete)


def test_whoever_is_listed_becomes_a_friend() -> None:
    """In every order of two workers, crashes and copies."""
    must_hold(model(), more_than=500)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_mutation_is_caught(mutation: str) -> None:
    """Another order of the steps misses somebody, or never comes to an end."""
    must_break(model(mutation))
