"""Importing a history of purchases: a line for each order, or for each item of an order.

Lines with one ``order_id`` are one order, wherever they are in the file; what all of them say needs to be
given once. The file is split like one of friends, by order, and each order goes the way of
``POST /purchases``: what was reported before is a duplicate and no error. Without ``fire`` nothing reacts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.accounts.service import get_account
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.intake import model, service
from chalicelib.jobs import service as jobs
from chalicelib.shared.errors import Detail, InvalidInput, TodokuError
from chalicelib.shared.reasons import Reason
from chalicelib.shared.storable import unfit
from chalicelib.shared.time_left import TimeLeft
from chalicelib.sheets import money
from chalicelib.sheets.values import UnfitValue, number
from chalicelib.transfers import beginning, cells, rows, splitting
from chalicelib.transfers.beginning import Form, Wish
from chalicelib.transfers.layouts import Asked, Heads, Layout, renamed
from chalicelib.transfers.rows import LEFT_OUT, WrongLine
from chalicelib.transfers.uploads import Source

JOB, KEY = "import_purchases", "order_id"
_ORDER = ("user_id", "member_id", "at", "amount", "currency", "refund_of")
_ITEM = {"product": "product", "category": "category", "quantity": "quantity", "item_amount": "amount"}
"""Columns of an item, and what an item calls them."""
_NUMBERS = frozenset({"amount", "quantity", "item_amount"})
COLUMNS = (KEY, *_ORDER, *_ITEM)

Line = dict[str, Any]


def start(account: str, source: Source, wish: Wish) -> str | dict[str, Any]:
    """Understand the columns, keep the file, queue its splitting; the job's id, or what a dry run found.

    Raises as ``beginning.start`` does.
    """
    return beginning.start(account, source, FORM, wish)


def work(body: dict[str, Any], left: TimeLeft) -> None:
    """The body of a message ``{"job": "import_purchases", …}``: split the file, or take in one chunk."""
    if "rows" in body:
        _take(body)
    else:
        splitting.work(body, left, FORM.check)


def _layout(heads: Heads, _catalog: Snapshot, asked: Asked) -> Layout:
    header = renamed(heads[0], asked.mapping)
    twice = sorted({column for column in header if column and header.count(column) > 1})
    wrong = [Detail(f"header.{column}", Reason("column_twice")) for column in twice]
    wrong += [
        Detail(f"header.{column}", Reason("column_unknown", known=list(COLUMNS)))
        for column in header
        if column and column not in COLUMNS
    ]
    for needed in ((KEY,), ("at",), ("user_id", "member_id"), ("amount", "item_amount")):
        if not set(needed) & set(header):
            wrong.append(Detail(f"header.{needed[0]}", Reason("is_missing")))
    if wrong:
        raise InvalidInput.of(wrong)
    return Layout(list(heads[0]), header)


def _line(header: Sequence[str], found: Sequence[str], _catalog: Snapshot | None, zone: ZoneInfo) -> Line:
    """A line's cells, each checked; empty ones are left out. Raises WrongLine."""
    if any(cell.strip() for cell in found[len(header) :]):
        raise WrongLine(Reason("cells_too_many", cells=len(found), columns=len(header)))
    line: Line = {}
    for column, cell in zip(header, found, strict=False):
        text = cells.read(cell)
        if text is None or column == LEFT_OUT:
            continue
        if unfit(text):
            raise rows.wrong(column, Reason("cell_unstorable"))
        line[column] = _value(column, text, zone)
    if KEY not in line:
        raise rows.wrong(KEY, Reason("is_missing"))
    if "product" not in line and line.keys() & _ITEM.keys():
        raise rows.wrong("product", Reason("is_missing"))
    return line


def _value(column: str, text: str, zone: ZoneInfo) -> Any:
    if column == "at":
        return rows.timestamp(column, text, zone)
    if column not in _NUMBERS:
        return text
    try:
        return number(text.strip("¥￥円 "))
    except UnfitValue as error:
        raise rows.wrong(column, error.reason) from error


def _take(body: dict[str, Any]) -> None:
    """Take in the orders of a chunk, once or again."""
    job = jobs.header(body["account"], body["id"])
    if jobs.chunk_done(job, body["chunk"]):
        return
    zone, header = get_account(job.account).zone, job.params["header"]
    errors: list[dict[str, Any]] = []
    orders: dict[str, list[tuple[int, Line]]] = {}
    for line, found in body["rows"]:
        try:
            read = _line(header, found, None, zone)
            orders.setdefault(read[KEY], []).append((line, read))
        except WrongLine as error:
            errors.append({"line": line, **rows.in_words(error.reason), "user_id": _whose(header, found)})
    wanted: list[tuple[int, Line]] = []
    for lines in orders.values():
        try:
            wanted.append((lines[0][0], _purchase(lines)))
        except WrongLine as error:
            errors.append(_wrong(lines[0][0], lines[0][1], error.reason))
    errors += _taken(job, wanted)
    jobs.finish_chunk(job, body["chunk"], len(body["rows"]), errors)


def _taken(job: jobs.JobHeader, wanted: Sequence[tuple[int, Line]]) -> Iterator[dict[str, Any]]:
    """Take in orders; what is wrong with some of them, at their first lines."""
    if not wanted:
        return
    batch = service.Batch([order for _, order in wanted], "purchases", bool(job.params["fire"]))
    judged = service.judge(job.account, model.Purchase, batch, lambda _events: None)
    for (line, order), (_, error) in zip(wanted, judged, strict=True):
        if error is not None:
            yield _wrong(line, order, _where(error))


def _where(error: TodokuError) -> Reason:
    """What is wrong with an order, without its place in the chunk."""
    detail = error.details[0] if error.details else None
    if detail is None:
        return error.reason.public()
    path = detail.path.partition("].")[2] or detail.path
    return Reason("at", path=path, why=detail.reason.public())


def _purchase(lines: Sequence[tuple[int, Line]]) -> Line:
    """The order of some lines, as ``POST /purchases`` takes it. Raises WrongLine."""
    order: Line = {KEY: lines[0][1][KEY]}
    for number_, line in lines:
        for column in _ORDER:
            if column in line and order.setdefault(column, line[column]) != line[column]:
                raise rows.wrong(column, Reason("order_lines_differ", line=number_))
    items = [
        {theirs: line[ours] for ours, theirs in _ITEM.items() if ours in line}
        for _, line in lines
        if "product" in line
    ]
    if "amount" not in order:
        order["amount"] = money.plain(sum((money.exact(item.get("amount", 0)) for item in items), Decimal()))
    return order | ({"items": items} if items else {})


def _wrong(line: int, order: Line, why: Reason) -> dict[str, Any]:
    return {"line": line, **rows.in_words(why), "user_id": str(order.get("user_id", ""))}


def _whose(header: Sequence[str], found: Sequence[str]) -> str:
    """Whose line it is, for whoever is erased later."""
    at = list(header).index("user_id") if "user_id" in header else len(found)
    return found[at].strip() if at < len(found) else ""


FORM = Form(JOB, KEY, _layout, _line)
"""A file of purchases."""
