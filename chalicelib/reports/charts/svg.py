"""reportlab's drawings as SVG that is under ``default-src 'none'``, and says what it shows."""

from __future__ import annotations

import re
from typing import Any

from reportlab.graphics import renderSVG
from reportlab.graphics.shapes import Drawing

_FONTS = "system-ui, 'Hiragino Sans', 'Noto Sans JP', 'Yu Gothic', sans-serif"
_BOLD = {"Helvetica-Bold": {"weight": "600"}}
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNUSED = ("style", "clip", "id", "font-family")


def document(drawing: Drawing, title: str, description: str) -> str:
    """A drawing as a document. ``description`` says its numbers."""
    attributes = {"role": "img", "aria-label": _clean(title), "font-family": _FONTS}
    size = (drawing.width, drawing.height)
    canvas = _Canvas(size, useClip=True, fontSizer="", fontHacks=_BOLD, svgAttrs=attributes)
    for tag, text in (("title", title), ("desc", description)):
        canvas.svg.getElementsByTagName(tag)[0].firstChild.data = _clean(text)
    renderSVG.draw(drawing, canvas)
    for element in canvas.svg.getElementsByTagName("*"):
        _without_style(element)
    return str(canvas.svg.toxml())


class _Canvas(renderSVG.SVGCanvas):  # type: ignore[misc]
    def drawString(self, s: str, x: float, y: float, text_anchor: str = "start", **more: Any) -> None:  # noqa: N802
        # The library would place a middle by Helvetica's widths, and turns a text round at a whole pixel.
        super().drawString(_clean(s), x, round(y), **more, **{"text-anchor": text_anchor})


def _without_style(element: Any) -> None:
    """Attributes instead of a style, which browsers pass over under our policy; the document has the font."""
    for rule in filter(str.strip, element.getAttribute("style").split(";")):
        name, _, value = rule.partition(":")
        element.setAttribute(name.strip(), value.strip())
    for name in _UNUSED:
        if element.hasAttribute(name):
            element.removeAttribute(name)


def _clean(text: str) -> str:
    return _NOT_XML.sub("", text)
