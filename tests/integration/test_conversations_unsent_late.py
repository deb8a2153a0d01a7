"""What is taken back goes too where its reaction was cut off for good, or where it was told twice."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.privacy import service as privacy
from chalicelib.reaction import service
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.reasons import Reason
from chalicelib.timeline import service as activities
from tests.api_client import Api
from tests.integration.test_privacy_unsend import (
    SECRET,
    api,
    everything,
    jobs_done,
    send_all,
    unsent,
    wrote,
)
from tests.reaction_builders import an_event

__all__ = ["api"]


class Dies:
    """Stands for a function that fails for one event."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, *args: Any) -> Any:
        if "'wrote'" in str(args):
            raise Unavailable(Reason("outage"))
        return self.function(*args)


def test_a_reaction_that_went_to_the_dead_letters_leaves_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has sent, its activity never stood; unsent, the ledger says nothing, though it is never redriven."""
    with monkeypatch.context() as cut:
        cut.setattr(activities, "replace_failed", Dies(activities.replace_failed))
        with pytest.raises(Unavailable):
            service.react(wrote())
    service.give_up(wrote(), "poison")
    send_all()
    service.react(unsent())
    jobs_done("forget_sent")
    assert SECRET not in everything()
    assert "暗証番号は9" not in everything()


def test_a_reaction_that_is_finished_after_the_unsending_asks_before_it_ends(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the two, it comes again: the ledger is emptied, the activity stands."""
    with monkeypatch.context() as cut:
        cut.setattr(activities, "replace_failed", Dies(activities.replace_failed))
        with pytest.raises(Unavailable):
            service.react(wrote())
        send_all()
        service.react(unsent())
    with monkeypatch.context() as cut:
        cut.setattr(privacy, "empty_ledger", Dies(privacy.empty_ledger))
        with pytest.raises(Unavailable):
            service.react(wrote())
    service.react(wrote())
    jobs_done("forget_sent")
    assert SECRET not in everything()
    assert activities.find("shop", "U1", "wrote") is not None


def test_every_version_of_what_was_taken_back_goes(api: Api) -> None:
    """A message that was told twice under one id, in other words, says nothing in either."""
    service.react(wrote())
    service.react(an_event(id="again", minutes=0.5, text=f"訂正：{SECRET}", message_id="m-wrote"))
    send_all()
    service.react(unsent())
    jobs_done("forget_sent", "forget_content")
    assert SECRET not in everything()
