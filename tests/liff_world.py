"""An account whose LINE is the simulated one: friends who open LIFF pages and sign in by LINE Login."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from chalicelib.liff import id_tokens
from chalicelib.local.line.app import application
from chalicelib.local.line.endpoints import serve
from chalicelib.local.line.httpd import Request, Server
from chalicelib.local.line.simulator import Simulator
from chalicelib.shared.settings import settings
from tests.api_client import Api, an_account, an_api

BASE = "/v1/accounts/shop"
ANNA, BEN, CLEO = "U" + "a" * 32, "U" + "b" * 32, "U" + "c" * 32
CHANNEL, SECRET, LIFF = "1234567890", "0123456789abcdef0123456789abcdef", "1234567890-abc"
PUBLIC = "http://127.0.0.1:8000"


class World:
    """The application, LINE, and what browsers do between them."""

    def __init__(self, api: Api, sim: Simulator) -> None:
        self.api, self.sim = api, sim

    def sim_request(self, method: str, path: str, body: Any = None) -> Any:
        """The simulator's own endpoint."""
        raw = json.dumps(body or {}).encode()
        answer = serve(self.sim, Request(method, f"/_sim/{path}", {}, {}, raw))
        assert answer.status < 300, (path, answer.body)
        return answer.body

    def opens(self, path: str, cookie: str = "", **headers: str) -> Any:
        """A browser opens an address of ours."""
        path = path.removeprefix(PUBLIC)
        return Api(None).call("GET", path, cookie=cookie, **headers)

    def in_line(self, url: str, user: str = ANNA, **more: Any) -> dict[str, str]:
        """A friend opens a LIFF address on their phone: what its page then sends."""
        answer = self.sim_request("POST", f"friends/{user}/liff", {"url": url, **more})
        first = urlsplit(answer["redirect_url"])
        state = dict(parse_qsl(first.query)).get("liff.state", "")
        path, _, query = state.partition("?")
        assert first.path == "/liff/shop", first
        return {"id_token": answer["id_token"], "path": path, "query": query}

    def posts(self, body: Any, account: str = "shop", **headers: str) -> Any:
        """The page's one request."""
        return Api(None).call("POST", f"/liff/{account}", body, **headers)

    def goes(self, url: str, user: str = ANNA, **more: Any) -> str:
        """A friend opens a LIFF address: where they come out."""
        answer = self.posts(self.in_line(url, user, **more))
        assert answer.status_code == 200, answer.body
        return str(answer.json_body["go"])

    def signs_in(self, where: str, cookie: str, user: str = ANNA, **more: Any) -> Any:
        """A friend agrees at LINE Login, and the browser comes back with its cookie."""
        back = self.sim_request("POST", f"friends/{user}/login", {"url": where, **more})["redirect_url"]
        return self.opens(back, cookie)


def query_of(url: str) -> dict[str, str]:
    """An address's parameters."""
    return dict(parse_qsl(urlsplit(url).query))


@contextmanager
def a_world(tmp_path: Path, **fields: Any) -> Iterator[World]:
    """The account ``shop`` with a LIFF app, in an emulated AWS that is there already."""
    with pytest.MonkeyPatch.context() as patch:
        sim = Simulator(tmp_path, "http://127.0.0.1:9")
        server = Server(0, application(sim))
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        patch.setenv("TODOKU_LINE_API_URL", f"http://127.0.0.1:{server.server_port}")
        settings.cache_clear()
        id_tokens.forget_keys()
        api = an_api()
        login = {"login_channel_id": CHANNEL, "login_channel_secret": SECRET}
        an_account(api, shards=2, **{**login, "liff_id": LIFF, **fields})
        there = World(api, sim)
        channel = {"channel_secret": "s", "channel_access_token": "token", "name": "店"}
        there.sim_request("PUT", "channels/shop", channel)
        known = {"channel_id": CHANNEL, "channel_secret": SECRET, "liff_id": LIFF}
        there.sim_request("PUT", "login/shop", {**known, "liff_page": f"{PUBLIC}/liff/shop"})
        there.sim_request(
            "POST", "friends", {"account": "shop", "friends": [{"user_id": ANNA}, {"user_id": BEN}]}
        )
        yield there
        server.shutdown()
        server.server_close()
        sim.courier._http.clear()
        sim.close()
    settings.cache_clear()
    id_tokens.forget_keys()
