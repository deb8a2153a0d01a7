"""One request on its way to the function that answers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.local.line.httpd import Request, Response

if TYPE_CHECKING:
    from chalicelib.local.line.simulator import Simulator


@dataclass(frozen=True)
class Call:
    """The simulator, the account whose token came with it ("" for ``/_sim``), and the names in the path."""

    sim: Simulator
    request: Request
    account: str = ""
    names: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Response]
