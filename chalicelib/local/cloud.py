"""The emulated AWS: one server for everything but DynamoDB.

Queue requests go to our durable SQS, secrets to our Parameter Store, everything else (Step Functions, S3)
to moto. ``MOTO_PORT`` is this server's own port, so that a state machine's ``sqs:sendMessage`` arrives at
the durable SQS too.

    python -m chalicelib.local.cloud --port P --dir DIR --ready-fd N

About moto's Step Functions, measured on two cores: each running execution holds two threads; 120 of them
start in 2.5 s, cost nothing while they wait, and leave a queue request at 1.2 ms; when all 120 wake in the
same second, their commands are in the queue and answered within 1.3 s. ``Wait`` until a timestamp ends up
to one second early, so commands look at the clock themselves. Executions are gone after a restart; watches
and ``recover`` start them anew.
"""

from __future__ import annotations

import argparse
import importlib
import os
from pathlib import Path

from chalicelib.local import secrets
from chalicelib.local.child import ready, wait_for_stop
from chalicelib.local.http import HOST, Reply, Request, Server, after_answer
from chalicelib.local.journal import Journal
from chalicelib.local.secrets import Secrets
from chalicelib.local.sqs import server as sqs
from chalicelib.local.sqs.queues import Queues
from chalicelib.local.sqs.server import Sqs
from chalicelib.local.sqs.store import Store
from chalicelib.shared.settings import settings


class Cloud:
    """Answers AWS requests from the files of one folder."""

    def __init__(self, folder: Path, port: int) -> None:
        os.environ["MOTO_PORT"] = str(port)
        from moto.core import config
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        config.default_user_config["stepfunctions"] = {"execute_state_machine": True}
        at = settings()
        self.queues = Queues(Store(folder / "queues.sqlite3"), after_answer=after_answer)
        self._sqs = Sqs(self.queues, f"http://{HOST}:{port}", at.aws_account_id, at.region)
        self._secrets = Secrets(folder / "secrets.json", at.region, at.aws_account_id)
        self._moto = Journal(folder, DomainDispatcherApplication(create_backend_app), at.region)
        self._moto.restore()

    def answer(self, request: Request) -> Reply:
        """The answer of SQS or of moto."""
        if request.target == "/_health":
            return Reply(200, [("Content-Type", "text/plain")], b"ok\n")
        target = next((v for k, v in request.headers.items() if k.lower() == "x-amz-target"), "")
        if target.startswith(sqs.TARGET):
            status, headers, body = self._sqs.answer(target, request.body, request.alive)
            return Reply(status, list(headers.items()), body)
        if target.startswith(secrets.TARGET):
            status, headers, body = self._secrets.answer(target, request.body)
            return Reply(status, list(headers.items()), body)
        return Reply(*self._moto.answer(request.method, request.target, request.headers, request.body))


def serve(folder: Path, port: int) -> tuple[Cloud, Server]:
    """A running server (port 0: a free one) and what answers it."""
    server = Server(port, lambda _: Reply(503, [], b""))
    cloud = Cloud(folder, server.port)
    server.answer = cloud.answer
    server.start()
    return cloud, server


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m chalicelib.local.cloud")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--ready-fd", type=int)
    options = parser.parse_args()
    cloud, server = serve(options.dir, options.port)
    ready(options.ready_fd)
    # Seconds of imports that the first request would wait for; meanwhile others are being started.
    importlib.import_module("moto.stepfunctions")
    importlib.import_module("moto.s3")
    wait_for_stop()
    cloud.queues.close()
    server.stop(patience_s=3)


if __name__ == "__main__":
    main()
