"""Files with names of their own: mapped, recognised, tried without writing anything."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.catalog.service import snapshot
from chalicelib.friends import store
from chalicelib.gateways import objects, seam
from chalicelib.shared.time_left import TimeLeft
from chalicelib.transfers import beginning, dry_runs, imports, uploads
from tests.api_client import Api
from tests.conftest import drain
from tests.integration.test_transfers_import import an_import, run_bulk, shop

__all__ = ["shop"]

Shop = tuple[Api, str]
ANNA, BEN = "U" + "a" * 32, "U" + "b" * 32
LSTEP = (
    "登録ID,,,,タグ_101,タグ_102,友だち情報_7,,友だち情報_8\r\n"
    "ID,表示名,LINE登録名,友だち追加日時,VIP客,vip,来店回数,ユーザーブロック,LINE ID\r\n"
    f'1,"山田\n花子",はな,2025/9/30 14:40:17,1,0,3,0,{ANNA}\r\n'
    f"2,鈴木,すず,2025/10/1 9:05,0,1,,1,{BEN}\r\n"
).encode("cp932")
ELME = (
    "ユーザーID,LINE表示名,,タグ_221,友だち情報_305\r\n"
    "ユーザーID,LINE表示名,友だち追加日,新規,会員番号\r\n"
    f'"{ANNA}","花子","2025-09-30 14:40:17","1","A-1","メモ"\r\n'
).encode("cp932")


def friend(user: str) -> dict[str, Any]:
    sheet = store.load("shop", 4, user)
    assert sheet is not None
    return sheet


def test_columns_are_mapped_and_left_out(shop: Shop) -> None:
    """Theirs become ours, one is left out; a name that no column has is refused."""
    api, base = shop
    text = "顧客ID\t氏名\tメモ\nU1\t花子\tx\n"
    query = "?map=" + quote("顧客ID:user_id,氏名:display_name,メモ:")
    an_import(api, base, text, query)
    run_bulk()
    assert friend("U1")["display_name"] == "花子"
    query = "?map=" + quote('{"顧客ID": "user_id", "氏名": null, "年齢": "attribute.age"}')
    error = api.refused(400, "POST", f"{base}/friends/import{query}", text.encode(), content_type="text/csv")
    assert [detail["path"] for detail in error["details"]] == ["map.年齢"]
    for wrong in ("a", "a:b,c", "{", "[1]", '{"a": 1}'):
        path = f"{base}/friends/import?map={quote(wrong)}"
        api.refused(400, "POST", path, text.encode(), content_type="text/csv")


def test_lstep_s_friends_are_recognised(shop: Shop) -> None:
    """Names, tags by name or new, who has blocked; fields become attributes only on request."""
    api, base = shop

    def put(query: str = "") -> Any:
        return api.call("POST", f"{base}/friends/import{query}", LSTEP, content_type="text/csv").json_body

    tried = put("?dry_run=true")
    assert (tried["preset"], tried["total"], tried["problem_count"]) == ("lstep", 2, 0)
    assert tried["would_create"] == {"tags": [{"id": "lstep-101", "name": "VIP客"}], "attributes": []}
    taken = {column["column"]: column["as"] for column in tried["columns"]}
    assert taken == {
        "ID": None, "表示名": "display_name", "LINE登録名": None, "友だち追加日時": "followed_at",
        "VIP客": "tag.lstep-101", "vip": "tag.vip", "来店回数": None, "ユーザーブロック": "blocked",
        "LINE ID": "user_id",
    }  # fmt: skip
    assert store.load("shop", 4, ANNA) is None
    assert snapshot("shop").find("tags", "lstep-101") is None
    put("?unknown=attribute")
    run_bulk()
    anna, ben = friend(ANNA), friend(BEN)
    assert (anna["display_name"], set(anna["tags"]), anna["status"]) == (
        "山田\n花子", {"lstep-101"}, "following"
    )  # fmt: skip
    assert anna["attributes"] == {"lstep-7": "3"}
    assert anna["followed_at"] == "2025-09-30T05:40:17.000Z"
    assert (set(ben["tags"]), ben["status"]) == ({"vip"}, "blocked")
    put("?unknown=attribute")  # what is there already is found again
    assert [tag for tag in snapshot("shop").all("tags") if tag.startswith("lstep")] == ["lstep-101"]


def test_a_file_without_line_s_ids_is_refused_in_words_to_act_on(shop: Shop) -> None:
    """L-step's own numbers are nobody's; a column that has the ids may be named."""
    api, base = shop
    raw = "登録ID,,友だち情報_8\r\nID,表示名,uid\r\n1,花子,U1\r\n".encode("cp932")
    error = api.refused(400, "POST", f"{base}/friends/import", raw, content_type="text/csv")
    assert error["details"][0]["path"] == "header.user_id"
    assert "map=" in error["details"][0]["message"]
    path = f"{base}/friends/import?map=uid:user_id"
    assert api.call("POST", path, raw, content_type="text/csv").status_code == 202
    api.refused(400, "POST", f"{base}/friends/import?preset=none", raw, content_type="text/csv")


def test_elme_and_chat_tags(shop: Shop) -> None:
    """エルメ's columns, and notes behind them that no name stands over; chat tags by their names."""
    api, base = shop
    api.call("POST", f"{base}/friends/import?unknown=attribute", ELME, content_type="text/csv")
    an_import(api, base, "ユーザーID,名前,チャットタグ\nU5,太郎,vip|新規\nU6,次郎,nobody\n")
    run_bulk()
    anna = friend(ANNA)
    assert (anna["display_name"], set(anna["tags"])) == ("花子", {"elme-221"})
    assert anna["attributes"] == {"elme-305": "A-1"}
    assert set(friend("U5")["tags"]) == {"vip", "elme-221"}
    assert store.load("shop", 4, "U6") is None


