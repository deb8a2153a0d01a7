"""Tables: everything that can be extended is an entry in one of them, declared by the room that owns it.

``ACTIONS = Table("actions", ActionKind)`` is the mapping that has, of every capability in
``chalicelib.composition``, the entries of its file ``actions.py``: the dictionary ``ACTIONS`` in there. It is
gathered when it is first read, so importing a table imports no capability, and nothing has to be set up.

An entry's file imports the mechanism of its table and little else; what the entry does is imported by the
functions that do it. So reading a table stays cheap, and no entry can go round in a circle of imports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, TypeVar

E = TypeVar("E")

_COMPOSITION = "chalicelib.composition"
"""The one module that lists the capabilities. It is above everything, so it is found by its name."""


def handed_down(name: str) -> Callable[..., Any]:
    """The function that a higher room has and a lower one calls: ``HANDED_DOWN`` of the composition."""
    found: Callable[..., Any] = getattr(import_module(import_module(_COMPOSITION).HANDED_DOWN[name]), name)
    return found


class Table(Mapping[str, E], Generic[E]):
    """The entries of every capability by name, in the order of the capabilities.

    Raises TypeError when it is first read and a name is taken twice or an entry is of another kind.
    """

    def __init__(self, file: str, kind: type[E]) -> None:
        self._file, self._kind = file, kind

    @cached_property
    def entries(self) -> dict[str, E]:
        """The plain dictionary, for hot paths."""
        found: dict[str, E] = {}
        for capability in import_module(_COMPOSITION).CAPABILITIES:
            for name, entry in self._declared(capability).items():
                if name in found or not isinstance(entry, self._kind):
                    why = "is declared twice" if name in found else f"is no {self._kind.__name__}"
                    raise TypeError(f"{capability}.{self._file}: {name!r} {why}")
                found[name] = entry
        return found

    def _declared(self, capability: str) -> Mapping[str, E]:
        package = import_module(capability)
        if not (Path(package.__path__[0]) / f"{self._file}.py").is_file():
            return {}
        declared: Mapping[str, E] = getattr(import_module(f"{capability}.{self._file}"), self._file.upper())
        return declared

    def __getitem__(self, name: str) -> E:
        return self.entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)
