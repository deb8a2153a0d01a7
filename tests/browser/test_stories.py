"""What a marketer does, by roles and names, with its effects looked at outside the page."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.conftest import HOSTILE, NAMES, A, Open, Shop, named, user
from tests.browser.look import (
    becomes,
    button,
    field,
    heading,
    link,
    pick_friend,
    reads,
    role,
    see,
    state,
    text,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def counted(page: Any, words: str) -> None:
    """Wait until the live count says so."""
    see(role(page, "status", "対象人数").filter(has_text=re.compile(rf"(?<!\d){re.escape(words)}")))


def test_signing_in_and_being_refused(shop: Shop, open_page: Open) -> None:
    """A wrong key is said beside its field; a right one leads home; signing out ends it; no key is kept."""
    page = open_page(None, "sign-in", allowed=("401",))
    field(page, "APIキー").fill("tdk_wrong")
    button(page, "サインイン").click()
    see(text(page, re.compile("このキーは使えません")))
    field(page, "APIキー").fill(shop.keys["editor"])
    button(page, "サインイン").click()
    see(heading(page, "ホーム"))
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert shop.keys["editor"] not in kept
    assert "todoku_session" not in kept
    button(page, "サインアウト").click()
    see(heading(page, "サインイン"))
    becomes(lambda: page.context.request.get(shop.url.replace("/console", "/v1/me")).status, 401)


def test_the_laptop_s_link_signs_in_once(shop: Shop, open_page: Open) -> None:
    """What ``make run`` prints works the first time and says so the second."""
    line = next(line for line in shop.platform.lines if "/console#" in line)
    code = re.search(r"sign-in/(\S+)", line)
    assert code is not None
    page = open_page(None, f"sign-in/{code[1]}", allowed=("401",))
    see(heading(page, "ホーム"))
    other = open_page(None, f"sign-in/{code[1]}", allowed=("401",))
    see(text(other, re.compile("使用済みか期限切れ")))


def dry_without_purchase(page: Any) -> None:
    """Build 乾燥肌 かつ 90日以内に購入なし."""
    button(page, "グループ1に条件を追加").click()
    button(page.get_by_role("dialog"), "属性").click()
    field(page, "属性").select_option(label="肌質")
    field(page, "値").select_option("乾燥肌")
    button(page, "決定").click()
    button(page, "グループ1に組を追加").click()
    field(page, "グループ2のつなぎ方").select_option(label="いずれにも当てはまらない(除く)")
    button(page, "グループ2に条件を追加").click()
    button(page.get_by_role("dialog"), "購入").click()
    field(page, "期間").fill("90")
    button(page, "決定").click()


CONDITION = {
    "all": [
        {"attribute": {"id": "skin", "eq": "乾燥肌"}},
        {"not": {"any": [{"purchase": {"last": {"within": "90d"}}}]}},
    ]
}


def test_a_nested_segment_is_built_counted_explained_and_sent(shop: Shop, open_page: Open) -> None:
    """The sentence, the count equal to the API's, why for one friend; then compose, preview, test, send and
    the ledger that balances; LINE heard just what the page said."""
    page = open_page("publisher", "segments/new")
    field(page, "セグメント名").fill("乾燥肌で90日購入なし")
    dry_without_purchase(page)
    wanted = shop.api.post(f"{A}/segments/count", {"condition": CONDITION})["count"]
    counted(page, f"{wanted}人(正確)")
    reads(page.get_by_test_id("sentence"), "「肌質」が「乾燥肌」 かつ 90日以内に購入なし")
    pick_friend(page, "友だちで確かめる", "花子")
    see(text(page, re.compile("対象外です")))
    see(text(page, re.compile("実際の値:1回")))
    pick_friend(page, "友だちで確かめる", "次郎")
    see(text(page, re.compile("対象です")))
    button(page, "保存").click()
    see(heading(page, "乾燥肌で90日購入なし"))
    becomes(lambda: named(shop, "segments", "乾燥肌で90日購入なし")["condition"], CONDITION)
    compose(page)
    shop.sim.call("DELETE", "/_sim/messages")
    pick_friend(page, "テスト送信先を追加", "次郎")
    button(page, "1人にテスト送信").click()
    see(text(page, re.compile("テスト送信しました")))
    becomes(lambda: shop.heard(user(1))[0]["text"], "こんにちは、次郎さん")
    assert shop.heard(user(2)) == []
    button(page, f"{wanted}人に今すぐ送る(最大¥{3 * wanted})").click()
    button(page.get_by_role("dialog"), "送る").click()
    see(text(page, re.compile(rf"送信済み {wanted}(?!\d)")))
    see(text(page, "数が合っています"))
    becomes(lambda: shop.heard(user(2))[0]["text"], f"こんにちは、{NAMES[2]}さん")
    assert shop.heard(user(0)) == []


def compose(page: Any) -> None:
    """A broadcast to the segment, with the friend's name in it, seen on the phone and checked."""
    link(page, "一斉配信").click()
    see(link(page, "配信を作る")).first.click()
    field(page, "配信名").fill("保湿のご案内")
    field(page, "配信先").select_option(label="乾燥肌で90日購入なし")
    field(page, "メッセージ1の本文").fill('こんにちは、{{ friend.display_name | default("お客様") }}さん')
    pick_friend(page, "この友だちの画面で見る", "次郎")
    see(text(page.locator(".phone"), "こんにちは、次郎さん"))
    button(page, "内容を確認する").click()
    see(text(page, "送る人数"))


