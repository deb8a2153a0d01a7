"""What a message about a stamp card may come to, besides."""

from __future__ import annotations

from chalicelib.deliveries.model import DeliveryStatus

STATUSES: dict[str, DeliveryStatus] = {"printed": DeliveryStatus("P")}
