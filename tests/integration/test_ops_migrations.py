"""Data migrations: in order, each once, from where they were cut off, and nothing at all in a dry run."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.catalog import service as catalog
from chalicelib.catalog import store as catalog_store
from chalicelib.catalog.service import Write
from chalicelib.ops import __main__ as ops
from chalicelib.ops import migrations
from chalicelib.ops.migrations import MIGRATIONS, Migration, Piece, run

LETTERS = "abcde"


class Toy:
    """Five letters, one for each piece; every second one needs a change."""

    def __init__(self) -> None:
        self.pieces: list[tuple[str, bool]] = []
        self.changed: list[str] = []

    def __call__(self, position: str | None, write: bool) -> Piece:
        letter = LETTERS[0 if position is None else LETTERS.index(position) + 1]
        self.pieces.append((letter, write))
        needs = letter in "ace"
        if needs and write:
            self.changed.append(letter)
        return Piece(1, int(needs), letter if letter != LETTERS[-1] else None)


def test_a_migration_is_done_once(cloud: None) -> None:
    """Piece after piece to its end, and never again."""
    toy = Toy()
    last = list(run([Migration(7, "letters", toy)]))[-1]
    assert (last.seen, last.changed, last.done) == (5, 3, True)
    assert toy.changed == list("ace")
    assert list(run([Migration(7, "letters", toy)])) == []
    assert len(toy.pieces) == 5


@pytest.mark.parametrize("pieces", range(1, 5))
def test_what_was_cut_off_goes_on_where_it_was(cloud: None, pieces: int) -> None:
    """No piece that was finished is done again, and the counts are those of the whole."""
    toy = Toy()
    list(islice(run([Migration(7, "letters", toy)]), pieces))
    last = list(run([Migration(7, "letters", toy)]))[-1]
    assert [letter for letter, _ in toy.pieces] == list(LETTERS)
    assert (last.seen, last.changed) == (5, 3)


def test_a_piece_that_failed_is_done_again(cloud: None) -> None:
    """A migration that raises stands before the piece that raised."""
    toy, failed = Toy(), [False]

    def work(position: str | None, write: bool) -> Piece:
        if position == "b" and not failed[0]:
            failed[0] = True
            raise RuntimeError("throttled")
        return toy(position, write)

    with pytest.raises(RuntimeError):
        list(run([Migration(7, "letters", work)]))
    list(run([Migration(7, "letters", work)]))
    assert [letter for letter, _ in toy.pieces] == list(LETTERS)


def test_a_dry_run_counts_and_changes_nothing(cloud: None) -> None:
    """It tells what the real one will, which then begins at the beginning."""
    toy = Toy()
    report = list(run([Migration(7, "letters", toy)], dry_run=True))[-1]
    assert (report.seen, report.changed, report.done) == (5, 3, True)
    assert toy.changed == []
    assert list(run([Migration(7, "letters", toy)]))[-1] == report
    assert toy.changed == list("ace")


def test_migrations_run_in_the_order_of_their_numbers(cloud: None) -> None:
    """A later one finds what the earlier one left; one that is new runs alone."""
    order: list[int] = []

    def a(number: int) -> Migration:
        return Migration(
            number, str(number), lambda _position, _write: order.append(number) or Piece(0, 0, None)
        )

    list(run([a(2), a(1)]))
    list(run([a(3), a(2), a(1)]))
    assert order == [1, 2, 3]


def test_the_numbers_are_different() -> None:
    """No number is given twice."""
    numbers = [migration.number for migration in MIGRATIONS]
    assert len(set(numbers)) == len(numbers)


def calling(secret: str) -> dict[str, Any]:
    return {"name": "r", "then": [{"call_webhook": {"url": "https://pos.example/", "secret": secret}}]}


def test_secrets_of_before_are_listed(cloud: None, capsys: pytest.CaptureFixture[str]) -> None:
    """0001: what a version without the list kept is found in the documents of every account."""
    credentials = {"channel_secret": "s", "channel_access_token": "t"}
    for name in ("a", "b", "c"):
        accounts.put_account(Account(name, name, "Asia/Tokyo", 2), credentials, shards=2, by="tests")
    for name in ("a", "c"):
        writes = [Write("rules", "one", calling("x")), Write("rules", "two", calling("y"))]
        catalog.save(name, writes, lambda _: None, "tests")
        for secret in catalog_store.listed_secrets(name):
            catalog_store.unlist_secret(name, secret)

    def migrated(*more: str) -> list[tuple[int, int, bool]]:
        assert ops.main(["migrate", *more]) == 0
        report = json.loads(capsys.readouterr().out)["migrations"]
        return [(found["seen"], found["changed"], found["done"]) for found in report]

    assert migrated("--dry-run") == [(4, 4, True)]
    assert catalog_store.listed_secrets("a") == {}
    assert migrated() == [(4, 4, True)]
    for name in ("a", "c"):
        named = {s for rule in ("one", "two") for s in _secrets(name, rule)}
        assert set(catalog_store.listed_secrets(name)) == named
    assert migrated() == []
    assert migrations.MIGRATIONS[0].number == 1


def _secrets(account: str, rule: str) -> list[str]:
    from chalicelib.catalog import sealing

    return list(sealing.references(catalog.snapshot(account).get("rules", rule).body))
