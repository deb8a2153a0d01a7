"""A place in message JSON: reads one object's properties and notes what is wrong with each, by path."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

from chalicelib.messages.text import units
from chalicelib.shared.errors import Detail
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings

_MISSING: Any = object()
_NOT_IN_URL = re.compile(r"[^\x21-\x7e]")
_USER = re.compile("https?://[^/?#]*@", re.IGNORECASE)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)

MEDIA_URL = 2000
MEDIA = ("https",)


EMPTY = Reason("must_not_be_empty")
COLOUR = re.compile(r"#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?")
_COLOUR = Reason("form_colour")


class TemplatedText(str):
    """A text with variables, filled in one way: its length is certain, its format is not."""

    __slots__ = ("always", "empty", "opens")
    opens: bool
    """Whether it begins with a variable."""
    always: bool
    """Whether it is this very text for everybody: what is filled in is not from a friend."""
    empty: bool
    """Whether it is reported that it may come out empty."""


def is_open(value: Any) -> bool:
    """Whether a value is only known when it is filled in for a friend."""
    return isinstance(value, TemplatedText) and not value.always


def _ours() -> tuple[str, ...]:
    """How the addresses of files begin that this laptop serves, without a certificate."""
    return (f"{settings().media_origin}/media/",) if settings().is_local else ()


class Node:
    """One JSON object at one path; problems go to the shared list."""

    def __init__(self, value: dict[str, Any], path: str, found: list[Detail]) -> None:
        self.value = value
        self.path = path
        self.found = found

    def has(self, key: str) -> bool:
        """Whether the property is given (null counts as not given)."""
        return self.value.get(key) is not None

    def at(self, key: str) -> str:
        """The path of a property."""
        return f"{self.path}.{key}"

    def report(self, key: str, reason: Reason) -> None:
        """Note a problem with a property."""
        self.found.append(Detail(self.at(key) if key else self.path, reason))

    def text(
        self,
        key: str,
        most: int | None,
        *,
        required: bool = False,
        count: Callable[[str], int] = units,
        pattern: re.Pattern[str] | None = None,
    ) -> str | None:
        """The text of a property if it is one: not empty, and at most ``most`` long as ``count`` counts."""
        value = self._given(key, required)
        if value is _MISSING:
            return None
        if not isinstance(value, str):
            self.report(key, Reason("must_be_a_text"))
            return None
        templated = is_open(value)
        if not value and (not templated or value.empty):  # type: ignore[attr-defined]
            self.report(key, EMPTY)
        elif most is not None and (has := count(value)) > most:
            self.report(key, Reason("line_characters", has=has, most=most))
        elif pattern and not templated and not pattern.fullmatch(value):
            self.report(key, Reason("consists_of", pattern=pattern.pattern))
        text: str = value
        return text

    def url(
        self, key: str, most: int = MEDIA_URL, schemes: Collection[str] = MEDIA, *, required: bool = False
    ) -> None:
        """The property is a percent-encoded address with one of the schemes."""
        value = self.text(key, most, required=required)
        if not value or (is_open(value) and value.opens):  # type: ignore[attr-defined]
            return
        scheme = _SCHEME.match(value)
        if value.startswith(_ours()):
            return
        if not scheme or scheme[1].lower() not in schemes:
            self.report(key, Reason("address_schemes", schemes=" or ".join(f"{s}:" for s in schemes)))
        elif _NOT_IN_URL.search(value):
            self.report(key, Reason("address_percent"))
        elif "\\" in value or _USER.match(value):
            self.report(key, Reason("address_no_user"))
        elif not is_open(value) and not scheme[2].strip("/"):
            self.report(key, Reason("address_no_place"))

    def choice(self, key: str, allowed: Collection[str], *, required: bool = False) -> str | None:
        """The property is one of the words. None also when a variable decides; ``type`` may not be one."""
        value = self._given(key, required)
        if value is _MISSING or (is_open(value) and key != "type"):
            return None
        if (
            not isinstance(value, str)
            or value not in allowed
            or (isinstance(value, TemplatedText) and key == "type")
        ):
            self.report(key, Reason("must_be_one_of", choices=list(allowed)))
            return None
        return value

    def form(
        self,
        key: str,
        pattern: re.Pattern[str],
        what: Reason,
        words: Collection[str] = (),
        *,
        required: bool = False,
    ) -> str | None:
        """The property is one of the words, or has a form; ``what`` describes it. None: not certain yet."""
        value = self._given(key, required)
        if value is _MISSING or is_open(value):
            return None
        if not isinstance(value, str) or not (value in words or pattern.fullmatch(value)):
            worded = Reason("form_or_word", words=list(words), what=what)
            self.report(key, worded if words else Reason("form", what=what))
            return None
        return value

    def colour(self, key: str, *, required: bool = False) -> None:
        """The property is a colour."""
        self.form(key, COLOUR, _COLOUR, required=required)

    def number(
        self,
        key: str,
        least: float,
        most: float | None = None,
        *,
        required: bool = False,
        whole: bool = True,
    ) -> float | None:
        """The property is a number between the bounds."""
        value = self._given(key, required)
        if value is _MISSING:
            return None
        fits = isinstance(value, int) or (
            isinstance(value, float) and (not whole or value.is_integer())  # 1.0 is whole in JSON
        )
        if isinstance(value, bool) or not fits:
            self.report(key, Reason("must_be_whole" if whole else "must_be_number"))
            return None
        number: Any = value
        if not (number >= least and (most is None or number <= most)):
            range_ = Reason("at_least", least=least)
            self.report(key, range_ if most is None else Reason("at_least_at_most", least=least, most=most))
            return None
        return float(number)

    def flag(self, key: str) -> None:
        """The property is true or false."""
        value = self._given(key, required=False)
        if value is not _MISSING and not isinstance(value, bool):
            self.report(key, Reason("must_be_boolean"))

    def child(self, key: str, *, required: bool = False) -> Node | None:
        """The object under a property."""
        value = self._given(key, required)
        if value is _MISSING:
            return None
        if not isinstance(value, dict):
            self.report(key, Reason("must_be_object"))
            return None
        return Node(value, self.at(key), self.found)

    def children(self, key: str, least: int, most: int | None, *, required: bool = True) -> Iterator[Node]:
        """The objects in the list under a property."""
        value = self._given(key, required)
        if value is _MISSING:
            return
        if not isinstance(value, list):
            self.report(key, Reason("must_be_list"))
            return
        if len(value) < least:
            self.report(key, Reason("needs_at_least", least=least))
        elif most is not None and len(value) > most:
            self.report(key, Reason("line_count", has=len(value), most=most))
        for n, item in enumerate(value[:200]):
            if isinstance(item, dict):
                yield Node(item, f"{self.at(key)}[{n}]", self.found)
            else:
                self.report(f"{key}[{n}]", Reason("must_be_object"))

    def _given(self, key: str, required: bool) -> Any:
        value = self.value.get(key)
        if value is not None:
            return value
        if key in self.value:
            self.report(key, Reason("is_null"))
        elif required:
            self.report(key, Reason("is_required"))
        return _MISSING
