"""In what a CSV file is written: UTF-8 (with or without its mark), UTF-16, or Japanese Excel's cp932.

What can be read in two ways is refused, never guessed: a name that was read wrongly looks like any other.
Files are looked through in blocks, so that a large one needs no more memory than a small one, and one that
takes longer than an invocation goes on where it stopped (``Looks``).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import IO, Any

from chalicelib.shared.errors import Detail, InvalidInput
from chalicelib.shared.reasons import Reason
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft

_BLOCK = 1 << 16
_HEAD = 1024
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How .xlsx and .xls begin."""
_OTHER = re.compile(r"[^\x00-\x7f]")
_WIDE = re.compile(r"[^\x00-\u07ff]")
_IN_A_WORD = re.compile(r"[A-Za-z][^\x00-\x7f]|[^\x00-\x7f][A-Za-z]")
"""``José``: in Shift_JIS half-width katakana would be in the middle of a Latin word."""
_KANA = re.compile(r"[\uff61-\uff9f]")
_NOT_OF_CP932 = re.compile(r"[\x80\xa0\uf8f0-\uf8f3]")
"""What Python's cp932 makes of bytes that Shift_JIS does not have."""
_ESCAPES = re.compile("\x1b\\$[@B]|\x1b\\([BJI]")


@dataclass(frozen=True)
class Encoding:
    """How a file's text is written (Python's name), and how many bytes precede it: its mark."""

    name: str
    mark: int = 0


def encoding_of(file: IO[bytes]) -> Encoding:
    """The encoding of a seekable file. Raises InvalidInput with the line."""

    def open_at(byte: int) -> IO[bytes]:
        file.seek(byte)
        return file

    file.seek(0)
    return judge(file.read(_HEAD), Looks(open_at))


def judge(head: bytes, looks: Looks) -> Encoding:
    """The encoding of a file that begins with ``head``. Raises InvalidInput with the line, and NotYet."""
    if head.startswith(_WORKBOOKS):
        raise refuse_line(1, Reason("file_is_workbook"))
    encoding = _marked(head) or _halves(head[:_HEAD])
    if encoding is None:
        return Encoding(_unmarked(looks))
    if encoding.name == "utf-32" or (found := looks(encoding)).wrong_at is not None:
        line = 1 if encoding.name == "utf-32" else found.wrong_at or 1
        raise _unreadable(line, encoding.name.removesuffix("-le").removesuffix("-be").upper())
    return encoding


def refuse_line(line: int, why: Reason) -> InvalidInput:
    """The refusal of a file for one of its lines."""
    return InvalidInput(Reason("at_line", line=line, why=why), [Detail(f"line {line}", why)])


def _marked(head: bytes) -> Encoding | None:
    return next((Encoding(name, len(mark)) for mark, name in _MARKS if head.startswith(mark)), None)


def _halves(head: bytes) -> Encoding | None:
    """UTF-16 without its mark: every other byte of plain letters is zero."""
    for name, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if zeros.count(0) * 4 > len(zeros) > 0:
            return Encoding(name)
    return None


def _unmarked(looks: Looks) -> str:
    utf8 = looks(Encoding("utf-8"))
    if utf8.wrong_at is None and utf8.escapes_at is not None:
        raise refuse_line(utf8.escapes_at, Reason("file_is_jis"))
    if utf8.wrong_at is None:
        is_open = utf8.others and not (utf8.wide or utf8.in_words)
        if is_open and (cp932 := looks(Encoding("cp932"))).all_kana:
            raise _ambiguous(cp932.first, "UTF-8 / Shift_JIS")
        return "utf-8"
    cp932 = looks(Encoding("cp932"))
    if cp932.wrong_at is not None:
        raise _unreadable(cp932.wrong_at, "UTF-8 / Shift_JIS")
    if cp932.kana * 2 > cp932.others and looks(Encoding("euc_jp")).wrong_at is None:
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

    byte: int = 0
    line: int = 1
    over: bool = False
    """How far it has been looked at: the byte and the line that come next, and whether that was all."""

    @property
    def all_kana(self) -> bool:
        """Readable, and whatever is not ASCII is half-width katakana."""
        return self.wrong_at is None and self.kana == self.others > 0


class NotYet(Exception):
    """There was no time to look a file through; ``looks`` is how far it is, as a message carries it."""

    def __init__(self, looks: dict[str, Any]) -> None:
        super().__init__("the file is not looked through yet")
        self.looks = looks


class Looks:
    """What a file looks like, encoding by encoding, each looked at once and only when it is asked for.

    ``open_at`` opens the file from a byte on; ``known`` is what ``NotYet`` has reported before.
    """

    def __init__(
        self,
        open_at: Callable[[int], IO[bytes]],
        left: TimeLeft = NO_LIMIT,
        known: Mapping[str, Any] | None = None,
    ) -> None:
        self._open_at, self._left = open_at, left
        self._found = {name: _Found(**found) for name, found in (known or {}).items()}

    def __call__(self, encoding: Encoding) -> _Found:
        """What it looks like in one. Raises NotYet."""
        found = self._found.setdefault(encoding.name, _Found(byte=encoding.mark))
        if not found.over and not _probe(self._open_at(found.byte), encoding.name, found, self._left):
            raise NotYet({name: asdict(replace(each)) for name, each in self._found.items()})
        return found


def _probe(file: IO[bytes], encoding: str, found: _Found, left: TimeLeft) -> bool:
    """Look on while there is time, a block at least; whether that was all."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    while not found.over:
        block = file.read(_BLOCK)
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(encoding, "ignore")
            found.wrong_at, found.over = found.line + before.count("\n"), True
            return True
        if encoding == "cp932" and (foreign := _NOT_OF_CP932.search(text)):
            found.wrong_at, found.over = found.line + text.count("\n", 0, foreign.start()), True
            return True
        _look(text, found.line, found)
        found.line += text.count("\n")
        found.byte, found.over = found.byte + len(block), not block
        if left.is_over and not found.over:
            break
    found.byte -= len(decoder.getstate()[0])
    return found.over


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
