"""What the columns of a file mean: by their names, by names that the request gives, or by a preset. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.catalog.service import Write, candidate
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.shared.errors import Detail, InvalidInput
from chalicelib.shared.ids import ID_PATTERN
from chalicelib.shared.reasons import Reason
from chalicelib.transfers import rows
from chalicelib.transfers.layouts import presets
from chalicelib.transfers.rows import LEFT_OUT, REST

Heads = Sequence[Sequence[str]]
"""The first lines of a file."""


@dataclass(frozen=True)
class Asked:
    """What a request says about the columns: ours by theirs (``mapping``), whether those that nobody knows
    become attributes, and the name of the preset (``none``: no preset; None: whichever is recognised).
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    unknown_as_attribute: bool = False
    preset: str | None = None


@dataclass(frozen=True)
class Layout:
    """What each column of a file is: ``header`` has ours, ``names`` theirs, in the order of the file.

    ``heads``: how many lines before the data. ``made``: documents that the file needs and nobody has made.
    """

    names: list[str]
    header: list[str]
    heads: int = 1
    preset: str | None = None
    made: tuple[Write, ...] = ()

    def shown(self) -> dict[str, Any]:
        """What a dry run reports of it."""
        columns = [
            {"column": name, "as": ours or None} for name, ours in zip(self.names, self.header, strict=False)
        ]
        created = {
            kind: [{"id": w.id, **(w.body or {})} for w in self.made if w.kind == kind]
            for kind in ("tags", "attributes")
        }
        return {"preset": self.preset, "columns": columns, "would_create": created}

    def name_of(self, column: str) -> str:
        """What the file calls a column of ours."""
        at = self.header.index(column) if column in self.header else len(self.names)
        return self.names[at] if at < len(self.names) else column


def mapping(text: str | None) -> dict[str, str]:
    """``theirs:ours,theirs:ours`` or a JSON object; nothing behind the colon, or null, leaves a column out.

    Raises InvalidInput.
    """
    if not text:
        return {}
    wrong = InvalidInput.at("map", Reason("map_form"))
    if text.lstrip().startswith("{"):
        try:
            given = json.loads(text)
        except ValueError as error:
            raise wrong from error
        pairs = list(given.items())
    else:
        parts = [part.rpartition(":") for part in text.split(",")]
        pairs = [(name, ours) for name, colon, ours in parts if colon]
        if len(pairs) < len(parts):
            raise wrong
    if not all(isinstance(ours, str | None) and name.strip() for name, ours in pairs):
        raise wrong
    return {name.strip(): (ours or "").strip() for name, ours in pairs}


def renamed(names: Sequence[str], given: Mapping[str, str]) -> list[str]:
    """The names with what was given in their place. Raises InvalidInput for names that no column has."""
    missing = sorted(given.keys() - set(names))
    if missing:
        raise InvalidInput.of([Detail(f"map.{name}", Reason("no_column", column=name)) for name in missing])
    return [given.get(name, name) for name in names]


def of_friends(heads: Heads, catalog: Snapshot, asked: Asked) -> Layout:
    """The columns of a file of friends. Raises InvalidInput and RuleViolation."""
    preset = presets.recognised(heads, asked.preset)
    layout = _plain(heads, catalog, asked) if preset is None else _of(preset, heads, catalog, asked)
    rows.check_header(layout.header, candidate(catalog, layout.made) if layout.made else catalog)
    return layout


def _plain(heads: Heads, catalog: Snapshot, asked: Asked) -> Layout:
    names = list(heads[0])
    header = renamed(names, asked.mapping)
    if not asked.unknown_as_attribute:
        return Layout(names, header)
    known = header
    header = rows.as_attributes(known)
    ids = [ours.partition(".")[2] for ours, before in zip(header, known, strict=True) if ours != before]
    missing = [id_ for id_ in dict.fromkeys(ids) if not catalog.find("attributes", id_)]
    return Layout(names, header, made=tuple(_attribute(id_, id_) for id_ in missing))


def _attribute(id_: str, name: str) -> Write:
    return Write("attributes", id_, {"name": name, "type": "text"})


def _of(preset: presets.Preset, heads: Heads, catalog: Snapshot, asked: Asked) -> Layout:
    """A preset's columns: what it knows, tags and attributes by their names, the rest left out."""
    reading = _Reading(preset, catalog, asked)
    labels, codes = heads[preset.heads - 1], heads[0] if preset.heads > 1 else ()
    for at, label in enumerate(labels):
        reading.column(label, codes[at] if at < len(codes) else "")
    layout = reading.layout()
    unused = sorted(asked.mapping.keys() - set(labels) - set(codes))
    if unused:
        raise InvalidInput.of([Detail(f"map.{name}", Reason("no_column", column=name)) for name in unused])
    if "user_id" not in layout.header:
        why = Reason("preset_no_user_id", preset=preset.title, names=list(presets.USER_IDS))
        raise InvalidInput.at("header.user_id", why)
    return layout


class _Reading:
    """The columns of a preset's file, one after the other."""

    def __init__(self, preset: presets.Preset, catalog: Snapshot, asked: Asked) -> None:
        self._preset, self._catalog, self._asked = preset, catalog, asked
        self._layout = Layout([], [], preset.heads, preset.id)
        self._has_user = "user_id" in asked.mapping.values()

    def layout(self) -> Layout:
        """What they are."""
        return replace(self._layout, header=[*self._layout.header, REST])

    def column(self, label: str, code: str) -> None:
        """The next column: its name, and the other system's name of it."""
        given, preset = self._asked.mapping, self._preset
        if label in given or (code and code in given):
            ours = given.get(label, given.get(code, LEFT_OUT))
        elif label in preset.columns:
            ours = preset.columns[label]
        elif label in presets.USER_IDS:
            ours = LEFT_OUT if self._has_user else "user_id"
            self._has_user = True
        elif code.startswith(presets.TAG):
            ours = f"tag.{self._document('tags', label, code)}"
        else:
            attribute = self._document("attributes", label, code)
            ours = f"attribute.{attribute}" if attribute else LEFT_OUT
        self._layout.names.append(label)
        self._layout.header.append(ours)

    def _document(self, kind: str, label: str, code: str) -> str | None:
        """The document of a column: by its name, or by the id that an import gives it; made if need be."""
        number = code.partition("_")[2]
        id_ = self._preset.attributes.get(label) or (f"{self._preset.id}-{number}" if number else None)
        named = rows.by_name(self._catalog, kind).get(label)
        for known in (named, id_):
            taken = kind == "attributes" and f"attribute.{known}" in self._layout.header
            if known and not taken and self._catalog.find(kind, known):
                return known
        is_asked_for = kind == "tags" or self._asked.unknown_as_attribute
        if id_ is None or not ID_PATTERN.match(id_) or not is_asked_for:
            return None
        body = {"name": label[:100] or id_} | ({} if kind == "tags" else {"type": "text"})
        self._layout = replace(self._layout, made=(*self._layout.made, Write(kind, id_, body)))
        return id_
