"""Routes: a method and a path with names in braces, found by exact path first."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

H = TypeVar("H", bound=Callable[..., object])


@dataclass(frozen=True)
class Route(Generic[H]):
    """One endpoint; ``kind`` is its name for limits and faults."""

    method: str
    path: str
    kind: str
    handler: H


class Routes(Generic[H]):
    """A table of endpoints."""

    def __init__(self, routes: list[Route[H]]) -> None:
        self._exact: dict[str, dict[str, Route[H]]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Route[H]]]] = []
        patterns: dict[str, dict[str, Route[H]]] = {}
        for route in routes:
            if "{" in route.path:
                patterns.setdefault(route.path, {})[route.method] = route
            else:
                self._exact.setdefault(route.path, {})[route.method] = route
        for path, methods in patterns.items():
            self._patterns.append((re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + r"\Z"), methods))

    def find(self, method: str, path: str) -> tuple[Route[H] | None, dict[str, str], bool]:
        """The route and its names; and whether the path exists with another method."""
        if path in self._exact:
            found = self._exact[path].get(method)
            if found is not None:
                return found, {}, True
        for pattern, methods in self._patterns:
            if match := pattern.match(path):
                return methods.get(method), match.groupdict(), True
        return None, {}, path in self._exact
