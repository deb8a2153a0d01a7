"""The mirror over a real store: exact while sheets change, compactions are killed, and friends are erased."""

from __future__ import annotations

import copy
import random
from zoneinfo import ZoneInfo

import pytest

from chalicelib.accounts.service import get_account
from chalicelib.conditions import language as conditions
from chalicelib.conditions.model import Context
from chalicelib.friends import beside, store
from chalicelib.gateways import objects, seam
from chalicelib.mirror import compaction, local_copy, reader, survey
from chalicelib.mirror import store as heads
from chalicelib.privacy import erasure
from chalicelib.segments import audience
from chalicelib.shared.times import iso
from chalicelib.sheets import sheet as folding
from chalicelib.sheets.model import new_sheet
from tests.api_client import an_account, an_api
from tests.laptop import both_stores, laptop_store  # noqa: F401 (fixtures)
from tests.strategies import NOW, SCORES, a_snapshot

pytest.importorskip("duckdb")
SHARDS = 4
CONTEXT = Context(a_snapshot(), ZoneInfo("Asia/Tokyo"))
SCORE = next(name for name, body in SCORES.items() if body.get("half_life"))
ASKED = [
    {"everyone": True},
    {"tag": "vip"},
    {"not": {"tag": "vip"}},
    {"score": {"id": SCORE, "gte": 3}},
    {"any": [{"tag": "vip"}, {"score": {"id": SCORE, "lt": 2}}]},
    {"friend": {"status": "blocked"}},
    {"scenario": {"id": "welcome", "state": "active"}},
    {"scenario": {"id": "welcome", "state": "never"}},
    {"all": [{"tag": "vip"}, {"form": {"id": "skin-check", "question": "q", "eq": "x"}}]},
]


@pytest.fixture(autouse=True)
def _no_copies():
    yield
    reader.forget_copies()


@pytest.fixture
def shop(cloud):
    an_account(an_api(), shards=SHARDS)
    return "shop"


def question(account, condition):
    test = conditions.compile_audience(condition, CONTEXT)
    return reader.Question(
        account,
        SHARDS,
        conditions.audience_to_sql(condition, CONTEXT, NOW),
        lambda one: test(one, NOW),
        conditions.needs(condition, CONTEXT.snapshot),
    )


def by_table(account, condition):
    test = conditions.compile_audience(condition, CONTEXT)
    pages = (audience.walk_shard(account, shard) for shard in range(SHARDS))
    return {s["user_id"] for walk in pages for page in walk for s in page if test(s, NOW)}


def exact(account):
    """Counts and lists are those of the table, for every condition."""
    for condition in ASKED:
        wanted, asked = by_table(account, condition), question(account, condition)
        assert reader.count(asked) == len(wanted), condition
        order = reader.Order("f.folded_id", lambda one: one["user_id"].casefold(), descending=False)
        first = reader.find(asked, order, 5)
        assert first.total == len(wanted)
        assert [user for _, user in first.items] == sorted(wanted)[:5]
        if len(first.items) == 5:
            rest = reader.find(asked, order, 1_000, after=first.items[-1])
            assert [user for _, user in rest.items] == sorted(wanted)[5:]


def a_friend(account, number, **changes):
    one = new_sheet(account, f"U{number:03d}", iso(NOW)) | {"status": "following"} | changes
    assert store.create_or_update(account, SHARDS, one["user_id"], None, one, None)


def change(account, chance, number):
    """One of the ways in which a sheet, or what stands beside it, changes."""
    user, at = f"U{number:03d}", iso(NOW)
    before = store.load(account, SHARDS, user)
    if before is None or before["status"] == "erased":
        return
    after = copy.deepcopy(before)
    which = chance.randrange(7)
    if which == 0:
        folding.add_tag(after, "vip", at, "test")
    elif which == 1:
        folding.remove_tag(after, "vip", at)
    elif which == 2:
        folding.add_score(after, SCORE, SCORES[SCORE], chance.randrange(1, 4), at)
    elif which == 3:
        after["status"] = chance.choice(["following", "blocked"])
    elif which == 4:
        beside.note(account, SHARDS, user, "run-1", at)
    elif which == 5:
        stand = {"state": "active", "v": chance.randrange(1, 99), "run": 1, "node": "n1", "at": at}
        store.update_paths(account, SHARDS, user, [(("scenarios", "welcome"), stand)])
        return
    else:
        answers = {"q": {"value": chance.choice(["x", "y"]), "at": at}}
        store.update_paths(account, SHARDS, user, [(("forms", "skin-check"), {"at": at, "answers": answers})])
        return
    store.create_or_update(account, SHARDS, user, before, after, before["rev"])


