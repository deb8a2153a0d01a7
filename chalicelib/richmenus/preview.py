"""A menu as a picture: its image, each area with its number and what a tap does; no script. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FONTS = "system-ui, 'Hiragino Sans', 'Noto Sans JP', 'Yu Gothic', sans-serif"
_BAR = 0.09
"""The bar below the menu, as a part of its width."""
_LONGEST = 24
POLICY = "default-src 'none'; img-src data:"
"""What a browser may load for a picture that is opened by itself."""


def draw(name: str, menu: Mapping[str, Any], image: bytes | None) -> str:
    """The picture of a menu whose shape is right. ``image``: a JPEG, or none yet."""
    width, height = int(menu["size"]["width"]), int(menu["size"]["height"])
    bar, areas = int(width * _BAR), list(menu.get("areas") or ())
    description = "; ".join(f"{n}: {_says(area)}" for n, area in enumerate(areas, 1))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height + bar}" role="img"',
        f" aria-label={quoteattr(_clean(name))} font-family={quoteattr(_FONTS)}>",
        f"<title>{_text(name)}</title><desc>{_text(description)}</desc>",
        f'<rect width="{width}" height="{height + bar}" fill="#e5e7eb"/>',
        *_picture(image, width, height),
        *(part for n, area in enumerate(areas, 1) for part in _area(n, area, width)),
        _words(width / 2, height + bar * 0.65, bar * 0.45, str(menu.get("chatBarText", "")), "middle"),
        "</svg>",
    ]
    return "".join(parts)


def _picture(image: bytes | None, width: int, height: int) -> Iterator[str]:
    if image is not None:
        data = base64.b64encode(image).decode()
        yield (
            f'<image width="{width}" height="{height}" preserveAspectRatio="none" '
            f'href="data:image/jpeg;base64,{data}"/>'
        )


def _area(number: int, area: Mapping[str, Any], width: int) -> Iterator[str]:
    bounds, unit = area["bounds"], width / 50
    x, y, wide, high = (float(bounds[n]) for n in ("x", "y", "width", "height"))
    yield (
        f'<rect x="{x:g}" y="{y:g}" width="{wide:g}" height="{high:g}" fill="#0072b2" fill-opacity="0.12" '
        f'stroke="#0072b2" stroke-width="{unit / 6:g}"/>'
    )
    plate = min(wide, unit * 18)
    size = f'width="{plate:g}" height="{unit * 1.7:g}"'
    yield f'<rect x="{x:g}" y="{y:g}" {size} fill="#ffffff" fill-opacity="0.9"/>'
    yield _words(x + unit / 2, y + unit * 1.2, unit, f"{number} {_says(area)}", "start")


def _says(area: Mapping[str, Any]) -> str:
    """What a tap does, in a few words."""
    action = area.get("action") or {}
    names = ("label", "text", "uri", "richMenuAliasId", "data", "clipboardText")
    word = next((str(action[name]) for name in names if action.get(name)), "")
    text = f"{action.get('type', '')}: {word}" if word else str(action.get("type", ""))
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _words(x: float, y: float, size: float, text: str, anchor: str) -> str:
    at = f'x="{x:g}" y="{y:g}" font-size="{size:g}"'
    return f'<text {at} text-anchor="{anchor}" fill="#1f2937">{_text(text)}</text>'


def _text(text: str) -> str:
    return escape(_clean(text))


def _clean(text: str) -> str:
    return _NOT_XML.sub("", text)
