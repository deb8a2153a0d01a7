"""Lambda as a function sees it: the real runtime client, a Runtime API of our own, and the packaged files.

A function runs as ``python -S -m awslambdaric <handler>`` in a process of its own, with nothing on its path
but the unpacked app, the layer and the runtime client.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PYTHON = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
_HANDED_ON = ("PATH", "TZ")


class FunctionFailed(AssertionError):
    """The function answered with an error, or ended."""


class Function:
    """One deployed function, started at its first invocation."""

    def __init__(self, handler: str, path: list[Path], env: dict[str, str], timeout_s: int) -> None:
        self.handler, self.timeout_s = handler, timeout_s
        self.invocations = 0
        self._path, self._env = path, env
        self._next: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._done: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._process: subprocess.Popen[bytes] | None = None
        self._server = _RuntimeApi(self._next, self._done, timeout_s)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def invoke(self, event: Any) -> Any:
        """What the function returns for an event. Raises FunctionFailed with what it printed."""
        if self._process is None:
            self._start()
        self.invocations += 1
        self._next.put((str(uuid.uuid4()), event))
        assert self._process is not None
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            try:
                kind, answer = self._done.get(timeout=0.2)
            except queue.Empty:
                if self._process.poll() is not None:
                    raise FunctionFailed(f"{self.handler} ended by itself:\n{self._printed()}") from None
                continue
            if kind == "response":
                return answer
            raise FunctionFailed(f"{self.handler} failed: {answer}\n{self._printed()}")
        raise FunctionFailed(f"{self.handler} did not answer:\n{self._printed()}")

    def _start(self) -> None:
        env = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
        env |= self._env | {
            "PYTHONPATH": os.pathsep.join(map(str, self._path)),
            "PYTHONNOUSERSITE": "1",
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_address[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": self.handler.rpartition(".")[2],
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/try",
            "AWS_LAMBDA_LOG_STREAM_NAME": "try",
            "LAMBDA_TASK_ROOT": str(self._path[0]),
            "_HANDLER": self.handler,
        }
        self._log = self._path[0].parent / f"{self.handler}.log"
        with self._log.open("wb") as log:
            # -S: no site-packages, so nothing that only developers have.
            command = [str(PYTHON), "-S", "-m", "awslambdaric", self.handler]
            self._process = subprocess.Popen(
                command, cwd=self._path[0], env=env, stdout=log, stderr=subprocess.STDOUT
            )

    def _printed(self) -> str:
        return self._log.read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        """End the process and the Runtime API."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._server.shutdown()
        self._server.server_close()


class _RuntimeApi(ThreadingHTTPServer):
    """https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html"""

    daemon_threads = True

    def __init__(self, following: Any, done: Any, timeout_s: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.following, self.done, self.timeout_s = following, done, timeout_s


class _Handler(BaseHTTPRequestHandler):
    server: _RuntimeApi
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        request_id, event = self.server.following.get()
        body = json.dumps(event).encode()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", request_id)
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + self.server.timeout_s) * 1000)))
        self.send_header(
            "Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:ap-northeast-1:123456789012:function:f"
        )
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.done.put((self.path.rpartition("/")[2], json.loads(body or b"null")))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass
