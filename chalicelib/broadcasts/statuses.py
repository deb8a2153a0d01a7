"""What a plan may come to for somebody, besides what the ledger has."""

from __future__ import annotations

from chalicelib.deliveries.model import DeliveryStatus

STATUSES: dict[str, DeliveryStatus] = {"held_out": DeliveryStatus(is_planned=True)}
