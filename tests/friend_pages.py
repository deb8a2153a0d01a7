"""A friend's phone before the pages of ours: opens, reads what stands there, sends the forms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from chalicelib.gateways import seam
from chalicelib.gateways.line import Answer
from tests.api_client import Api
from tests.integration.test_members import work_off

FORM = "application/x-www-form-urlencoded"


@dataclass
class Form:
    """A form of a page: where it goes, its fields as the page has them, its buttons."""

    action: str = ""
    method: str = "get"
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    choices: dict[str, list[str]] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get")))
        elif tag == "a":
            self.links.append(given.get("href", ""))
        elif tag == "textarea":
            self._area = given["name"]
        elif tag == "button" and given.get("name"):
            self.forms[-1].buttons.append((given["name"], given.get("value", "")))
        elif tag == "input":
            self._input(given)

    def _input(self, given: dict[str, str]) -> None:
        name, kind, value = given["name"], given.get("type", "text"), given.get("value", "")
        if kind in {"checkbox", "radio"}:
            self.forms[-1].choices.setdefault(name, []).append(value)
        if kind not in {"checkbox", "radio", "file"} or "checked" in given:
            self.forms[-1].fields.append((name, value))

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self.forms[-1].fields.append((self._area, data))
        if data.strip():
            self.words.append(data.strip())


@dataclass(frozen=True)
class Page:
    """What a phone shows."""

    path: str
    status: int
    headers: dict[str, str]
    body: str

    @property
    def _read(self) -> _Reader:
        reader = _Reader()
        reader.feed(self.body)
        return reader

    @property
    def forms(self) -> list[Form]:
        return self._read.forms

    @property
    def links(self) -> list[str]:
        return self._read.links

    @property
    def text(self) -> str:
        return "\n".join(self._read.words)


def opens(path: str, **headers: str) -> Page:
    """A page by its address."""
    answer = Api(None).call("GET", path, **headers)
    return _followed(path, answer, headers)


def sends(
    page: Page, form: int = 0, button: int | None = 0, keep: bool = True, **fields: str | list[str]
) -> Page:
    """A page's form with these fields in the place of what stands there, and one of its buttons.

    ``keep`` False: of fields that can be ticked nothing stays that is not given.
    """
    found = page.forms[form]
    kept = [(n, v) for n, v in found.fields if n not in fields and (keep or n not in found.choices)]
    given = [(n, one) for n, v in fields.items() for one in ([v] if isinstance(v, str) else v)]
    pressed = [found.buttons[button]] if found.buttons and button is not None else []
    return posts(urljoin(page.path, found.action), [*kept, *given, *pressed])


def posts(path: str, fields: Any, **headers: str) -> Page:
    """Fields sent to an address, followed to where it leads."""
    answer = Api(None).call("POST", path, urlencode(fields), content_type=FORM, **headers)
    return _followed(path, answer, headers)


def _followed(path: str, answer: Any, headers: dict[str, str]) -> Page:
    if answer.status_code == 303:
        return opens(urljoin(path, answer.headers["Location"]), **headers)
    return Page(path, answer.status_code, dict(answer.headers), answer.body.decode())


def path_of(url: str) -> str:
    """An address of ours as a path."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


@contextmanager
def at_work() -> Iterator[None]:
    """Whenever somebody waits, the reaction does what there is to do."""

    def cross(name: str, _detail: Any, call: Any) -> Any:
        if name == "clock:sleep":
            return work_off()
        if name in {"line:reply", "line:push"}:
            return Answer(200)
        return None if name.startswith("line:") else call()

    with seam.guarded(cross):
        yield
