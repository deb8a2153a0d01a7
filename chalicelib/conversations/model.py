"""The words of the room."""

from __future__ import annotations

STAFF_MESSAGE = "staff_message"
"""The event by which somebody at the console speaks to a friend; its ``messages`` are what is sent."""
