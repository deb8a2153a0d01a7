"""A message whose reaction was cut off and never finished is taken back out of the ledger all the same."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.engine import forgetting, service
from chalicelib.friends import activities
from chalicelib.shared.errors import Unavailable
from tests.api_client import Api
from tests.integration.test_chat_forgetting import SECRET, api, everything, jobs_done, said, send_all, unsent

__all__ = ["api"]


class Dies:
    """Stands for a function that fails for one event."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, *args: Any) -> Any:
        if "'said'" in str(args):
            raise Unavailable("cut off")
        return self.function(*args)


def test_a_reaction_that_went_to_the_dead_letters_leaves_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has sent, its activity never stood; unsent, the ledger says nothing, though it is never redriven."""
    with monkeypatch.context() as cut:
        cut.setattr(activities, "replace_failed", Dies(activities.replace_failed))
        with pytest.raises(Unavailable):
            service.react(said())
    service.give_up(said(), "poison")
    send_all()
    service.react(unsent())
    jobs_done("forget_said")
    assert SECRET not in everything()
    assert "暗証番号は9" not in everything()


def test_a_reaction_that_is_finished_after_the_unsending_asks_before_it_ends(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the two, it comes again: the ledger is emptied, the activity stands."""
    with monkeypatch.context() as cut:
        cut.setattr(activities, "replace_failed", Dies(activities.replace_failed))
        with pytest.raises(Unavailable):
            service.react(said())
        send_all()
        service.react(unsent())
    with monkeypatch.context() as cut:
        cut.setattr(forgetting, "empty_ledger", Dies(forgetting.empty_ledger))
        with pytest.raises(Unavailable):
            service.react(said())
    service.react(said())
    jobs_done("forget_said")
    assert SECRET not in everything()
    assert activities.find("shop", "U1", "said") is not None
