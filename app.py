"""The Chalice application: registers every room's blueprints, and nothing else."""

from __future__ import annotations

from chalice.app import Chalice

import chalicelib.api.accounts
import chalicelib.api.bundles
import chalicelib.api.contract
import chalicelib.api.documents
import chalicelib.api.keys
import chalicelib.api.status
import chalicelib.webhook.api
import chalicelib.webhook.front

app = Chalice(app_name="todoku")

for _blueprint in (
    chalicelib.webhook.front.bp,
    chalicelib.webhook.api.bp,
    chalicelib.api.status.bp,
    chalicelib.api.contract.bp,
    chalicelib.api.accounts.bp,
    chalicelib.api.keys.bp,
    chalicelib.api.documents.bp,
    chalicelib.api.bundles.bp,
):
    app.register_blueprint(_blueprint)
