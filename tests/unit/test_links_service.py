"""Addresses of tracked links."""

from __future__ import annotations

import pytest

from chalicelib.links import service
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.settings import Settings


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:8000/", "http://"]
)
def test_no_link_to_a_loopback_address_leaves_aws(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """A deployed stage that does not know its own address makes no link, and says what to set."""
    monkeypatch.setattr(service, "settings", lambda: Settings(stage="prod", public_url=url))
    with pytest.raises(Unavailable, match="PublicUrl"):
        service.public_url()
    monkeypatch.setattr(service, "settings", lambda: Settings(stage="local", public_url=url))
    assert service.public_url() == url.rstrip("/")


def test_a_deployed_stage_makes_links_to_its_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that the stack was given is used, without its slash."""
    deployed = Settings(stage="prod", public_url="https://t.example.jp/api/")
    monkeypatch.setattr(service, "settings", lambda: deployed)
    assert service.public_url() == "https://t.example.jp/api"
