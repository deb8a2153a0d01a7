"""Tables: whatever is declared is there, once; what is wrong with a declaration is said when it is read."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from chalicelib import composition
from chalicelib.shared.tables import Table


@pytest.fixture
def declare(tmp_path, monkeypatch):
    """A function that makes a capability whose file ``colours.py`` has this text."""
    monkeypatch.syspath_prepend(tmp_path)

    def capability(name: str, text: str | None) -> str:
        package = tmp_path / name
        package.mkdir()
        (package / "__init__.py").write_text("")
        if text is not None:
            (package / "colours.py").write_text(text)
        return name

    before = set(sys.modules)
    yield capability
    for gone in set(sys.modules) - before:
        if isinstance(sys.modules[gone], ModuleType) and gone.split(".")[0] in {"red", "blue", "none"}:
            del sys.modules[gone]


def read(monkeypatch, *capabilities: str) -> dict[str, int]:
    monkeypatch.setattr(composition, "CAPABILITIES", capabilities)
    return dict(Table("colours", int))


def test_a_table_has_what_the_capabilities_declare_in_their_order(declare, monkeypatch) -> None:
    """A capability without the file declares nothing."""
    found = [declare("red", "COLOURS = {'r': 1, 's': 2}"), declare("none", None)]
    found.append(declare("blue", "COLOURS = {'b': 3}"))
    assert list(read(monkeypatch, *found).items()) == [("r", 1), ("s", 2), ("b", 3)]


@pytest.mark.parametrize(("second", "why"), [("{'r': 2}", "twice"), ("{'b': '3'}", "is no int")])
def test_a_wrong_declaration_names_itself(declare, monkeypatch, second: str, why: str) -> None:
    """The capability, the file and the name."""
    found = [declare("red", "COLOURS = {'r': 1}"), declare("blue", f"COLOURS = {second}")]
    with pytest.raises(TypeError, match=rf"blue\.colours: '.' .*{why}"):
        read(monkeypatch, *found)


def test_a_line_that_names_no_capability_is_refused(monkeypatch) -> None:
    """A slip in the composition is not an empty table."""
    with pytest.raises(ModuleNotFoundError):
        read(monkeypatch, "chalicelib.no_such_room")
