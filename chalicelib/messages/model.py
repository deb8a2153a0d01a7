"""What rendering says when it cannot say the message."""

from __future__ import annotations

from chalicelib.shared.reasons import Reasoned


class Unrenderable(Reasoned):
    """This message cannot be made for this friend; ``reason`` names what is missing."""