def test_what_leaves_no_mark_is_asked_of_the_table(shop):
    """Receipts stand beside the sheet, the node in the enrollment: the mirror answers nothing of them."""
    a_friend(shop, 1)
    compaction.run(shop, SHARDS)
    assert reader.count(question(shop, {"delivery": {"id": "run-1", "received": True}})) is None
    at_a_node = {"id": "welcome", "state": "active", "node": "n1"}
    assert reader.count(question(shop, {"not": {"scenario": at_a_node}})) is None


def test_no_snapshot_no_answer(shop):
    """Before the first one everybody reads the table; who asks has one made."""
    a_friend(shop, 1)
    assert reader.count(question(shop, {"everyone": True})) is None
    assert compaction.run(shop, SHARDS) == compaction.Outcome(1, 0, True)
    assert reader.count(question(shop, {"everyone": True})) == 1


def test_answers_are_exact_between_compactions(shop):
    """After every handful of changes of any kind, and after every compaction."""
    chance = random.Random(7)
    for number in range(40):
        a_friend(shop, number)
    compaction.run(shop, SHARDS)
    exact(shop)
    for turn in range(4):
        for _ in range(12):
            change(shop, chance, chance.randrange(40))
        a_friend(shop, 100 + turn)
        if turn % 3 == 2:
            assert erasure.erase(get_account(shop), f"U{turn:03d}", iso(NOW))
        exact(shop)
        if turn % 2:
            assert compaction.run(shop, SHARDS).is_over
            exact(shop)


class Killed(BaseException):
    """The process is gone."""


def killed_at(crossing):
    """A guard that lets so many crossings through, and then kills."""
    passed = 0

    def guard(name, _detail, call):
        nonlocal passed
        if name.startswith("clock"):
            return call()
        passed += 1
        if passed > crossing:
            raise Killed
        return call()

    return guard


def test_a_compaction_may_be_killed_anywhere(shop, monkeypatch):
    """Among its calls: answers stay exact, and the next one gets through and leaves one snapshot."""
    monkeypatch.setattr(heads, "LEASE", heads.LEASE * 0)
    chance = random.Random(3)
    for number in range(12):
        a_friend(shop, number)
    crossing, killed = 0, True
    while killed:
        for _ in range(3):
            change(shop, chance, chance.randrange(12))
        try:
            with seam.guarded(killed_at(crossing)):
                compaction.run(shop, SHARDS)
            killed = False
        except Killed:
            crossing += 7
        if heads.find(shop):
            exact_counts(shop)
    assert crossing > 20
    exact_counts(shop)
    monkeypatch.setattr(compaction, "KEPT_FOR", compaction.KEPT_FOR * 0)
    change(shop, chance, 1)
    a_friend(shop, 50)
    compaction.run(shop, SHARDS)
    assert len({key.rpartition("/")[0] for key in objects.keys(local_copy.place_of(shop))}) == 1


def exact_counts(account):
    for condition in ASKED[1:4]:
        assert reader.count(question(account, condition)) == len(by_table(account, condition))


def test_a_write_on_its_way_is_found(shop, monkeypatch):
    """A mark that is older than the snapshot by less than the longest invocation, landing after it."""
    for number in range(4):
        a_friend(shop, number)
    late = f"{iso(NOW.now(NOW.tzinfo))}~00000000"
    compaction.run(shop, SHARDS)
    monkeypatch.setattr("chalicelib.friends.marks.new_mark", lambda _writer: late)
    change_to_vip(shop, "U001")
    assert reader.count(question(shop, {"tag": "vip"})) == 1


