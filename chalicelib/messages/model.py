"""What rendering says when it cannot say the message."""

from __future__ import annotations


class Unrenderable(Exception):
    """This message cannot be made for this friend; ``reason`` is a sentence that names what is missing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
