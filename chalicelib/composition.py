"""What the house is made of: one line for each capability, and one for each module with routes or handlers.

The tables (``shared/tables.py``) find here whose entries they have, and ``app.py`` what it registers. Adding
a capability is adding its package and its line; docs/extending.md says what the files in it are called.
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
    "chalicelib.accounts",
)
"""Packages, in the order in which tables have their entries, and an export its documents."""

BLUEPRINTS = (
    "chalicelib.webhook.front",
    "chalicelib.webhook.api",
    "chalicelib.intake.api",
    "chalicelib.api.status",
    "chalicelib.api.contract",
    "chalicelib.api.audit",
    "chalicelib.console.api",
    "chalicelib.console.files",
    "chalicelib.api.accounts",
    "chalicelib.api.keys",
    "chalicelib.api.documents",
    "chalicelib.api.home",
    "chalicelib.conversations.list_api",
    "chalicelib.media.api",
    "chalicelib.api.bundles",
    "chalicelib.rehearsals.api",
    "chalicelib.rehearsals.rules_api",
    "chalicelib.heartbeat.workers",
    "chalicelib.ops.workers",
    "chalicelib.reports.api",
    "chalicelib.reports.by_sheet.api",
    "chalicelib.rules.api",
    "chalicelib.conversations.api",
    "chalicelib.bulk_actions.api",
    "chalicelib.reaction.workers",
    "chalicelib.broadcasts.api",
    "chalicelib.broadcasts.drafts_api",
    "chalicelib.broadcasts.winners.api",
    "chalicelib.broadcasts.workers",
    "chalicelib.scenarios.api",
    "chalicelib.enrollments.workers",
    "chalicelib.schedules.api",
    "chalicelib.segments.api",
    "chalicelib.segments.mirror_queries",
    "chalicelib.segments.figures_api",
    "chalicelib.segments.search_api",
    "chalicelib.transfers.exports_api",
    "chalicelib.links.api",
    "chalicelib.liff.api",
    "chalicelib.members.api",
    "chalicelib.members.endpoints",
    "chalicelib.messages.api",
    "chalicelib.mirror.workers",
    "chalicelib.deliveries.workers",
    "chalicelib.friends.api",
    "chalicelib.privacy.api",
    "chalicelib.transfers.api",
    "chalicelib.reservations.api",
)
"""Modules whose blueprint ``bp`` has routes, or handlers of queues and schedules."""

HANDED_DOWN = {"reached": "chalicelib.api.rights"}
"""Functions that a lower room calls and a higher one has, by name, and the module that has it."""