def test_two_messages_are_compared(shop: Shop, open_page: Open) -> None:
    """A and B, each to its share of a part; a person chooses B for the rest, and the numbers are of all."""
    page = open_page("publisher", "broadcasts/new")
    field(page, "配信名").fill("くらべる配信")
    field(page, "メッセージ1の本文").fill("Aです")
    button(page, "別のパターンと比べる(A/B)").click()
    field(page, "メッセージ1の本文").fill("Bです")
    field(page, "パターンBの配分").fill("3")
    see(text(page, re.compile("75%")))
    button(page, re.compile("パターンA")).click()
    becomes(field(page, "メッセージ1の本文").input_value, "Aです")
    field(page, "先に試す人の割合(%)").fill("60")
    button(page, "内容を確認する").click()
    see(text(page, "送る人数"))
    shop.sim.call("DELETE", "/_sim/messages")
    button(page, re.compile("人に今すぐ送る")).click()
    button(page.get_by_role("dialog"), "送る").click()
    see(heading(page, "くらべる配信"))
    see(text(page, "数が合っています"))
    see(heading(page, "比べるパターン"))
    button(page, "パターンBを残りに送る").click()
    button(page.get_by_role("dialog"), "パターンBを残りに送るを実行する").click()
    see(text(page, "パターンBが勝ちました"))
    see(role(page, "img", "それぞれの割合と95%の幅"))
    document = next(one for one in shop.api.items(f"{A}/broadcasts") if one["name"] == "くらべる配信")
    becomes(lambda: shop.api.get(f"{A}/broadcasts/{document['id']}")["status"], "done")
    heard = [message["text"] for n in range(len(NAMES)) for message in shop.heard(user(n))]
    assert set(heard) <= {"Aです", "Bです"}
    sent = shop.api.get(f"{A}/broadcasts/{document['id']}")["variants"]
    assert [one["accepted"] for one in sent] == [heard.count("Aです"), heard.count("Bです")]
    assert [one["weight"] for one in sent] == [1, 3]
    assert len(heard) == len(set(NAMES))


def test_columns_are_chosen_and_many_are_tagged(shop: Shop, open_page: Open) -> None:
    """A column more, kept over a reload; one action for everybody who is shown, each friend once."""
    page = open_page("publisher", "friends")
    button(page, "表示する列").click()
    field(page.get_by_role("dialog"), "肌質").check()
    button(page.get_by_role("dialog"), "閉じる").click()
    see(role(page, "columnheader", "肌質"))
    page.reload()
    state(page)
    see(role(page, "columnheader", "肌質"))
    shop.api.put(f"{A}/tags/everybody", {"name": "全員のタグ"})
    page.reload()
    state(page)
    field(page, "表示中の友だちをすべて選択").check()
    field(page, "内容").select_option(label="全員のタグ")
    button(page, "まとめて実行").click()
    see(text(page, re.compile("終わりました")))
    shown = shop.api.post(f"{A}/friends/search", {"limit": 100})["items"]
    tagged = [one["user_id"] for one in shown]
    becomes(
        lambda: [name for name in tagged if "everybody" in shop.api.get(f"{A}/friends/{name}")["tags"]],
        tagged,
    )


