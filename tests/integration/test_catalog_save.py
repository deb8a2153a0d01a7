"""The catalog's commit: all or nothing, one after the other, and nothing of a save that failed is seen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from chalicelib.catalog import service, store
from chalicelib.catalog.service import Write
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.gateways import seam
from chalicelib.shared.errors import Conflict, NotFound, RuleViolation, TooLarge, Unavailable
from chalicelib.shared.reasons import quoted

A = "shop"


class Crash(BaseException):
    """The process dies here."""


def anything(_candidate: Snapshot) -> None:
    """Every catalog is fine."""


def a_save(*writes: Write, by: str = "tests", check: Callable[[Snapshot], None] = anything) -> Snapshot:
    return service.save(A, writes, check, by)


def tag(id_: str, name: str, if_match: int | None = None) -> Write:
    return Write("tags", id_, {"name": name}, if_match)


def names(snapshot: Snapshot) -> dict[str, str]:
    return {id_: document.body["name"] for id_, document in snapshot.all("tags").items()}


def fresh() -> Snapshot:
    """The catalog as another process sees it."""
    service.forget()
    return service.snapshot(A)


def moves_pointer(name: str, detail: Mapping[str, Any]) -> bool:
    return name == "dynamodb:UpdateItem" and detail["TableName"].endswith("-catalog")


def test_a_save_is_seen_by_everybody(cloud: None) -> None:
    """What was saved is in force in this process and in others; the documents carry its revision."""
    assert service.snapshot(A) == Snapshot(A)
    saved = a_save(tag("a", "A😀"), tag("b", "B"))
    assert (saved.revision, names(saved)) == (1, {"a": "A😀", "b": "B"})
    assert service.snapshot(A) is saved
    assert fresh() == saved
    again = a_save(tag("b", "B2"))
    assert [again.get("tags", id_).revision for id_ in "ab"] == [1, 2]
    assert fresh() == again


def test_a_warm_process_reads_once_and_only_what_changed(cloud: None) -> None:
    """An unchanged catalog costs one read; a change costs the pointer and the changed bodies."""
    a_save(*(tag(f"t{n}", "x") for n in range(5)))
    here = service.snapshot(A)
    calls: list[str] = []
    bodies = 0

    def count(name: str, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        nonlocal bodies
        calls.append(name)
        if name == "dynamodb:BatchGetItem":
            bodies += sum(len(table["Keys"]) for table in detail["RequestItems"].values())
        return call()

    with seam.guarded(count):
        assert service.snapshot(A) is here
    assert calls == ["dynamodb:GetItem"]
    a_save(tag("t3", "y"))
    service.remember(here)
    calls.clear()
    with seam.guarded(count):
        assert names(service.snapshot(A))["t3"] == "y"
    assert calls == ["dynamodb:GetItem", "dynamodb:GetItem", "dynamodb:BatchGetItem"]
    assert bodies == 1


def test_things_derived_are_made_once_per_revision(cloud: None) -> None:
    """A derived value is built once for a snapshot, and again after a change."""
    built: list[int] = []

    def build(snapshot: Snapshot) -> int:
        built.append(snapshot.revision)
        return len(snapshot.documents)

    a_save(tag("a", "A"))
    assert [service.snapshot(A).derived("n", build) for _ in range(3)] == [1, 1, 1]
    a_save(tag("b", "B"))
    assert service.snapshot(A).derived("n", build) == 2
    assert built == [1, 2]


def test_a_stale_if_match_changes_nothing(cloud: None) -> None:
    """A save that expects another revision is refused with the current one, for all of its documents."""
    a_save(tag("a", "A"))
    a_save(tag("a", "A2"))
    with pytest.raises(Conflict) as caught:
        a_save(tag("b", "B"), tag("a", "A3", if_match=1))
    assert caught.value.extra == {"current_revision": 2}
    with pytest.raises(Conflict) as caught:
        a_save(tag("b", "B", if_match=1))
    assert caught.value.extra == {"current_revision": None}
    assert names(fresh()) == {"a": "A2"}
    assert names(a_save(tag("a", "A3", if_match=2))) == {"a": "A3"}


def test_a_refused_check_changes_nothing(cloud: None) -> None:
    """The check sees the catalog as it would be; what it raises leaves everything as it was."""
    a_save(tag("a", "A"))

    def refuse(candidate: Snapshot) -> None:
        assert names(candidate) == {"a": "A2", "b": "B"}
        raise RuleViolation(quoted("no"))

    with pytest.raises(RuleViolation):
        a_save(tag("a", "A2"), tag("b", "B"), check=refuse)
    assert names(fresh()) == {"a": "A"}
    assert service.revisions(A, "tags", "a")[0]["revision"] == 1


def test_deletion_keeps_the_history(cloud: None) -> None:
    """A deleted document is gone, its history stays and goes on when the id is used again."""
    a_save(tag("a", "A"))
    a_save(Write("tags", "a", None), tag("b", "B"))
    assert names(fresh()) == {"b": "B"}
    with pytest.raises(NotFound):
        a_save(Write("tags", "a", None))
    a_save(tag("a", "A again"), by="somebody")
    history = service.revisions(A, "tags", "a")
    assert [(h["revision"], h["deleted"], h["by"]) for h in history] == [
        (3, False, "somebody"),
        (2, True, "tests"),
        (1, False, "tests"),
    ]
    assert [h["body"] for h in history] == [{"name": "A again"}, None, {"name": "A"}]
    with pytest.raises(NotFound):
        service.revisions(A, "tags", "zzz")
    first, following = service.history(A, "tags", "a", 2)
    assert [h["revision"] for h in first] == [3, 2]
    assert [h["revision"] for h in service.history(A, "tags", "a", 2, following)[0]] == [1]


def test_accounts_do_not_meet(cloud: None) -> None:
    """The same id in two accounts is two documents."""
    a_save(tag("a", "A"))
    service.save("other", [tag("a", "other")], anything, "tests")
    assert names(service.snapshot("other")) == {"a": "other"}
    assert names(fresh()) == {"a": "A"}


def test_a_crash_anywhere_leaves_all_or_nothing(cloud: None) -> None:
    """Dying at any call of a save leaves the catalog before or after it; a repeat completes it."""
    for crossing in range(1, 12):
        account = f"shop{crossing}"
        crashed = _save_and_die_at(crossing, account)
        service.forget()
        after = service.snapshot(account)
        if crashed:
            assert names(after) == {"a": "A", "gone": "G"}
            assert [h["revision"] for h in service.revisions(account, "tags", "a")] == [1]
            with pytest.raises(NotFound):
                service.revisions(account, "tags", "b")
            service.save(account, WRITES, anything, "tests")
            service.forget()
        assert names(service.snapshot(account)) == {"a": "A2", "b": "B"}
        bodies = [h["body"]["name"] for h in service.revisions(account, "tags", "a")]
        assert bodies == ["A2", "A"]
        assert [h["deleted"] for h in service.revisions(account, "tags", "gone")] == [True, False]
    assert not crashed, "the loop must go past the last call of a save"


WRITES = (tag("a", "A2"), tag("b", "B"), Write("tags", "gone", None))


def _save_and_die_at(crossing: int, account: str) -> bool:
    service.save(account, [tag("a", "A"), tag("gone", "G")], anything, "tests")
    service.forget()
    count = 0

    def die(_name: str, _detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        nonlocal count
        count += 1
        if count == crossing:
            raise Crash
        return call()

    with seam.guarded(die):
        try:
            service.save(account, WRITES, anything, "tests")
        except Crash:
            return True
    return False


def test_a_crash_after_the_commit_is_a_done_save(cloud: None) -> None:
    """Once the pointer has moved, the save is in force, whatever becomes of the process."""

    def die_after(name: str, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        answer = call()
        if moves_pointer(name, detail):
            raise Crash
        return answer

    with seam.guarded(die_after), pytest.raises(Crash):
        a_save(tag("a", "A"))
    assert names(fresh()) == {"a": "A"}


def test_two_writers_both_win_one_after_the_other(cloud: None) -> None:
    """A writer that comes between another's read and commit is neither lost nor overwritten."""
    a_save(tag("a", "A"))
    checks: list[dict[str, str]] = []
    interfered = False

    def interfere(name: str, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        nonlocal interfered
        if moves_pointer(name, detail) and not interfered:
            interfered = True
            a_save(tag("b", "theirs"), by="other")
        return call()

    with seam.guarded(interfere):
        saved = a_save(tag("c", "ours"), check=lambda candidate: checks.append(names(candidate)))
    assert names(saved) == names(fresh()) == {"a": "A", "b": "theirs", "c": "ours"}
    assert checks == [{"a": "A", "c": "ours"}, {"a": "A", "b": "theirs", "c": "ours"}]
    assert saved.revision == 3


def test_a_check_is_repeated_on_what_the_other_writer_left(cloud: None) -> None:
    """A reference that was fine when it was checked, and was deleted before the commit, is refused."""
    a_save(tag("a", "A"))
    interfered = False

    def interfere(name: str, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        nonlocal interfered
        if moves_pointer(name, detail) and not interfered:
            interfered = True
            a_save(Write("tags", "a", None))
        return call()

    def needs_a(candidate: Snapshot) -> None:
        if candidate.find("tags", "a") is None:
            raise RuleViolation(quoted("there is no tags/a"))

    with seam.guarded(interfere), pytest.raises(RuleViolation):
        a_save(Write("rules", "r", {"tag": "a"}), check=needs_a)
    assert fresh().documents == {}
    with pytest.raises(NotFound):
        service.revisions(A, "rules", "r")


def test_an_if_match_between_read_and_commit_is_judged_by_the_commit(cloud: None) -> None:
    """An If-Match that was true when read fails when another writer changes the document first."""
    a_save(tag("a", "A"))
    interfered = False

    def interfere(name: str, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        nonlocal interfered
        if moves_pointer(name, detail) and not interfered:
            interfered = True
            a_save(tag("a", "theirs"))
        return call()

    with seam.guarded(interfere), pytest.raises(Conflict) as caught:
        a_save(tag("a", "ours", if_match=1))
    assert caught.value.extra == {"current_revision": 2}
    assert names(fresh()) == {"a": "theirs"}


@pytest.mark.parametrize("others", [0, 1])
def test_a_commit_whose_answer_was_lost_counts_once(cloud: None, others: int) -> None:
    """The client repeats a request whose answer it did not get; the second try fails its condition, and the
    save is found done, even when others have saved on top of it."""
    a_save(tag("a", "A"))
    repeated = False

    def lose_the_answer(name: str, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        nonlocal repeated
        if moves_pointer(name, detail) and not repeated:
            repeated = True
            call()
            if others:
                a_save(tag("a", "on top"))
        return call()

    with seam.guarded(lose_the_answer):
        a_save(tag("a", "ours", if_match=1))
    bodies = [h["body"]["name"] for h in service.revisions(A, "tags", "a")]
    assert bodies == ["on top", "ours", "A"][1 - others :]


def test_many_threads_lose_nothing(cloud: None) -> None:
    """Writers in one process at the same time: every save is there in the end, in one order."""
    refused: list[Exception] = []
    failed: list[Exception] = []

    def write(n: int) -> None:
        try:
            a_save(tag(f"t{n}", str(n)))
        except Unavailable as error:
            refused.append(error)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = fresh()
    assert failed == []
    assert len(names(after)) + len(refused) == 6
    assert sorted(d.revision for d in after) == list(range(1, after.revision + 1))


def test_an_endless_stream_of_others_is_unavailable_not_endless(cloud: None) -> None:
    """A writer that always comes second gives up with a retriable error."""
    n = 0

    def interfere(name: str, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        nonlocal n
        if moves_pointer(name, detail) and "#revision" in str(detail):
            n += 1
            store.move_pointer(A, (n - 1, f"s{n - 1}" if n > 1 else ""), 0, f"s{n}", {}, "")
        return call()

    def guard(name: str, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        with seam.guarded(lambda _name, _detail, inner: inner()):
            return interfere(name, detail, call)

    with seam.guarded(guard), pytest.raises(Unavailable):
        a_save(tag("a", "A"))


def test_documents_have_a_size_and_accounts_a_number(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be stored is refused before anything is written."""
    with pytest.raises(TooLarge):
        a_save(tag("a", "髪" * 110_000))
    monkeypatch.setattr(service, "MAX_DOCUMENTS", 2)
    with pytest.raises(RuleViolation):
        a_save(tag("a", ""), tag("b", ""), tag("c", ""))
    assert fresh() == Snapshot(A)


def test_deep_and_odd_bodies_come_back(cloud: None) -> None:
    """Nesting, names and numbers that a DynamoDB map refuses are kept exactly."""
    deep: Any = "x"
    for _ in range(90):
        deep = {"": [deep]}
    body = {"deep": deep, "n": [1.0, 1, 1e300, 10**60, 0.1, True, None, ""], "髪💇🏽‍♀️": {}}
    a_save(Write("segments", "s", body))
    assert fresh().get("segments", "s").body == body


def test_old_deletions_are_forgotten(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many deletions keep their history, so that the pointer stays small."""
    monkeypatch.setattr(service, "_KEPT_DELETIONS", 2)
    for id_ in "abcd":
        a_save(tag(id_, id_))
        a_save(Write("tags", id_, None))
    assert sorted(key[1] for key in fresh().versions) == ["c", "d"]
