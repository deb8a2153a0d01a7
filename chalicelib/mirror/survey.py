"""Comparing the mirror with the table, for ``doctor``: reads every friend of the shards it is given."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import orjson

from chalicelib.friends import marks
from chalicelib.mirror import columns, local_copy, marked, store
from chalicelib.mirror.local_copy import Copy
from chalicelib.mirror.marked import Marked


def differences(account: str, shards: int, chosen: Collection[int]) -> Iterator[tuple[str, str]]:
    """``(user id, what is wrong)``: who is missing, who should not be there, whose row is not the sheet's.

    Whoever has another mark has changed since the snapshot, which is right if the index names it. Nothing
    where there is no snapshot, or no DuckDB.
    """
    in_force = store.find(account) if local_copy.is_installed() else None
    if in_force is None or not in_force.is_whole(shards):
        return
    copy = Copy(in_force)
    try:
        for shard in chosen:
            yield from _of_shard(account, shard, copy)
    finally:
        copy.retire()


def _of_shard(account: str, shard: int, copy: Copy) -> Iterator[tuple[str, str]]:
    both = "FROM friends f JOIN sheets s USING (n)"
    query = f"SELECT user_id, mark, sheet {both} WHERE shard = {shard}"
    rows = {user: (mark, sheet) for user, mark, sheet in copy.rows(query)}
    for page in marked.shard_pages(account, shard):
        for one in page:
            if wrong := _wrong(one, rows.pop(one.sheet["user_id"], None), copy.in_force.changed):
                yield one.sheet["user_id"], wrong
    named = marked.changed(account, [shard], copy.in_force.changed)
    yield from ((user, "is in the mirror and not in the table") for user in rows if user not in named)


def _wrong(one: Marked, row: tuple[str | None, str] | None, since: marks.Range) -> str | None:
    if one.mark is not None and since[0] <= one.mark <= since[1] and (row is None or row[0] != one.mark):
        return None  # changed since, and found by every question
    if row is None:
        return "is in the table and not in the mirror"
    if one.mark != row[0]:
        return "has changed, and no question finds it"
    kept = columns.kept(one.sheet)
    return None if orjson.loads(kept) == orjson.loads(row[1]) else "differs from the sheet of the same mark"
