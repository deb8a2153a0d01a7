"""The Chalice application: registers every room's blueprints, and nothing else."""

from __future__ import annotations

from chalice.app import Chalice

import chalicelib.webhook.api
import chalicelib.webhook.front

app = Chalice(app_name="todoku")

for _blueprint in (
    chalicelib.webhook.front.bp,
    chalicelib.webhook.api.bp,
):
    app.register_blueprint(_blueprint)