def test_a_schedule_goes_back_to_a_draft(shop: Shop, open_page: Open) -> None:
    """Nothing was sent, and it may be edited again."""
    shop.api.put(
        f"{A}/broadcasts/later", {"name": "あとで", "audience": {"everyone": True}, "message": "hours"}
    )
    shop.api.post(f"{A}/broadcasts/later/schedule", {"every": {"time": "03:33"}})
    page = open_page("publisher", "broadcasts/later")
    button(page, "予約を取り消して下書きに戻す").click()
    see(text(page, "下書き"))
    becomes(lambda: shop.api.get(f"{A}/broadcasts/later")["status"], "draft")


def test_a_friend_is_edited_and_the_timeline_shows_it(shop: Shop, open_page: Open) -> None:
    """The tag is on the friend and the edit on the timeline."""
    page = open_page("editor", f"friends/{user(7)}")
    button(page, "編集").click()
    dialog = page.get_by_role("dialog")
    field(dialog, "大切なお客様").check()
    field(dialog, "関心度").fill("5")
    button(dialog, "保存").click()
    see(text(page, re.compile("スタッフが編集した")))
    becomes(lambda: "vip" in shop.api.get(f"{A}/friends/{user(7)}")["tags"], True)
    becomes(lambda: shop.api.get(f"{A}/friends/{user(7)}")["scores"]["interest"]["value"], 5)


def test_a_phone_writes_and_the_answer_arrives(shop: Shop, open_page: Open) -> None:
    """Without a reload; while a word is being composed Enter and Ctrl+Enter send nothing."""
    page = open_page("publisher", "chat")
    message = {"account": "shop", "message": {"type": "text", "text": "予約できますか"}}
    shop.sim.post(f"/_sim/friends/{user(8)}/message", message)
    see(link(page, re.compile(NAMES[8]))).first.click()
    see(text(page, "予約できますか"))
    box = field(page, "返信")
    box.fill("はい、承ります")
    composing = "{key: 'Enter', ctrlKey: true, isComposing: true, bubbles: true}"
    box.evaluate(f"e => e.dispatchEvent(new KeyboardEvent('keydown', {composing}))")
    box.press("Enter")
    box.fill("はい、承ります")
    box.press("Control+Enter")
    becomes(lambda: [m["text"] for m in shop.heard(user(8))], ["はい、承ります"])
    see(text(role(page, "list", "メッセージ"), "はい、承ります"))
    talks = f"{A}/conversations"
    becomes(
        lambda: [one["unread"] for one in shop.api.items(talks) if one["user_id"] == user(8)],
        [False],
    )


def test_a_csv_with_bad_lines(shop: Shop, open_page: Open) -> None:
    """The dry run names them and imports nothing, columns may be named; the import takes the rest."""
    page = open_page("editor", "friends/import", allowed=("400",))
    good, bad = f"{user(20)},新しい友だち", f"{user(21)},余分,列"
    field(page, "CSVの内容").fill(f"user_id,display_name\n{good}\n{bad}\nそんな人,x")
    button(page, "試しに確かめる").click()
    see(text(page, re.compile("1行に問題があります")))
    field(page, "CSVの内容").fill(f"user_id,display_name\n{good}\nそ ん な 人,x")
    button(page, "取り込む").click()
    see(text(page, re.compile("取り込めなかった行:1")))
    becomes(lambda: shop.api.get(f"{A}/friends/{user(20)}")["display_name"], "新しい友だち")
    raw = f"顧客,氏名\n{user(22)},髙橋\n".encode("cp932")
    field(page, "CSV・TSVファイル(Excelで保存したものも可、4MBまで)").set_input_files(
        {"name": "客.csv", "mimeType": "application/vnd.ms-excel", "buffer": raw}
    )
    button(page, "試しに確かめる").click()
    role(page, "combobox", "顧客").select_option("user_id")
    role(page, "combobox", "氏名").select_option("display_name")
    button(page, "試しに確かめる").click()
    see(text(page, re.compile("問題は見つかりませんでした")))
    button(page, "取り込む").click()
    becomes(lambda: shop.api.get(f"{A}/friends/{user(22)}")["display_name"], "髙橋")


