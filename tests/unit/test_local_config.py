"""What the platform may be told, and what it tells its processes."""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path

import pytest

from chalicelib.local import config
from chalicelib.local.config import CannotStart, Config, read_config
from chalicelib.shared.settings import read_settings
from tests.e2e.platform import open_to_others


def test_defaults() -> None:
    """Without any variable: ports 8000 and 8001, .local in the checkout, the demo on."""
    read = read_config({})
    assert (read.port, read.sim_port, read.demo) == (8000, 8001, True)
    assert read.directory == config.ROOT / ".local"
    assert read.sim_url == "http://127.0.0.1:8001"


def test_another_line_means_no_simulator() -> None:
    """With TODOKU_LINE_API_URL there is no simulator, and content comes from the same place."""
    read = read_config({"TODOKU_LINE_API_URL": "http://127.0.0.1:9", "TODOKU_DEMO": "0"})
    assert (read.sim_url, read.demo) == (None, False)


@pytest.mark.parametrize("value", ["x", "0", "70000", "-1"])
def test_a_port_that_is_none(value: str) -> None:
    """A wrong port is one sentence that names the variable."""
    with pytest.raises(CannotStart, match="TODOKU_PORT"):
        read_config({"TODOKU_PORT": value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("TIME_SCALE", v) for v in ("x", "0", "-1", "0.0", "nan", "1e9", "1,5")] + [("CPU_SHARE", "yes")],
)
def test_a_budget_that_is_none(name: str, value: str) -> None:
    """A wrong scale or share is one sentence that names the variable."""
    with pytest.raises(CannotStart, match=f"TODOKU_LOCAL_{name}"):
        read_config({f"TODOKU_LOCAL_{name}": value})
    assert read_config({"TODOKU_LOCAL_TIME_SCALE": "0.1", "TODOKU_LOCAL_CPU_SHARE": "0"}).port == 8000


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """A port that somebody listens on is refused before anything starts."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CannotStart, match=f"Port {port} is taken.*TODOKU_SIM_PORT"):
            config.check_ports(Config(tmp_path, *config.free_ports(1), port))
    with pytest.raises(CannotStart, match="both"):
        config.check_ports(Config(tmp_path, port, port))


def test_one_platform_per_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that a platform uses is refused until its last process has ended."""
    monkeypatch.setattr(config, "_PATIENCE_S", 0.2)
    held = config.lock(tmp_path)
    with pytest.raises(CannotStart, match="Another platform"):
        config.lock(tmp_path)
    os.close(held)
    os.close(config.lock(tmp_path))


def test_the_admin_key_is_made_once_and_private(tmp_path: Path) -> None:
    """The generated key stays the same over starts and is readable by its owner only."""
    key = config.admin_key({}, tmp_path)
    assert config.admin_key({}, tmp_path) == key
    assert stat.S_IMODE((tmp_path / "api_key").stat().st_mode) == 0o600
    assert config.admin_key({"TODOKU_LOCAL_API_KEY": "mine"}, tmp_path) == "mine"


def test_processes_can_only_reach_the_emulated_aws(tmp_path: Path) -> None:
    """Whatever AWS configuration the user has, the processes see the emulators and no real credentials."""
    user = {"AWS_PROFILE": "work", "AWS_ACCESS_KEY_ID": "real", "AWS_ENDPOINT_URL_SQS": "x", "PATH": "/bin"}
    env = config.environment(user, Config(tmp_path), "key", 5000, 5001)
    assert env["AWS_ACCESS_KEY_ID"] == "local"
    assert {"AWS_PROFILE", "AWS_ENDPOINT_URL_SQS"}.isdisjoint(env)
    assert env["AWS_ENDPOINT_URL_DYNAMODB"] == "http://127.0.0.1:5001"
    assert env["PATH"] == "/bin"
    read = read_settings(env)
    assert (read.stage, read.timers_drain_early_s, read.task_timeout_s) == ("local", 0, 60)
    assert read.line_api_url == read.line_data_url == "http://127.0.0.1:8001"
    assert read.public_url == "http://127.0.0.1:8000"


def test_the_lock_file_names_no_registry() -> None:
    """The pinned packages of the local DynamoDB have checksums and no download addresses."""
    lock = json.loads((config.ROOT / "infra/dynalite/package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages["node_modules/dynalite"]["version"] == "4.0.0"
    assert all("integrity" in package and "resolved" not in package for package in packages.values())


def test_the_folder_is_its_owners_alone(tmp_path: Path) -> None:
    """Also what an earlier version left open; what a link points to is somebody else's."""
    folder, outside = tmp_path / "data", tmp_path / "outside"
    for path in (folder / "lock", folder / "logs" / "api.log", outside):
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
        path.chmod(0o644)
    (folder / "link").symlink_to(outside)
    folder.chmod(0o755)
    before = os.umask(0o022)
    try:
        config.keep_private(folder)
        (folder / "new").mkdir()
        (folder / "new" / "file").write_text("x")
    finally:
        os.umask(before)
    assert open_to_others(folder) == []
    assert stat.S_IMODE(outside.stat().st_mode) == 0o644


def test_a_folder_that_no_platform_has_made_keeps_its_files_as_they_are(tmp_path: Path) -> None:
    """Only the way in is closed."""
    mine = tmp_path / "notes.txt"
    mine.write_text("x")
    mine.chmod(0o644)
    before = os.umask(0o022)
    try:
        config.keep_private(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert stat.S_IMODE(mine.stat().st_mode) == 0o644
