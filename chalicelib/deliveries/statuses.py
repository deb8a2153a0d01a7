"""What a recipient of the ledger may come to."""

from __future__ import annotations

from chalicelib.deliveries.model import DeliveryStatus

STATUSES: dict[str, DeliveryStatus] = {
    "pending": DeliveryStatus("."),
    "accepted": DeliveryStatus("a"),
    "skipped": DeliveryStatus(has_reasons=True),
    "failed": DeliveryStatus(has_reasons=True, metric="LedgerFailed"),
    "unknown": DeliveryStatus("u", metric="LedgerUnknown"),
}
