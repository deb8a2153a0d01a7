"""CSV as people's programs write it: read rightly, or refused with the line; what we write, we read."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.gateways import queues
from chalicelib.shared.errors import InvalidInput
from chalicelib.transfers import cells as csv_cells
from chalicelib.transfers import chunking
from chalicelib.transfers import rows as csv_rows
from chalicelib.transfers.csv_file import CsvFile
from tests.strategies import TOKYO, a_snapshot

SNAPSHOT = a_snapshot()
TABLE = 'user_id,display_name,attribute.area\r\nU1,髙橋 花子,"横浜,西区"\r\nU2,ﾊﾅｺ,東京\r\n'
CELLS = [["U1", "髙橋 花子", "横浜,西区"], ["U2", "ﾊﾅｺ", "東京"]]


def a_file(raw: bytes | str) -> CsvFile:
    return CsvFile(io.BytesIO(raw if isinstance(raw, bytes) else raw.encode()))


def cells(file: CsvFile) -> list[list[str]]:
    return [record.cells for record in file.records()]


ENCODINGS = ["utf-8", "utf-8-sig", "cp932", "utf-16", "utf-16-le", "utf-16-be"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_excel_saves_is_read(encoding: str, separator: str) -> None:
    """Every encoding by every separator: the same cells."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator).writerows([["user_id", "display_name", "attribute.area"], *CELLS])
    file = a_file(text.getvalue().encode(encoding))
    assert file.header == ["user_id", "display_name", "attribute.area"]
    assert cells(file) == CELLS
    assert cells(file) == CELLS


def test_utf_16_with_the_other_order_of_bytes_is_read() -> None:
    """Big-endian with its mark."""
    assert cells(a_file(b"\xfe\xff" + TABLE.encode("utf-16-be"))) == CELLS


