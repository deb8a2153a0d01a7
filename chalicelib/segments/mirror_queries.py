"""Asking the mirror: here, where DuckDB is installed, else the function that has it; or nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import Blueprint

from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.catalog.service import snapshot
from chalicelib.conditions import language as conditions
from chalicelib.conditions.model import Context, Predicate
from chalicelib.events.sheet import Sheet
from chalicelib.gateways import functions
from chalicelib.mirror import local_copy, reader, sql
from chalicelib.mirror.reader import Found, Question
from chalicelib.segments import sorting, trend
from chalicelib.shared.observability import logger, observed
from chalicelib.shared.settings import settings
from chalicelib.shared.text.folding import fold, is_named_like

bp = Blueprint(__name__)

Asked = dict[str, Any]
"""A question as it travels: ``account``, ``at`` (the moment), ``condition`` (of an audience), ``also``
(another, whoever follows or not), ``q``; ``bounds`` of days to count by; ``quick``;
for a list ``sort``, ``order``, ``limit``, ``after``."""


def count(account: Account, condition: Any, now: datetime, named: str = "") -> int | None:
    """How many friends an audience has, exactly; None: there is no mirror to ask."""
    found: int | None = _ask(
        {"account": account.id, "condition": condition, "at": now.isoformat(), "q": named}
    )
    return found


def count_everyone(account: Account, condition: Any, now: datetime) -> int | None:
    """The same among all friends, whoever follows or not."""
    found: int | None = _ask({"account": account.id, "also": condition, "at": now.isoformat()})
    return found


def by_days(
    account: Account, now: datetime, bounds: Sequence[int], *, is_quick: bool = False
) -> tuple[dict[str, int], bool] | None:
    """How many friends have each key of ``trend``, and whether that is the whole answer; None: there is no
    mirror to ask.
    """
    asked = {"account": account.id, "at": now.isoformat(), "bounds": list(bounds), "quick": is_quick}
    found = _ask(asked)
    return None if found is None else (found[0], found[1])


def find(account: Account, now: datetime, page: Mapping[str, Any]) -> Found | None:
    """A page of friends in an order (what ``Asked`` says of a list), and how many there are in all."""
    asked = {"account": account.id, "at": now.isoformat(), **page}
    found = _ask(asked)
    if found is None:
        return None
    return Found([(key, user) for key, user in found["items"]], found["total"], found["is_whole"])


def _ask(asked: Asked) -> Any:
    if not settings().mirror:
        return None
    if local_copy.is_installed():
        return answer(asked)
    if settings().is_local:
        return None
    try:
        return functions.ask("mirror", asked)
    except (functions.Failed, BotoCoreError, ClientError):
        logger.warning("the mirror did not answer; the table does", exc_info=True)
        return None


@bp.lambda_function(name="ask_mirror")
@observed
def ask_mirror(event: Asked, _context: Any) -> Any:
    """A question to the mirror, from a function that has no DuckDB: a number, or ``{"items", "total"}``."""
    return answer(event)


def answer(asked: Asked) -> Any:
    """The answer to a question, as JSON can say it; None: there is no snapshot yet."""
    account, now = get_account(asked["account"]), datetime.fromisoformat(asked["at"])
    context = Context(snapshot(account.id), account.zone)
    question = _question(account, context, asked, now)
    if "bounds" in asked:
        key, of = trend.keys(asked["bounds"])
        return reader.tally(question, key, of)
    if "limit" not in asked:
        return reader.count(question)
    order = sorting.order(asked["sort"], asked["order"], context, account.shards, now)
    after = asked.get("after")
    found = reader.find(question, order, int(asked["limit"]), (after[0], after[1]) if after else None)
    return None if found is None else vars(found)


def _question(account: Account, context: Context, asked: Asked, now: datetime) -> Question:
    named: str = asked.get("q") or ""
    parts, tests = [_named_sql(named)] if named else [], list[Predicate]()
    needs: set[str] = set()
    if (condition := asked.get("condition")) is not None:
        parts.append(conditions.audience_to_sql(condition, context, now))
        tests.append(conditions.compile_audience(condition, context))
        needs |= conditions.needs(condition, context.snapshot)
    if (also := asked.get("also")) is not None:
        parts.append(conditions.to_sql(also, context, now))
        tests.append(conditions.compile(also, context))
        needs |= conditions.needs(also, context.snapshot)

    def is_meant(sheet: Sheet) -> bool:
        return all(test(sheet, now) for test in tests) and is_named(sheet, named)

    is_quick = bool(asked.get("quick"))
    return Question(account.id, account.shards, sql.every(parts), is_meant, frozenset(needs), is_quick)


def is_named(sheet: Sheet, wanted: str) -> bool:
    """Whether a friend's name or id holds a text, both folded; everybody's holds nothing."""
    return not wanted or is_named_like(wanted, sheet.get("display_name"), sheet["user_id"])


def _named_sql(wanted: str) -> sql.Part:
    sought = sql.text(fold(wanted))
    return sql.exact(f"(contains(coalesce(f.folded, ''), {sought}) OR contains(f.folded_id, {sought}))")
