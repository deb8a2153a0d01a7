"""The Chalice application: registers every room's blueprints and the reading of paths, nothing else."""

from __future__ import annotations

from chalice.app import Chalice

import chalicelib.api.accounts
import chalicelib.api.audit
import chalicelib.api.bundles
import chalicelib.api.contract
import chalicelib.api.documents
import chalicelib.api.home
import chalicelib.api.keys
import chalicelib.api.status
import chalicelib.broadcasts.api
import chalicelib.broadcasts.drafts_api
import chalicelib.broadcasts.winners.api
import chalicelib.broadcasts.workers
import chalicelib.bulk_actions.api
import chalicelib.console.api
import chalicelib.console.files
import chalicelib.conversations.api
import chalicelib.conversations.list_api
import chalicelib.deliveries.workers
import chalicelib.enrollments.workers
import chalicelib.friends.api
import chalicelib.heartbeat.workers
import chalicelib.intake.api
import chalicelib.links.api
import chalicelib.media.api
import chalicelib.members.api
import chalicelib.members.endpoints
import chalicelib.messages.api
import chalicelib.mirror.workers
import chalicelib.ops.workers
import chalicelib.privacy.api
import chalicelib.reaction.workers
import chalicelib.rehearsals.api
import chalicelib.rehearsals.rules_api
import chalicelib.reports.api
import chalicelib.reports.sheets_api
import chalicelib.reservations.api
import chalicelib.rules.api
import chalicelib.scenarios.api
import chalicelib.schedules.api
import chalicelib.segments.api
import chalicelib.segments.figures_api
import chalicelib.segments.mirror_queries
import chalicelib.segments.search_api
import chalicelib.transfers.api
import chalicelib.transfers.exports_api
import chalicelib.webhook.api
import chalicelib.webhook.front
from chalicelib.http.language import in_their_language
from chalicelib.http.queries import decode_path
from chalicelib.http.request_log import log_request

app = Chalice(app_name="todoku")
app.api.binary_types.append("text/csv")  # Excel writes it in many encodings; only its bytes tell which.
app.api.binary_types.extend((*chalicelib.media.api.FILES, "multipart/form-data"))
app.register_middleware(log_request, "http")
app.register_middleware(in_their_language, "http")
app.register_middleware(decode_path, "http")

for _room in (
    chalicelib.webhook.front,
    chalicelib.webhook.api,
    chalicelib.intake.api,
    chalicelib.api.status,
    chalicelib.api.contract,
    chalicelib.api.audit,
    chalicelib.console.api,
    chalicelib.console.files,
    chalicelib.api.accounts,
    chalicelib.api.keys,
    chalicelib.api.documents,
    chalicelib.api.home,
    chalicelib.conversations.list_api,
    chalicelib.media.api,
    chalicelib.api.bundles,
    chalicelib.rehearsals.api,
    chalicelib.rehearsals.rules_api,
    chalicelib.heartbeat.workers,
    chalicelib.ops.workers,
    chalicelib.reports.api,
    chalicelib.reports.sheets_api,
    chalicelib.rules.api,
    chalicelib.conversations.api,
    chalicelib.bulk_actions.api,
    chalicelib.reaction.workers,
    chalicelib.broadcasts.api,
    chalicelib.broadcasts.drafts_api,
    chalicelib.broadcasts.winners.api,
    chalicelib.broadcasts.workers,
    chalicelib.scenarios.api,
    chalicelib.enrollments.workers,
    chalicelib.schedules.api,
    chalicelib.segments.api,
    chalicelib.segments.mirror_queries,
    chalicelib.segments.figures_api,
    chalicelib.segments.search_api,
    chalicelib.transfers.exports_api,
    chalicelib.links.api,
    chalicelib.members.api,
    chalicelib.members.endpoints,
    chalicelib.messages.api,
    chalicelib.mirror.workers,
    chalicelib.deliveries.workers,
    chalicelib.friends.api,
    chalicelib.privacy.api,
    chalicelib.transfers.api,
    chalicelib.reservations.api,
):
    app.register_blueprint(_room.bp)
