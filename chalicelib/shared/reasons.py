"""Why something is as it is, as a value: a code and what fills its sentence. Sentences are made at the edge.

``reasons.json`` is the one table: for each code its params with their types, in order, and the sentence in
English and in Japanese. Stored is the code alone, or a list of the code and its values (``Reason.kept``);
names of params and words are looked up when somebody reads (``Reason.shown``). Nothing reads a sentence.

Types of params: ``int`` ``number`` ``id`` ``text`` ``time`` ``span`` (``3 d``) ``names`` (a list of texts)
``term`` (a word of ours that has a Japanese one) ``reason`` (another reason), and ``quoted``: a text that may
quote what a friend said or is, which nothing keeps that outlives timelines (``Reason.public``).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

Language = Literal["en", "ja"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
Kept: TypeAlias = str | list[Any]
"""A reason as it is stored: its code, or a list of the code and the values of its params in their order."""

MAX_TEXT, MAX_NAMES = 300, 30
"""A value keeps so many characters, a list so many texts."""
ELSEWHERE = "see_timeline"
_TABLE = Path(__file__).with_name("reasons.json")
_language: ContextVar[Language] = ContextVar("language", default="en")


@dataclass(frozen=True, init=False)
class Reason:
    """A code of the table and the values of its params, in the table's order."""

    code: str
    values: tuple[Any, ...]

    def __init__(self, code: str, /, **params: Any) -> None:
        # Some are made for every event and rule: the usual way to set a frozen one's fields costs twice this.
        values = tuple(params.values())
        if list in map(type, values):
            values = tuple([tuple(v) if isinstance(v, list) else v for v in values])
        fields = self.__dict__
        fields["code"], fields["values"] = code, values

    @staticmethod
    def of(kept: Kept) -> Reason:
        """The reason that is stored so. What no table knows (any more) is a code that says what it says."""
        if isinstance(kept, str):
            return Reason(kept)
        kinds = _params(str(kept[0])).values()
        values = (Reason.of(v) if k == "reason" else v for k, v in zip(kinds, kept[1:], strict=False))
        return Reason._made(str(kept[0]), tuple(values))

    @property
    def params(self) -> dict[str, Any]:
        """The values by name."""
        return dict(zip(_params(self.code), self.values, strict=False))

    def kept(self) -> Kept:
        """The reason as it is stored."""
        return [self.code, *map(_kept, self.values)] if self.values else self.code

    def text(self, language: Language | None = None) -> str:
        """The sentence, in the language of the one who asked unless another one is given."""
        entry, chosen = table().get(self.code), language or _language.get()
        if entry is None:
            return self.code
        kinds = entry.get("params", {})
        params = {name: _word(value, kinds[name], chosen) for name, value in self.params.items()}
        template: str = entry[chosen]
        return template.format_map(_Left(params))

    def value(self) -> dict[str, Any]:
        """``{"code", "params"}``, as answers have it."""
        return {"code": self.code, "params": {name: _answered(value) for name, value in self.params.items()}}

    def shown(self) -> dict[str, Any]:
        """``{"why": text, "reason": {"code", "params"}}``, as answers have it."""
        return {"why": self.text(), "reason": self.value()}

    def with_values(self, change: Callable[[Any], Any]) -> Reason:
        """The reason with other values, those of reasons within it too."""
        values = (v.with_values(change) if isinstance(v, Reason) else change(v) for v in self.values)
        return Reason._made(self.code, tuple(values))

    @staticmethod
    def _made(code: str, values: tuple[Any, ...]) -> Reason:
        made = Reason(code)
        object.__setattr__(made, "values", values)
        return made

    def public(self) -> Reason:
        """The reason without anything of a friend: what is kept where timelines have been erased."""
        entry = table().get(self.code)
        if entry is None:
            return Reason(ELSEWHERE)
        kinds, params = entry.get("params", {}), self.params
        if "public" in entry:
            return Reason(entry["public"], **{name: params[name] for name in _params(entry["public"])})
        if "quoted" in kinds.values():
            return Reason(ELSEWHERE)
        return Reason(self.code, **{n: v.public() if isinstance(v, Reason) else v for n, v in params.items()})

    def __str__(self) -> str:
        return self.text("en")


class Reasoned(Exception):
    """An error whose why is a reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return str(self.reason)


def reason_of(error: BaseException) -> Reason:
    """Why an error is raised; of one that is not ours, what it says."""
    if isinstance(error, Reasoned):
        return error.reason
    why = error.args[0] if error.args else ""
    return why if isinstance(why, Reason) else quoted(str(error))


def quoted(text: str) -> Reason:
    """What somebody else says (LINE, a library), or a tool for developers: it has one language."""
    return Reason("plain_text", text=text)


def as_answered(line: Mapping[str, Any]) -> dict[str, Any]:
    """A stored line (of a trace, a change, an effect) as answers have it: ``why`` in words and codes."""
    if line.get("why") is None:
        return {name: value for name, value in line.items() if name != "why"}
    return {**line, **Reason.of(line["why"]).shown()}


def current_language() -> Language:
    """The language in which sentences are written now."""
    return _language.get()


@contextmanager
def in_language(language: Language) -> Iterator[None]:
    """Within it, sentences are in this language."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)


class _Left(dict[str, str]):
    """What fills a template; a value that an older line does not have is left out."""

    def __missing__(self, _: str) -> str:
        return "…"


def _word(value: Any, kind: str, language: Language) -> str:
    if isinstance(value, Reason):
        return value.text(language)
    if isinstance(value, list | tuple):
        return ("、" if language == "ja" else ", ").join(map(str, value))
    if language == "ja" and kind == "term":
        return str(_file()["terms"].get(value, value))
    if language == "ja" and kind == "span":
        number, unit = str(value)[:-1].strip(), str(value)[-1]
        return number + _UNITS[unit] if unit in _UNITS and number else str(value)
    return str(value)


_UNITS = {"s": "秒", "m": "分", "h": "時間", "d": "日", "w": "週間"}


def _kept(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else value[: MAX_TEXT - 1] + "…"
    if isinstance(value, Reason):
        return value.kept()
    if isinstance(value, list | tuple):
        return [_kept(one) for one in value[:MAX_NAMES]]
    return value


def _params(code: str) -> dict[str, str]:
    params: dict[str, str] = table().get(code, {}).get("params", {})
    return params


def _answered(value: Any) -> Any:
    if isinstance(value, Reason):
        return value.value()
    short = _kept(value)
    return short.encode("utf-8", "replace").decode() if isinstance(short, str) else short


def table() -> dict[str, dict[str, Any]]:
    """``{code: {"params"?: {name: type}, "en", "ja", "public"?: a code that may be kept everywhere}}``."""
    return _file()["reasons"]


@functools.cache
def _file() -> dict[str, dict[str, Any]]:
    read: dict[str, dict[str, Any]] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return read
