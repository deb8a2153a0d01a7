"""The Chalice application: registers every room's blueprints and the reading of paths, nothing else."""

from __future__ import annotations

from importlib import import_module

from chalice.app import Chalice

from chalicelib.composition import BLUEPRINTS
from chalicelib.http.language import in_their_language
from chalicelib.http.meanwhile import end_what_was_begun
from chalicelib.http.queries import decode_path
from chalicelib.http.request_log import log_request
from chalicelib.media.api import FILES

app = Chalice(app_name="todoku")
app.api.binary_types.append("text/csv")  # Excel writes it in many encodings; only its bytes show which.
app.api.binary_types.extend((*FILES, "multipart/form-data"))
app.register_middleware(end_what_was_begun, "http")
app.register_middleware(log_request, "http")
app.register_middleware(in_their_language, "http")
app.register_middleware(decode_path, "http")

for _module in BLUEPRINTS:
    app.register_blueprint(import_module(_module).bp)
