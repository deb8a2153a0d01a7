"""In what a CSV file is written: UTF-8 (with or without its mark), UTF-16, or Japanese Excel's cp932.

What can be read in two ways is refused, never guessed: a name that was read wrongly looks like any other.
Files are looked through in blocks, so that a large one needs no more memory than a small one.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import IO

from chalicelib.shared.errors import Detail, InvalidInput
from chalicelib.shared.reasons import Reason

_BLOCK = 1 << 16
_HEAD = 1024
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How .xlsx and .xls begin."""
_OTHER = re.compile(r"[^\x00-\x7f]")
_WIDE = re.compile(r"[^\x00-\u07ff]")
_IN_A_WORD = re.compile(r"[A-Za-z][^\x00-\x7f]|[^\x00-\x7f][A-Za-z]")
"""``José``: in Shift_JIS half-width katakana would stand in the middle of a Latin word."""
_KANA = re.compile(r"[\uff61-\uff9f]")
_NOT_OF_CP932 = re.compile(r"[\x80\xa0\uf8f0-\uf8f3]")
"""What Python's cp932 makes of bytes that Shift_JIS does not have."""
_ESCAPES = re.compile("\x1b\\$[@B]|\x1b\\([BJI]")


def encoding_of(file: IO[bytes]) -> str:
    """The encoding of a seekable file, by Python's name. Raises InvalidInput with the line."""
    file.seek(0)
    head = file.read(_HEAD)
    if head.startswith(_WORKBOOKS):
        raise refuse_line(1, Reason("file_is_workbook"))
    encoding = _marked(head) or _halves(head)
    if encoding is None:
        return _unmarked(file)
    if encoding == "utf-32" or (found := _probe(file, encoding)).wrong_at is not None:
        raise _unreadable(1 if encoding == "utf-32" else found.wrong_at or 1, encoding.upper())
    return encoding


def refuse_line(line: int, why: Reason) -> InvalidInput:
    """The refusal of a file for one of its lines."""
    return InvalidInput(Reason("at_line", line=line, why=why), [Detail(f"line {line}", why)])


def _marked(head: bytes) -> str | None:
    return next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)


def _halves(head: bytes) -> str | None:
    """UTF-16 without its mark: every other byte of plain letters is zero."""
    for encoding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if zeros.count(0) * 4 > len(zeros) > 0:
            return encoding
    return None


def _unmarked(file: IO[bytes]) -> str:
    utf8 = _probe(file, "utf-8")
    if utf8.wrong_at is None and utf8.escapes_at is not None:
        raise refuse_line(utf8.escapes_at, Reason("file_is_jis"))
    if utf8.wrong_at is None:
        if utf8.others and not (utf8.wide or utf8.in_words) and (cp932 := _probe(file, "cp932")).all_kana:
            raise _ambiguous(cp932.first, "UTF-8 / Shift_JIS")
        return "utf-8"
    cp932 = _probe(file, "cp932")
    if cp932.wrong_at is not None:
        raise _unreadable(cp932.wrong_at, "UTF-8 / Shift_JIS")
    if cp932.kana * 2 > cp932.others and _probe(file, "euc_jp").wrong_at is None:
        raise _ambiguous(cp932.first, "Shift_JIS / EUC-JP")
    return "cp932"


@dataclass
class _Found:
    """What a file looks like in one encoding; lines count from 1."""

    wrong_at: int | None = None
    first: int = 1
    """The first line that is not plain ASCII."""
    others: int = 0
    """How many characters are not ASCII, and of these, half-width katakana."""
    kana: int = 0
    wide: bool = False
    in_words: bool = False
    escapes_at: int | None = None
    """The first line with the signs by which ISO-2022-JP, all of ASCII, begins and ends Japanese."""

    @property
    def all_kana(self) -> bool:
        """Readable, and whatever is not ASCII is half-width katakana."""
        return self.wrong_at is None and self.kana == self.others > 0


def _probe(file: IO[bytes], encoding: str) -> _Found:
    file.seek(0)
    decoder, found, line = codecs.getincrementaldecoder(encoding)("strict"), _Found(), 1
    while True:
        block = file.read(_BLOCK)
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(encoding, "ignore")
            found.wrong_at = line + before.count("\n")
            return found
        if encoding == "cp932" and (foreign := _NOT_OF_CP932.search(text)):
            found.wrong_at = line + text.count("\n", 0, foreign.start())
            return found
        _look(text, line, found)
        line += text.count("\n")
        if not block:
            return found


def _look(text: str, line: int, found: _Found) -> None:
    if found.escapes_at is None and (escape := _ESCAPES.search(text)):
        found.escapes_at = line + text.count("\n", 0, escape.start())
    if text.isascii():
        return
    others = _OTHER.findall(text)
    if not found.others:
        first = _OTHER.search(text)
        found.first = line + text.count("\n", 0, first.start() if first else 0)
    found.others += len(others)
    found.kana += len(_KANA.findall(text))
    found.in_words = found.in_words or _IN_A_WORD.search(text) is not None
    found.wide = found.wide or _WIDE.search(text) is not None


def _unreadable(line: int, encodings: str) -> InvalidInput:
    return refuse_line(line, Reason("file_unreadable", encodings=encodings))


def _ambiguous(line: int, encodings: str) -> InvalidInput:
    return refuse_line(line, Reason("file_ambiguous", encodings=encodings))