def change_to_vip(account, user):
    before = store.load(account, SHARDS, user)
    after = copy.deepcopy(before)
    folding.add_tag(after, "vip", iso(NOW), "test")
    assert store.create_or_update(account, SHARDS, user, before, after, before["rev"])


def test_an_erased_friend_is_in_no_answer_and_in_no_file(shop):
    """In no answer at once; after the next compaction no object holds the name or the id."""
    for number in range(3):
        a_friend(shop, number, display_name=f"秘密{number}")
    compaction.run(shop, SHARDS)
    assert erasure.erase(get_account(shop), "U001", iso(NOW))
    assert reader.count(question(shop, {"everyone": True})) == 2
    compaction.run(shop, SHARDS)
    with reader._copy(shop, heads.find(shop)).in_use() as held:
        assert held.rows("SELECT user_id, name FROM friends f ORDER BY 1") == [
            ("U000", "秘密0"),
            ("U002", "秘密2"),
        ]
        assert all("U001" not in one for (one,) in held.rows("SELECT sheet FROM sheets s"))
    places = {key.rpartition("/")[0] for key in objects.keys(local_copy.place_of(shop))}
    assert places == {heads.find(shop).place}


def test_accounts_never_mix(cloud):
    """The same ids in two accounts: each snapshot holds its own, and each answer is of its own."""
    api = an_api()
    for account in ("shop", "other"):
        an_account(api, account, shards=SHARDS)
        for number in range(3):
            a_friend(account, number)
        compaction.run(account, SHARDS)
    change_to_vip("shop", "U001")
    assert reader.count(question("shop", {"tag": "vip"})) == 1
    assert reader.count(question("other", {"tag": "vip"})) == 0


def test_what_does_not_fit_the_time_goes_on(shop):
    """A first snapshot that is cut off shard by shard; nothing is asked of it until it is whole."""
    for number in range(20):
        a_friend(shop, number)

    class Over:
        is_over = True

    for turn in range(SHARDS):
        assert reader.count(question(shop, {"everyone": True})) is None
        change_to_vip(shop, f"U{turn:03d}")
        assert compaction.run(shop, SHARDS, Over()).is_over is (turn == SHARDS - 1)
    exact(shop)


def test_a_snapshot_in_another_format_is_made_anew(shop, monkeypatch):
    """It is asked nothing, and the next one reads the table."""
    a_friend(shop, 1)
    monkeypatch.setattr(heads, "FORMAT", 0)
    monkeypatch.setattr(compaction, "FORMAT", 0)
    compaction.run(shop, SHARDS)
    monkeypatch.undo()
    assert reader.count(question(shop, {"everyone": True})) is None
    compaction.run(shop, SHARDS)
    assert reader.count(question(shop, {"everyone": True})) == 1


def test_the_doctor_sees_a_row_that_is_not_the_sheet(shop, monkeypatch):
    """Changes, erasures and new friends are right as they are; a write without a mark is not."""
    for number in range(6):
        a_friend(shop, number)
    compaction.run(shop, SHARDS)
    change_to_vip(shop, "U001")
    a_friend(shop, 9)
    erasure.erase(get_account(shop), "U002", iso(NOW))
    assert list(survey.differences(shop, SHARDS, range(SHARDS))) == []
    monkeypatch.setattr("chalicelib.friends.marks.is_marked", lambda _names: False)
    change_to_vip(shop, "U003")
    wrong = list(survey.differences(shop, SHARDS, range(SHARDS)))
    assert wrong == [("U003", "differs from the sheet of the same mark")]


def test_files_that_are_gone_are_made_anew(shop):
    """A lifecycle rule or a hand took them: the table answers, and the next compaction reads it."""
    a_friend(shop, 1)
    compaction.run(shop, SHARDS)
    compaction.delete(heads.find(shop).place)
    assert reader.count(question(shop, {"everyone": True})) is None
    assert compaction.run(shop, SHARDS).is_over
    assert reader.count(question(shop, {"everyone": True})) == 1
