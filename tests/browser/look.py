"""How a browser test finds what is on a page, and waits for what is saved: every test here goes by these.

A name is the whole name: a part of one may match what was there before (来店 in 再来店). Where a part is
meant, it is a ``re.compile``. What the page has just sent is asked for until it has arrived.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from chalicelib.local.client import Refused, until

MAYBE = 30_000
"""Milliseconds; how long a page may take on a busy machine."""
Name = str | re.Pattern[str]


def whole(name: str) -> re.Pattern[str]:
    """This name and no more; a mark before it (``+``, ``✕``) is no part of it. Marks are named: to a browser
    every Japanese letter is ``\\W``.
    """
    pattern = re.escape(name).replace("/", r"\/")  # the browser reads it between slashes
    return re.compile(rf"^[\s+✕✓✗←↶↷]*{pattern}$")


def role(where: Any, kind: str, name: Name, **more: Any) -> Any:
    """What has this role and accessible name."""
    return where.get_by_role(kind, name=whole(name) if isinstance(name, str) else name, **more)


def button(where: Any, name: Name) -> Any:
    """A button."""
    return role(where, "button", name)


def link(where: Any, name: Name) -> Any:
    """A link."""
    return role(where, "link", name)


def heading(where: Any, name: Name) -> Any:
    """A heading."""
    return role(where, "heading", name)


def field(where: Any, label: Name) -> Any:
    """The control that has this label."""
    return where.get_by_label(label, exact=isinstance(label, str))


def text(where: Any, words: Name) -> Any:
    """What says just these words."""
    return where.get_by_text(whole(words) if isinstance(words, str) else words)


def see(locator: Any) -> Any:
    """The locator, once it can be seen."""
    locator.first.wait_for(timeout=MAYBE)
    return locator


def state(page: Any, *wanted: str) -> None:
    """Wait until the screen is in one of these states; without any, until it is no longer loading."""
    states = ", ".join(f"main[data-state={one}]" for one in wanted)
    page.wait_for_selector(states or "main[data-state]:not([data-state=loading])")


def becomes(ask: Callable[[], Any], wanted: Any, timeout_s: float = 30) -> None:
    """Wait until ``ask`` answers what is wanted; fails with what it answered last (or why nothing)."""
    last: Any = None

    def is_so() -> bool:
        nonlocal last
        try:
            last = ask()
        except (Refused, LookupError, StopIteration) as error:
            last = error
        return bool(last == wanted)

    try:
        until("the page's change", is_so, timeout_s)
    except TimeoutError:
        raise AssertionError(f"{last!r} is not {wanted!r}") from None


def reads(locator: Any, wanted: Name) -> str:
    """Wait until the page says so there; returns the words."""
    is_so = wanted.fullmatch if isinstance(wanted, re.Pattern) else wanted.__eq__
    try:
        until("the words", lambda: is_so(locator.inner_text()), MAYBE / 1000, 0.05)
    except TimeoutError:
        raise AssertionError(f"{locator.inner_text()!r} is not {wanted!r}") from None
    return str(locator.inner_text())


def pick_friend(page: Any, label: str, name: str) -> None:
    """Choose a friend in a combobox."""
    role(page, "combobox", label).fill(name)
    see(role(page.get_by_role("listbox"), "option", name)).click()
