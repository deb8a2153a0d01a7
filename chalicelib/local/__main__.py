"""Start the whole platform on this machine.

python -m chalicelib.local             until Ctrl-C or SIGTERM (``make run``)
python -m chalicelib.local demo        tell the story on free ports in a temporary folder (``make demo``)
python -m chalicelib.local demo clinic play that example of examples/ likewise (``make demo EXAMPLE=clinic``)
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
import traceback
from pathlib import Path

from chalicelib.local import config as configuration
from chalicelib.local.config import CannotStart, Config
from chalicelib.local.supervisor import Platform, ignore_signals, stop_on_signals

_DEMO_S = 180
_PLAY_S = 420
"""A play may wait for two minutes of a schedule."""


def show(line: str) -> None:
    """One line for the person in front of it, at once; nobody listening is no error."""
    with contextlib.suppress(BrokenPipeError):
        print(line, flush=True)


class Story(threading.Thread):
    """The story, told while the platform runs. ``good``: whether every number was as expected."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(daemon=True, name="story")
        self._platform = platform
        self.good = False

    def run(self) -> None:
        """Tell it, or play the example that was asked for."""
        from chalicelib.local import story
        from chalicelib.local.examples import playing

        config = self._platform.config
        where = (config.api_url, self._platform.key, str(config.sim_url), show)
        try:
            self.good = playing.run(config.example, *where) if config.example else story.run(*where)
        except Exception:  # noqa: BLE001 (the story is a guest; the platform stays up)
            if self._platform.stopping:
                return  # it was interrupted
            traceback.print_exc()
            show("The story could not be told to its end.")


def run(config: Config) -> int:
    """Run the platform until it is asked to stop; the process's exit status."""
    configuration.keep_private(config.directory)
    lock_fd = configuration.lock(config.directory)
    configuration.check_ports(config)
    platform = Platform(config, os.environ, show)
    stop_on_signals(platform)
    show(f"Starting the platform in {config.directory} ...")
    try:
        if platform.start(lock_fd):
            show("READY")
            _introduce(platform)
            if config.demo and config.sim_url:
                Story(platform).start()
            platform.watch()
    finally:
        platform.stop()
        ignore_signals()
    show("Stopped.")
    return 0


def _introduce(platform: Platform) -> None:
    config = platform.config
    show(f"API        {config.api_url}  (contract: {config.api_url}/v1/openapi.json)")
    show(f"API key    {platform.key}  (Authorization: Bearer ...)")
    show(f"Console    {config.api_url}/console#/sign-in/{platform.sign_in}  (signs in once, within an hour)")
    if config.sim_url:
        show(f"Simulator  {config.sim_url}  (phones on which you play the friends)")
    else:
        show(f"LINE       {config.line_api_url}  (no simulator and no story: messages really go there)")
    show(f"Logs       {config.directory / 'logs'}")
    show("Ctrl-C stops it; everything is kept for the next start.")


def demo(example: str = "") -> int:
    """Tell the story, or play an example, in a temporary folder; 0 when every number was as expected."""
    configuration.check_example(example)
    port, sim_port = configuration.free_ports(2)
    limit_s = _PLAY_S if example else _DEMO_S
    with tempfile.TemporaryDirectory(prefix="todoku-demo-") as folder:
        config = Config(Path(folder), port, sim_port, example=example)
        configuration.keep_private(config.directory)
        platform = Platform(config, {**os.environ, "TODOKU_LINE_DATA_URL": str(config.sim_url)}, show)
        stop_on_signals(platform)
        timer = threading.Timer(limit_s, platform.ask_to_stop)
        timer.daemon = True
        timer.start()
        story = Story(platform)
        try:
            if platform.start(configuration.lock(config.directory)):
                story.start()
                platform.watch(until=lambda: not story.is_alive())
            if platform.stopping:
                show(f"The demo was stopped, or did not end within {limit_s} s.")
        finally:
            platform.stop()
            ignore_signals()
        show("The demo is as expected." if story.good else "The demo is NOT as expected.")
        return 0 if story.good else 1


def main(arguments: list[str]) -> int:
    """The exit status of the command line."""
    try:
        if arguments[:1] == ["demo"] and len(arguments) < 3:
            return demo(*arguments[1:])
        if arguments:
            show(__doc__ or "")
            return 2
        return run(configuration.read_config(os.environ))
    except CannotStart as error:
        show(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
