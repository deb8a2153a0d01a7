"""Nothing crosses accounts: endpoints, workers, jobs, cursors, queues, logs, the store."""

from __future__ import annotations

import pytest

from chalicelib.accounts import access
from chalicelib.gateways import queues
from tests import isolation
from tests.contract.test_audit import BODIES


@pytest.mark.timeout(300)
def test_nothing_crosses_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two accounts of which one's id begins the other's, the same ids in both: every endpoint with one's key
    on its own and on the other's paths, every write with what its workers make of it. Without the check of
    the account all of this is seen to cross.
    """
    ids = isolation.names(2)
    with isolation.a_town(ids) as town:
        faults = isolation.prove(town, [(ids[0], ids[1]), (ids[1], ids[0])], BODIES)
        assert len(town.cursors[ids[0]]) >= 10
        assert faults == []
        monkeypatch.setattr(access, "_allow", lambda *_: None)
        isolation.foreign_paths_are_refused(town, ids[1], ids[0], isolation.READS[:12])
        for what in (": 200 ", "in what is a-b's", "reads in ['a']"):
            assert any(what in fault for fault in town.faults), (what, town.faults)


def test_a_message_of_a_standard_queue_has_its_account_as_group() -> None:
    """So SQS keeps one account's many messages from delaying another's few; FIFO queues keep their groups."""
    several = queues.Message({"kind": "step", "entries": [{"account": "a"}, {"account": "a"}]})
    grouped = queues.Message({"account": "a"}, group="a#U1", dedup="d")
    for fair, group in ((True, "a"), (False, "a#U1")):
        ((_, entry),) = queues._batches([grouped], fair=fair)[0]
        assert entry["MessageGroupId"] == group
    ((_, entry),) = queues._batches([several], fair=True)[0]
    assert entry["MessageGroupId"] == "a"
    ((_, entry),) = queues._batches([queues.Message({"task": "drain"})], fair=True)[0]
    assert "MessageGroupId" not in entry