BAD = "user_id,attribute.birthday,tag.vip\n" + "".join(
    f"U{n},2026/10/{99 if n % 3 == 0 else 15},{'maybe' if n % 5 == 0 else 1}\n" for n in range(400)
)
WRONG = sum(n % 3 == 0 or n % 5 == 0 for n in range(400))


def test_a_dry_run_names_the_first_problems_and_writes_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line, column, code and a sentence in two languages, 100 of them; no friend, document or job."""
    api, base = shop
    written: list[str] = []

    def guard(name: str, detail: Any, call: Any) -> Any:
        if any(word in name for word in ("Put", "Update", "Write", "Send", "Delete", "Copy")):
            written.append(str(detail.get("TableName", name)))
        return call()

    with seam.guarded(guard):
        path = f"{base}/friends/import?dry_run=true&map=" + quote("誕生日:attribute.birthday")
        raw = BAD.replace("attribute.birthday", "誕生日").encode()
        answer = api.call("POST", path, raw, content_type="text/csv")
    found = answer.json_body
    assert answer.status_code == 200
    assert {name.rpartition("-")[2] for name in written} <= {"control"}  # the key's last use, the audit log
    assert (found["total"], found["problem_count"], len(found["problems"])) == (400, WRONG, 100)
    assert [problem["line"] for problem in found["problems"][:3]] == [2, 5, 7]
    assert [problem["column"] for problem in found["problems"][:3]] == ["誕生日", "誕生日", "tag.vip"]
    assert found["problems"][2]["code"] == "cell_yes_no"
    assert "1 か 0" in found["problems"][2]["message_ja"]
    assert list(objects.keys("imports/")) == []
    monkeypatch.setattr(beginning, "TRIED_AT_ONCE", 100)
    answer = api.call("POST", path, raw, content_type="text/csv")
    assert answer.status_code == 202
    run_bulk()
    job = api.ok("GET", f"{base}/jobs/{answer.json_body['job_id']}")
    assert (job["state"], job["result"]) == ("done", found)
    assert list(objects.keys("imports/")) == []
    assert store.load("shop", 4, "U1") is None


def test_a_large_upload_costs_its_request_only_the_beginning(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither door reads more than the first bytes; tried from place to place, and the upload stays."""
    api, base = shop
    monkeypatch.setattr(uploads, "AT_ONCE", 200)
    monkeypatch.setattr(dry_runs, "_AT_ONCE", 30)
    upload = api.ok("POST", f"{base}/uploads")["upload_id"]
    objects.put(uploads.upload_key("shop", upload), BAD.encode("cp932"), "text/csv")
    asked: list[Any] = []

    def guard(name: str, detail: Any, call: Any) -> Any:
        asked.append((name, detail.get("Range")) if name == "s3:GetObject" else name)
        return call()

    with seam.guarded(guard):
        tried = api.ok("POST", f"{base}/friends/import?dry_run=true", {"upload_id": upload})["job_id"]
    assert [call for call in asked if call[0].startswith("s3:")] == [("s3:GetObject", "bytes=0-199")]
    assert not [call for call in asked if call in {"s3:PutObject", "s3:CopyObject"}]
    messages = 0
    while bodies := drain("bulk"):
        for body in bodies:
            imports.work(body, left=TimeLeft(lambda: 0.0))
            messages += 1
    job = api.ok("GET", f"{base}/jobs/{tried}")
    assert (job["state"], job["total"], job["done"]) == ("done", 400, 400)
    assert (job["result"]["problem_count"], len(job["result"]["problems"])) == (WRONG, 100)
    assert messages > 10
    real = api.ok("POST", f"{base}/friends/import", {"upload_id": upload})["job_id"]
    run_bulk()
    job = api.ok("GET", f"{base}/jobs/{real}")
    assert (job["state"], job["done"], job["error_count"]) == ("done", 400, WRONG)
    assert list(objects.keys("imports/")) == list(objects.keys("uploads/")) == []


def test_what_the_first_lines_hide_ends_the_job(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A header that the whole file's encoding reads otherwise: refused by the job, in both languages."""
    api, base = shop
    monkeypatch.setattr(uploads, "AT_ONCE", 60)
    upload = api.ok("POST", f"{base}/uploads")["upload_id"]
    raw = "user_id,氏名\n".encode() + b"U1,abc\n" * 20 + "U2,髙橋\n".encode("cp932")
    objects.put(uploads.upload_key("shop", upload), raw, "text/csv")
    path = f"{base}/friends/import?map=" + quote("氏名:display_name")
    job = api.ok("POST", path, {"upload_id": upload})["job_id"]
    run_bulk()
    body = api.ok("GET", f"{base}/jobs/{job}")
    assert body["state"] == "failed"
    assert set(body["errors"][0]) == {"line", "code", "message", "message_ja"}
