"""A report as it is answered: JSON, or CSV that spreadsheets run nothing of. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.transfers import cells

BOM = "\ufeff"
CSV = "text/csv; charset=utf-8"


@dataclass(frozen=True)
class Report:
    """Rows in their order, and all of them together. ``inexact`` names the columns that are not exact."""

    items: Sequence[Mapping[str, Any]]
    total: Mapping[str, Any] | None = None
    inexact: Sequence[str] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """The report as JSON."""
        found = {**self.about, "exact": not self.inexact, "inexact": list(self.inexact)}
        return {"items": list(self.items), "total": self.total, **found}

    def csv(self, *, bom: bool) -> str:
        """Its rows as CSV, under the names of their fields; what is in a field is named ``field.name``."""
        rows = [dict(_flat(item)) for item in self.items]
        header = list(dict.fromkeys(name for row in rows for name in row))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow([cells.write(name) for name in header])
        writer.writerows([cells.write(row.get(name)) for name in header] for row in rows)
        return (BOM if bom else "") + text.getvalue()


def _flat(item: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in item.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, str) or not isinstance(value, Iterable):
            yield f"{before}{name}", value
