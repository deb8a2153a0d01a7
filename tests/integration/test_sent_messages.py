"""How many messages LINE has sent on a day: asked by its SDK, answered by the simulated LINE."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from chalicelib.gateways import clock
from chalicelib.gateways.line_sdk import requests, sent_messages
from chalicelib.gateways.line_sdk.requests import Refused
from chalicelib.local.examples.player import TOKYO
from chalicelib.local.line.app import application
from chalicelib.local.line.endpoints import serve
from chalicelib.local.line.httpd import Request, Server
from chalicelib.local.line.simulator import Simulator
from chalicelib.shared.settings import Settings
from chalicelib.shared.times import local_date
from tests.integration.test_line_sim_sending import request

ANNA = "U" + "a" * 32


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulator]:
    """LINE on a port, with a channel and a friend."""
    found = Simulator(tmp_path, "http://127.0.0.1:9")
    server = Server(0, application(found))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    sim_request(found, "PUT", "channels/shop", {"channel_secret": "s", "channel_access_token": "token"})
    sim_request(found, "POST", "friends", {"account": "shop", "user_id": ANNA})
    line = Settings(line_api_url=f"http://127.0.0.1:{server.server_port}")
    with patch.object(requests, "settings", lambda: line):
        yield found
    server.shutdown()
    server.server_close()
    found.close()


def sim_request(sim: Simulator, method: str, path: str, body: object) -> None:
    assert serve(sim, request(method, f"/_sim/{path}", body)).status == 200


def send(sim: Simulator, kind: str, **to: object) -> None:
    body = {**to, "messages": [{"type": "text", "text": "こんにちは"}]}
    headers = {"authorization": "Bearer token"}
    asked: Request = request("POST", f"/v2/bot/message/{kind}", body, headers)
    assert sim.answer(asked).status == 200


def today() -> date:
    return local_date(clock.now(), TOKYO)


def test_each_way_is_counted_for_itself(sim: Simulator) -> None:
    """Two pushes, one multicast, no reply and no broadcast; nothing on the day before."""
    for _ in range(2):
        send(sim, "push", to=ANNA)
    send(sim, "multicast", to=[ANNA])
    found = {way: sent_messages.sent("token", way, today()) for way in sent_messages.WAYS}
    assert found == {"reply": 0, "push": 2, "multicast": 1, "broadcast": 0}
    assert sent_messages.sent("token", "push", today() - timedelta(days=1)) == 0


def test_what_line_has_not_counted_is_not_nought(sim: Simulator) -> None:
    """``unready`` and ``out_of_service`` are None; a refusal is one."""
    for status in ("unready", "out_of_service"):
        with patch.object(sent_messages, "ask", lambda *_, answered=status: {"status": answered}):
            assert sent_messages.sent("token", "reply", today()) is None
    with pytest.raises(Refused):
        sent_messages.sent("another token", "reply", today())
