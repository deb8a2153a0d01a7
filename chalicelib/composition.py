"""What the house is made of: one line for each capability.

The tables (``shared/tables.py``) find here whose entries they have. Adding a capability is adding its package
and its line; docs/extending.md says what the files in it are called.
"""

from __future__ import annotations

CAPABILITIES = (
    "chalicelib.friends",
    "chalicelib.conditions",
    "chalicelib.segments",
    "chalicelib.messages",
    "chalicelib.links",
    "chalicelib.rules",
    "chalicelib.scenarios",
    "chalicelib.enrollments",
    "chalicelib.forms",
    "chalicelib.routes",
    "chalicelib.members",
    "chalicelib.richmenus",
    "chalicelib.topics",
    "chalicelib.deliveries",
    "chalicelib.broadcasts",
    "chalicelib.conversations",
    "chalicelib.transfers",
    "chalicelib.reservations",
    "chalicelib.schedules",
    "chalicelib.reports",
    "chalicelib.privacy",
    "chalicelib.reaction",
    "chalicelib.outgoing",
    "chalicelib.bulk_actions",
    "chalicelib.intake",
    "chalicelib.webhook",
)
"""Packages, in the order in which tables have their entries, and an export its documents."""

HANDED_DOWN = {"reached": "chalicelib.api.rights"}
"""Functions that a lower room calls and a higher one has, by name, and the module that has it."""
