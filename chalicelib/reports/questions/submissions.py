"""Each time that a form was answered to its end, the latest first: who, when, where, and what they said.

The list says that it was; the answers are those of the event on the timeline, so what is taken back or
erased there is gone here. Who has answered a form three times is in it three times.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from chalicelib.accounts.model import Account
from chalicelib.conversations import contents
from chalicelib.forms.kinds import QUESTION_TYPES
from chalicelib.friends import service as friends
from chalicelib.reports import store
from chalicelib.reports.questions.lines import ends
from chalicelib.reports.store import Submission
from chalicelib.shared.settings import settings
from chalicelib.timeline import service as activities
from chalicelib.timeline.unsend import UNSENT
from chalicelib.transfers import cells

TOGETHER = 100
BEGINNING, END = "0", "~"
Row = dict[str, Any]


def file_questions(body: Mapping[str, Any]) -> list[str]:
    """The questions of a form document that are answered by files."""
    asked = body.get("questions") or ()
    return [one["id"] for one in asked if QUESTION_TYPES[one.get("type", "text")].takes_files]


def with_files(account: Account, rows: Sequence[Row], questions: Sequence[str]) -> list[Row]:
    """Rows with ``files``: of each answer that is a file where it can be read, and what it is."""
    sent = {(row["user_id"], content) for row in rows for content in _contents(row, questions).values()}
    known = contents.find_each(account.id, sorted(sent))
    for row in rows:
        user = row["user_id"]
        row["files"] = {
            id_: _file(account.id, user, content, known.get((user, content)) or {"status": "gone"})
            for id_, content in _contents(row, questions).items()
        }
    return list(rows)


def _contents(row: Row, questions: Sequence[str]) -> dict[str, str]:
    """Of each answer that is a file its id; what was taken back is none."""
    answers = row["answers"] or {}
    found = {id_: answers.get(id_) for id_ in questions}
    return {id_: value for id_, value in found.items() if isinstance(value, str) and value != UNSENT}


def _file(account: str, user: str, content: str, record: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: record.get(name) for name in ("status", "kind", "name", "content_type", "bytes")}
    return {"url": content_url(account, user, content), **known}


def content_url(account: str, user: str, content: str) -> str:
    """Where staff who may see the friend read what they have sent."""
    path = f"/v1/accounts/{account}/friends/{quote(user, safe='')}/messages/{quote(content, safe='')}/content"
    return f"{settings().public_url.rstrip('/')}{path}"


def page(
    account: Account, form: str, since: str, until: str, limit: int, after: str | None = None
) -> tuple[list[Row], str | None]:
    """Rows of a form from a moment until before another, and the place after which the next page begins."""
    last = min(after, until) if after is not None else until
    found, is_more = store.submissions(account.id, form, since, last, limit + 1)
    rest = [one for one in found if one.place != after]
    shown = rest[:limit]
    goes_on = bool(shown) and (is_more or len(rest) > limit)
    return _rows(account, form, shown), shown[-1].place if goes_on else None


def every(account: Account, form: str, since: str, until: str) -> Iterator[list[Row]]:
    """All of them, page by page."""
    after: str | None = None
    while True:
        rows, after = page(account, form, since, until, TOGETHER, after)
        yield rows
        if after is None:
            return


def linked(account: str, pages: Iterator[list[Row]], questions: Sequence[str]) -> Iterator[list[Row]]:
    """Rows for a file of ours: with the addresses of files in the places of their ids."""
    for rows in pages:
        for row in rows:
            for id_, content in _contents(row, questions).items():
                row["answers"][id_] = content_url(account, row["user_id"], content)
        yield rows


def _rows(account: Account, form: str, found: Sequence[Submission]) -> list[Row]:
    names = [(account.id, one.user, one.event) for one in found]
    events = activities.find_each(names)
    sheets = friends.load_many(account.id, account.shards, sorted({one.user for one in found}))
    return [
        {
            "user_id": one.user,
            "display_name": (sheets.get(one.user) or {}).get("display_name"),
            "at": one.at,
            "on": one.on,
            **_result(events[one.user, one.event], form),
        }
        for one in found
        if (one.user, one.event) in events
    ]


def _result(activity: Mapping[str, Any], form: str) -> Row:
    """What an event says of the form's end; ``answers`` are None where they were too long to be kept."""
    props = next((one for one in ends(activity) if one["form"] == form), {})
    return {name: props.get(name) for name in ("answers", "result", "points")}


def header(body: Mapping[str, Any]) -> list[str]:
    """The columns of a form's CSV; an import takes none of them."""
    results = [one["id"] for one in body.get("results") or ()]
    by_result = any(
        isinstance(choice.get("points"), Mapping)
        for question in body.get("questions") or ()
        for choice in question.get("choices") or ()
    )
    points = [f"points.{one}" for one in results] if by_result else ["points"]
    outcome = ["result", *points] if results else []
    questions = [f"answer.{question['id']}" for question in body.get("questions") or ()]
    return ["user_id", "display_name", "at", "on", *outcome, *questions]


def lines(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """Rows as lines of the file."""
    text = io.StringIO()
    found = [[cells.write(_value(column, row)) for column in columns] for row in rows]
    csv.writer(text, lineterminator="\r\n").writerows(found)
    return text.getvalue()


def _value(column: str, row: Row) -> Any:
    kind, _, name = column.partition(".")
    if not name:
        return None if isinstance(row[kind], Mapping) else _whole(row[kind])
    held = row["answers" if kind == "answer" else kind]
    return _whole(held.get(name)) if isinstance(held, Mapping) else None


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
