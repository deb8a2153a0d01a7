"""The Chalice application: registers every room's blueprints, and nothing else."""

from __future__ import annotations

from chalice.app import Chalice

import chalicelib.api.accounts
import chalicelib.api.bundles
import chalicelib.api.contract
import chalicelib.api.documents
import chalicelib.api.keys
import chalicelib.api.rehearsals
import chalicelib.api.status
import chalicelib.broadcasts.api
import chalicelib.broadcasts.workers
import chalicelib.deliveries.workers
import chalicelib.engine.api
import chalicelib.engine.chat_api
import chalicelib.engine.workers
import chalicelib.friends.api
import chalicelib.friends.transfer_api
import chalicelib.heartbeat.workers
import chalicelib.intake.api
import chalicelib.messages.api
import chalicelib.scenarios.api
import chalicelib.scenarios.workers
import chalicelib.segments.api
import chalicelib.webhook.api
import chalicelib.webhook.front

app = Chalice(app_name="todoku")

for _room in (
    chalicelib.webhook.front,
    chalicelib.webhook.api,
    chalicelib.intake.api,
    chalicelib.api.status,
    chalicelib.api.contract,
    chalicelib.api.accounts,
    chalicelib.api.keys,
    chalicelib.api.documents,
    chalicelib.api.bundles,
    chalicelib.api.rehearsals,
    chalicelib.heartbeat.workers,
    chalicelib.engine.api,
    chalicelib.engine.chat_api,
    chalicelib.engine.workers,
    chalicelib.broadcasts.api,
    chalicelib.broadcasts.workers,
    chalicelib.scenarios.api,
    chalicelib.scenarios.workers,
    chalicelib.segments.api,
    chalicelib.messages.api,
    chalicelib.deliveries.workers,
    chalicelib.friends.api,
    chalicelib.friends.transfer_api,
):
    app.register_blueprint(_room.bp)