REFUSED = {
    "cut in two in cp932": (b"user_id,display_name\nU1,abc\nU2," + "髙".encode("cp932")[:1] + b",\n", 3),
    "latin letters": ("user_id,display_name\nU1,José,\n".encode("latin-1"), 2),
    "UTF-8 or half-width kana": ("user_id,display_name\nU1,abc\nU2,é\n".encode(), 3),
    "Shift_JIS or EUC-JP": ("user_id,display_name\nU1,漢字仮名\n".encode("euc_jp"), 2),
    "half a pair in UTF-16": (b"\xff\xfe" + "user_id\nU1\n".encode("utf-16-le") + b"\x00\xd8\n\x00", 3),
    "ISO-2022-JP": ("user_id,display_name\nU1,abc\nU2,山田花子\n".encode("iso2022_jp"), 3),
    "UTF-32": ("user_id\nU1\n".encode("utf-32"), 1),
    "a quote that never ends": (b'user_id\nU1\n"U2\n', 3),
    "an Excel workbook": (b"PK\x03\x04\x14\x00\x06\x00" + bytes(100), 1),
    "an old Excel workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), 1),
    "bytes that no encoding has": (b"user_id,display_name\nU1,\xff\xff\n", 2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_or_in_two_ways_is_refused_with_the_line(name: str) -> None:
    """In English and Japanese; nothing is guessed."""
    raw, line = REFUSED[name]
    with pytest.raises(InvalidInput) as refused:
        cells(a_file(raw))
    assert refused.value.details[0].path == f"line {line}"
    assert f"{line}行目" in refused.value.reason.text("ja")


def test_names_with_accents_are_read_as_utf_8() -> None:
    """No mark is needed: nobody writes half-width katakana in the middle of a Latin word."""
    assert cells(a_file("user_id,display_name\nU1,José\nU2,Müller é\n"))[1] == ["U2", "Müller é"]


def test_half_width_kana_of_banks_are_read_as_shift_jis() -> None:
    """What no other encoding can read is not ambiguous."""
    raw = "user_id,display_name\nU1,ﾔﾏﾀﾞﾊﾅｺ\nU2,ｽｽﾞｷ\n".encode("cp932")
    assert cells(a_file(raw))[0] == ["U1", "ﾔﾏﾀﾞﾊﾅｺ"]


def test_a_large_file_is_looked_through_in_blocks() -> None:
    """A fault far behind the first block has its line; characters across blocks are whole."""
    lines = ["user_id,display_name", *(f"U{n},髙橋{n}" for n in range(20_000))]
    raw = "\n".join(lines).encode("cp932")
    assert cells(a_file(raw))[-1] == ["U19999", "髙橋19999"]
    with pytest.raises(InvalidInput, match="line 20002"):
        a_file(raw + b"\n\x81")


def test_blank_rows_and_columns_at_the_end_are_none_and_short_rows_are_fine() -> None:
    """Lines keep their numbers; only a filled cell outside the header is too many."""
    file = a_file("\nuser_id,display_name,,\n\nU1,a,,,\n , ,,\nU2\n")
    assert file.header == ["user_id", "display_name"]
    assert [record.line for record in file.records()] == [4, 6]
    rows = [csv_rows.parse(file.header, record.cells, SNAPSHOT, TOKYO) for record in file.records()]
    assert rows == [{"user_id": "U1", "display_name": "a"}, {"user_id": "U2"}]
    with pytest.raises(csv_rows.WrongLine, match="has 3 cells"):
        csv_rows.parse(["user_id", "display_name"], ["U1", "a", "b"], SNAPSHOT, TOKYO)


RIGHT: list[tuple[str, str, Any]] = [
    ("attribute.birthday", "2026/10/15", "2026-10-15"),
    ("attribute.birthday", "2026/1/5", "2026-01-05"),
    ("attribute.birthday", "2026/10/15 9:05", "2026-10-15"),
    ("attribute.birthday", "2026年10月15日", "2026-10-15"),
    ("attribute.birthday", "２０２６／１０／１５", "2026-10-15"),
    ("attribute.birthday", "2026-10-14T23:30Z", "2026-10-15"),
    ("attribute.member", "TRUE", True),
    ("attribute.member", "False", False),
    ("attribute.member", "ＴＲＵＥ", True),
    ("attribute.visits", "１２", 12),
    ("attribute.visits", "1,200", 1200),
    ("attribute.visits", "-0.5", -0.5),
    ("attribute.visits", "1E-7", 1e-7),
    ("attribute.area", "'=1+1", "=1+1"),
    ("attribute.area", "'tis", "'tis"),
    ("attribute.likes", "hair|spa", ["hair", "spa"]),
    ("followed_at", "2026/10/15 9:05", "2026-10-15T00:05:00.000Z"),
    ("followed_at", "2026年10月15日 9時5分", "2026-10-15T00:05:00.000Z"),
    ("followed_at", "2026/10/15", "2026-10-14T15:00:00.000Z"),
    ("followed_at", "2026-10-15T09:05:00+09:00", "2026-10-15T00:05:00.000Z"),
]
WRONG = [
    ("attribute.birthday", "2026/2/30"),
    ("attribute.birthday", "10/15/2026"),
    ("attribute.birthday", "26/10/15"),
    ("attribute.birthday", "R8.10.15"),
    ("attribute.birthday", "46310"),
    ("attribute.member", "はい"),
    ("attribute.member", "1"),
    ("attribute.visits", "十二"),
    ("attribute.visits", "1e400"),
    ("attribute.skin", "wet"),
    ("attribute.area", "x" * 1001),
    ("followed_at", "2026-10-15T09:05:00"),
    ("followed_at", "2026/13/1"),
    ("followed_at", "0900-01-01T00:00:00Z"),
    ("followed_at", "yesterday"),
    ("tags", "nope"),
    ("status", "follow"),
    ("display_name", "x" * 201),
]


@pytest.mark.parametrize(("column", "cell", "value"), RIGHT)
def test_cells_of_japanese_excel_mean_what_they_say(column: str, cell: str, value: Any) -> None:
    """Dates, times of the account's zone, flags, full-width digits."""
    row = csv_rows.parse(["user_id", column], ["U1", cell], SNAPSHOT, TOKYO)
    kind, _, id_ = column.partition(".")
    assert (row["attributes"][id_] if id_ else row[kind]) == value


@pytest.mark.parametrize(("column", "cell"), WRONG)
def test_cells_that_cannot_be_understood_are_refused_in_both_languages(column: str, cell: str) -> None:
    """With the column's name, never by guessing."""
    with pytest.raises(csv_rows.WrongLine) as refused:
        csv_rows.parse(["user_id", column], ["U1", cell], SNAPSHOT, TOKYO)
    assert str(refused.value)
    assert any("\u3040" <= char <= "\u9fff" for char in refused.value.reason.text("ja"))


TEXTS = st.text(st.sampled_from("=+-@\t\r\n '\"|\\,;あが髙ｶﾞ😀👨\u200d👩＝－0a\u3000"), max_size=8)


@given(TEXTS)
def test_a_cell_is_read_as_it_was_written(text: str) -> None:
    """Any text; and no spreadsheet takes what is written for a formula."""
    cell = csv_cells.write(text)
    assert csv_cells.read(cell) == text
    assert cell[0] not in "=+-@\t\r\n＝＋－＠"


@given(st.lists(TEXTS.map(str.strip).filter(bool), max_size=4))
def test_a_list_is_read_as_it_was_written(values: list[str]) -> None:
    """Whatever separators stand in its parts."""
    text = csv_cells.read(csv_cells.write(values))
    assert text is not None
    assert csv_cells.parts(text) == values


@given(st.one_of(st.integers(-(10**15), 10**15), st.floats(-1e15, 1e15)))
def test_a_number_is_read_as_it_was_written(value: float) -> None:
    """To the last digit, and never as text."""
    cell = csv_cells.write(value)
    assert cell.lstrip("-")[0].isdigit()
    text = csv_cells.read(cell)
    assert text is not None
    assert csv_cells.number(text) == value


def test_a_friends_lines_stay_together_and_nothing_is_lost() -> None:
    """Every line once; those of one friend in one chunk, in order; chunks no larger than messages carry."""
    users = [f"U{n % 130}" if n % 7 else "twice" for n in range(400)] + ["", ""]
    text = "user_id\n" + "".join(f'"{user}",x\n' for user in users)
    file = a_file("user_id,attribute.area\n" + text.partition("\n")[2])
    cut = list(chunking.chunks(file.records, 0))
    assert sorted(line for chunk in cut for line, _ in chunk) == list(range(2, 404))
    homes: dict[str, set[int]] = {}
    for number, chunk in enumerate(cut):
        assert len(chunk) <= 4 * chunking.CHUNK_LINES
        for _, (user, *_rest) in chunk:
            homes.setdefault(user, set()).add(number)
    assert all(len(numbers) == 1 for user, numbers in homes.items() if user)
    for chunk in cut:
        for user in {cells[0] for _, cells in chunk}:
            lines = [line for line, cells in chunk if cells[0] == user]
            assert lines == sorted(lines)


@pytest.mark.parametrize("cell", ["あ" * 2_000, "\x01" * 2_000, "\uffff" * 2_000, '"' * 4_000, ""])
def test_a_chunk_is_measured_as_the_queue_writes_it(cell: str) -> None:
    """Whatever escapes and empty cells make of it, a chunk fits in a message; of one friend's lines too."""
    quoted = '"' + cell.replace('"', '""') + '"'
    lines = [f"{user},{','.join([quoted] * 20)},x" for user in ("a", "b") for _ in range(40)]
    lines += [f"c{n},{','.join([quoted] * 20)},x" for n in range(40)]
    file = a_file("user_id\n" + "\n".join(lines))
    for chunk in chunking.chunks(file.records, 0):
        message = queues.Message({"job": "import", "account": "shop", "id": "0" * 26, "rows": chunk})
        assert len(queues._entry(0, message, fair=True)["MessageBody"].encode()) < 1_000_000


def test_a_line_that_no_message_could_carry_is_refused() -> None:
    """With its number; empty columns at the end count for nothing."""
    [record] = a_file("user_id\nU1" + "," * 400_000).records()
    assert record.cells == ["U1"]
    for long in ("a," * 300_000 + "a", ",".join(["x" * 100_000] * 9), ",".join(["あ" * 100_000] * 3)):
        with pytest.raises(InvalidInput, match="line 3: has more than 800000 bytes"):
            list(a_file(f"user_id\nU1\n{long}").records())