def test_a_stale_edit_is_compared(shop: Shop, open_page: Open) -> None:
    """Somebody saved meanwhile: both are shown, and the person decides."""
    shop.api.put(f"{A}/messages/stale", {"name": "元の名前", "messages": [{"type": "text", "text": "a"}]})
    page = open_page("editor", "messages/stale", allowed=("409",))
    shop.api.put(f"{A}/messages/stale", {"name": "相手の名前", "messages": [{"type": "text", "text": "b"}]})
    field(page, "メッセージ名").fill("自分の名前")
    button(page, "保存").click()
    see(text(page.get_by_role("dialog"), re.compile("相手の名前")))
    button(page, "自分の内容で上書きする").click()
    see(heading(page, "メッセージ"))
    becomes(lambda: shop.api.get(f"{A}/messages/stale")["name"], "自分の名前")


def test_a_draft_survives_a_reload(open_page: Open) -> None:
    """What was written is there again, and can be thrown away."""
    page = open_page("editor", "segments/new")
    field(page, "セグメント名").fill("書きかけ")
    page.reload()
    state(page)
    becomes(field(page, "セグメント名").input_value, "書きかけ")
    button(page, "変更を破棄").click()
    becomes(field(page, "セグメント名").input_value, "")


def test_an_outage_says_so_and_another_try_works(open_page: Open) -> None:
    """503: the state is error, with a button that asks again."""
    page = open_page("viewer", "home", allowed=("503",))
    busy = {"error": {"code": "unavailable", "message": "later", "details": []}}
    page.route("**/v1/accounts/shop/segments*", lambda route: route.fulfill(status=503, json=busy))
    link(page, "セグメント").click()
    state(page, "error")
    page.unroute("**/v1/accounts/shop/segments*")
    button(page, "もう一度試す").click()
    state(page, "ready", "empty")


def test_a_viewer_and_an_editor_are_refused_what_they_may_not_do(shop: Shop, open_page: Open) -> None:
    """A viewer finds no way to write; an editor composes and checks and cannot send."""
    page = open_page("viewer", "broadcasts/new")
    state(page, "forbidden")
    see(text(page, re.compile("「編集」の権限が必要です")))
    viewer = open_page("viewer", f"friends/{user(1)}")
    see(link(viewer, "チャットを開く"))
    assert button(viewer, "編集").count() == 0
    editor = open_page("editor", "broadcasts/new")
    field(editor, "配信名").fill("編集者の下書き")
    field(editor, "メッセージ1の本文").fill("こんにちは")
    button(editor, "内容を確認する").click()
    see(text(editor, re.compile("「配信担当」の権限が必要です")))
    assert button(editor, re.compile("送る")).count() == 0
    keys = open_page("publisher", "settings/keys")
    state(keys, "forbidden")


def test_hostile_names_are_text(shop: Shop, open_page: Open) -> None:
    """Markup, directions and 300 letters neither run nor break the page."""
    page = open_page("viewer", "friends")
    see(text(page.get_by_role("table"), HOSTILE))
    assert page.locator("main img").count() == 0
    card = open_page("viewer", f"friends/{user(3)}")
    see(heading(card, HOSTILE))
    wide = open_page("viewer", f"friends/{user(5)}", width=375)
    assert wide.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")


def test_a_hundred_thousand_friends_are_a_few_rows(open_page: Open) -> None:
    """However many there are, the page holds at most sixty of them, and asks for more on the way down."""
    page = open_page("viewer", "home")
    friend: dict[str, Any] = {"status": "following", "stage": "prospect", "revision": 1}
    friend |= {key: {} for key in ("tags", "scores", "attributes", "facts", "scenarios")}
    friend |= dict.fromkeys(("language", "followed_at", "blocked_at", "last_active_at", "member_id"))
    friend |= {"source": {"first": None, "latest": None}, "purchases": {"count": 0, "total": 0}}

    def answer(route: Any) -> None:
        start = int(route.request.post_data_json.get("cursor") or 0)
        items = [
            friend | {"user_id": user(n), "display_name": f"友だち{n}"} for n in range(start, start + 100)
        ]
        total = {"count": 100_000, "low": None, "high": None}
        route.fulfill(json={"items": items, "next_cursor": str(start + 100), "total": total})

    page.route("**/friends/search", answer)
    link(page, "友だち").click()
    see(link(page, "友だち0"))
    see(text(page, "100,000人(正確)"))
    for last in (99, 199, 299):
        assert 0 < page.locator(".grid-row").count() <= 60
        page.get_by_role("rowgroup").evaluate("e => { e.scrollTop = e.scrollHeight }")
        see(link(page, f"友だち{last}"))
