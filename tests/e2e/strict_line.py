"""A strict LINE of the test's own: it remembers retry keys and outlives the platform.

It shares no code with the product, so a mistake of the product cannot hide in it.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USER = re.compile(r"U[0-9a-f]{32}\Z")


class StrictLine:
    """Runs on a free loopback port; ``delivered`` holds one entry per accepted request."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.lock = threading.Lock()
        self.delivered: list[dict[str, Any]] = []
        self.refused: list[dict[str, Any]] = []
        self.accepted_keys: dict[str, tuple[str, str]] = {}
        self.used_reply_tokens: set[str] = set()
        self.delay_s = 0.0
        self.lose_answers = 0  # accept that many requests and cut the connection
        line = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *args: Any) -> None:
                pass

            def do_GET(self) -> None:
                if self.path.startswith("/v2/bot/profile/"):
                    user = self.path.rsplit("/", 1)[1]
                    return self.answer(
                        200, {"userId": user, "displayName": f"名前 {user[:5]}", "language": "ja"}
                    )
                if self.path == "/v2/bot/message/quota":
                    return self.answer(200, {"type": "none"})
                if self.path == "/v2/bot/message/quota/consumption":
                    return self.answer(200, {"totalUsage": 0})
                return self.answer(404, {"message": "Not found"})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Authorization") != f"Bearer {line.token}":
                    return self.answer(401, {"message": "Authentication failed"})
                kind = self.path.rsplit("/", 1)[1]
                status, answer, headers, lose = line.take(kind, body, self.headers.get("X-Line-Retry-Key"))
                if line.delay_s:
                    time.sleep(line.delay_s)
                if lose:
                    self.close_connection = True
                    self.connection.close()
                    return None
                return self.answer(status, answer, headers)

            def answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"x-line-request-id": str(uuid.uuid4()), **(headers or {})}.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, kind: str, body: bytes, key: str | None) -> tuple[int, Any, dict[str, str], bool]:
        """LINE's answer to a send: status, body, headers, and whether the answer gets lost on the way."""
        if kind not in {"push", "multicast", "reply"}:
            return 200, {}, {}, False
        with self.lock:
            if kind == "reply":
                return self._reply(json.loads(body), key)
            if key is None or str(uuid.UUID(key)) != key.lower():
                return self._refuse(400, "every send of ours carries a retry key")
            if key in self.accepted_keys:
                request_id, first = self.accepted_keys[key]
                if first != body.decode():
                    self.refused.append({"why": "same key, other body", "key": key})
                return (
                    409,
                    {"message": "The retry key is already accepted"},
                    {"x-line-accepted-request-id": request_id},
                    False,
                )
            request = json.loads(body)
            to = request["to"] if kind == "multicast" else [request["to"]]
            wrong = [i for i, user in enumerate(to) if not USER.match(user)]
            if wrong or not 1 <= len(to) <= 500 or not 1 <= len(request["messages"]) <= 5:
                self.refused.append({"why": "invalid", "request": request})
                message = (
                    f"The property, to[{wrong[0]}], in the request body is invalid"
                    if wrong
                    else "bad request"
                )
                return 400, {"message": message}, {}, False
            request_id = str(uuid.uuid4())
            self.accepted_keys[key] = (request_id, body.decode())
            self.delivered.append(
                {"kind": kind, "to": to, "messages": request["messages"], "at": time.time()}
            )
            lose = self.lose_answers > 0
            self.lose_answers -= lose
            sent = {"sentMessages": [{"id": "1"}]} if kind == "push" else {}
            return 200, sent, {"x-line-request-id": request_id}, lose

    def _reply(self, request: dict[str, Any], key: str | None) -> tuple[int, Any, dict[str, str], bool]:
        token = request["replyToken"]
        if key is not None or token in self.used_reply_tokens:
            self.refused.append({"why": "reply", "request": request})
            return 400, {"message": "Invalid reply token"}, {}, False
        self.used_reply_tokens.add(token)
        self.delivered.append(
            {"kind": "reply", "token": token, "messages": request["messages"], "at": time.time()}
        )
        return 200, {"sentMessages": [{"id": "1"}]}, {}, False

    def _refuse(self, status: int, why: str) -> tuple[int, Any, dict[str, str], bool]:
        self.refused.append({"why": why})
        return status, {"message": why}, {}, False

    def received(self, text: str) -> Counter[str]:
        """How often each user received a message holding ``text`` (push and multicast)."""
        with self.lock:
            return Counter(
                user
                for sent in self.delivered
                if sent["kind"] != "reply" and text in json.dumps(sent["messages"], ensure_ascii=False)
                for user in sent["to"]
            )

    def replies(self, text: str = "") -> list[dict[str, Any]]:
        """The replies whose messages hold ``text``."""
        with self.lock:
            return [
                s
                for s in self.delivered
                if s["kind"] == "reply" and text in json.dumps(s["messages"], ensure_ascii=False)
            ]

    def close(self) -> None:
        """Stop serving."""
        self.server.shutdown()
        self.server.server_close()
