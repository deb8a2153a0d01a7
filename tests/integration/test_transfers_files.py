"""Files in and out: what goes out comes in alike, jobs stay quick however long they are, files are joined."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chalicelib.accounts.service import get_account
from chalicelib.friends import store
from chalicelib.gateways import objects, seam
from chalicelib.jobs import service as jobs
from chalicelib.reaction import service as reaction
from chalicelib.segments import service as segments
from chalicelib.shared.time_left import TimeLeft
from chalicelib.transfers import exports, imports, uploads
from chalicelib.transfers import rows as csv_rows
from chalicelib.transfers.csv_file import CsvFile
from tests.api_client import Api
from tests.conftest import drain
from tests.few_looks import FewLooks
from tests.integration.test_transfers_import import Crash, an_import, run_bulk, shop
from tests.strategies import ONE_FIXTURE

__all__ = ["shop"]

Shop = tuple[Api, str]
TRICKY = st.text(st.sampled_from("=+-@\t\r\n '\"|,;髙ｶ😀＝0a"), max_size=6)
LEFT_OUT = (
    "tags",
    "attributes_at",
    "scores",
    "due_at",
    "rev",
    "created_at",
    "status_at",
    "pending",
    "name_by",
)
"""What an import says anew: when it was told, and by whom."""


def reads(items: dict[str, int]) -> Any:
    """A guard that counts what DynamoDB has read, by table: items, not calls."""

    def guard(name: str, detail: Any, call: Any) -> Any:
        answer = call()
        if name in {"dynamodb:GetItem", "dynamodb:Query"}:
            found = len(answer.get("Items", [answer.get("Item")]))
            items[detail["TableName"]] = items.get(detail["TableName"], 0) + found
        return answer

    return guard


@hypothesis_settings(max_examples=6, suppress_health_check=ONE_FIXTURE)
@given(texts=st.lists(TRICKY, min_size=3, max_size=3))
def test_what_is_exported_and_imported_again_is_identical(shop: Shop, texts: list[str]) -> None:
    """Names, sources and texts that look like formulas, with quotes, lines, emoji; nothing changes."""
    api, base = shop
    users = [f"U{n}" for n in range(len(texts))]
    for user, text in zip(users, texts, strict=True):
        sheet = store.load("shop", 4, user)
        if sheet is None:
            an_import(api, base, f"user_id,tags,score.interest\n{user},vip,7.25\n")
            run_bulk()
        sets = [(("display_name",), text), (("attributes", "area"), text)]
        assert store.update_paths("shop", 4, user, sets)
    before = {user: store.load("shop", 4, user) for user in users}
    text = exported(api, base)
    assert not any(cell[:1] in tuple("=+-@\t\r") for cell in cells(text) if cell)
    an_import(api, base, text.decode())
    run_bulk()
    for user, sheet in before.items():
        assert kept(store.load("shop", 4, user)) == kept(sheet)


def kept(sheet: dict[str, Any] | None) -> dict[str, Any]:
    assert sheet is not None
    return {name: value for name, value in sheet.items() if name not in LEFT_OUT} | {
        "tags": set(sheet["tags"]), "scores": set(sheet["scores"])
    }  # fmt: skip


def exported(api: Api, base: str) -> bytes:
    """The file of a fresh export."""
    job = api.ok("POST", f"{base}/exports")["job_id"]
    run_bulk()
    found = objects.find(api.ok("GET", f"{base}/jobs/{job}")["result"]["key"])
    assert found is not None
    return found


def cells(text: bytes) -> list[str]:
    import io

    return [cell for record in CsvFile(io.BytesIO(text)).records() for cell in record.cells]


@pytest.mark.parametrize("encoding", ["cp932", "utf-16"])
def test_a_file_of_japanese_excel_is_imported(shop: Shop, encoding: str) -> None:
    """By the door and from an upload; what is wrong is said in both languages; the files go."""
    api, base = shop
    text = (
        "user_id;display_name;attribute.birthday;;\r\nU1;髙橋;2026/10/15;;\r\nU2;x;2026/10/99;;\r\n;;;;\r\n"
    )
    answer = api.call("POST", f"{base}/friends/import", text.encode(encoding), content_type="text/csv")
    upload = api.ok("POST", f"{base}/uploads")["upload_id"]
    objects.put(uploads.upload_key("shop", upload), text.encode(encoding), "text/csv")
    again = api.ok("POST", f"{base}/friends/import", {"upload_id": upload})
    run_bulk()
    for job in (answer.json_body["job_id"], again["job_id"]):
        body = api.ok("GET", f"{base}/jobs/{job}")
        assert (body["state"], body["done"], body["total"], body["error_count"]) == ("done", 2, 2, 1)
        assert body["errors"][0]["line"] == 3
        assert "日時" in body["errors"][0]["message_ja"]
        assert set(body["errors"][0]) == {"line", "column", "code", "message", "message_ja"}
    assert api.ok("GET", f"{base}/friends/U1")["attributes"] == {"birthday": "2026-10-15"}
    assert list(objects.keys("imports/")) == list(objects.keys("uploads/")) == []


def test_a_file_in_no_known_encoding_is_refused_at_once(shop: Shop) -> None:
    """With its line, before any job; a request that says UTF-8 is believed where bytes leave it open."""
    api, base = shop
    latin = "user_id,display_name\nU1,é\n"
    error = api.refused(
        400, "POST", f"{base}/friends/import", latin.encode("latin-1"), content_type="text/csv"
    )
    assert error["details"][0]["path"] == "line 2"
    api.refused(400, "POST", f"{base}/friends/import", latin.encode(), content_type="text/csv")
    api.ok("POST", f"{base}/friends/import", latin.encode(), content_type="text/csv; charset=UTF-8")
    run_bulk()
    assert api.ok("GET", f"{base}/friends/U1")["display_name"] == "é"


def test_a_chunk_reads_as_much_in_a_long_import_as_in_a_short_one(shop: Shop) -> None:
    """The job and a group of marks, however many chunks are through (once: all of them); how far a job is
    takes about the root of their number.
    """
    counts = []
    for chunks in (3, 4, 100):
        params = {"header": ["user_id", "tags"], "fire": False}
        job = jobs.create("shop", "import", by="t", total=chunks, chunks=chunks, params=params)
        for n in range(chunks - 1):
            jobs.finish_chunk(jobs.header("shop", job), f"{n:06d}", 1)
        items: dict[str, int] = {}
        with seam.guarded(reads(items)):
            rows = [[chunks, [f"U{chunks}", "vip"]]]
            body = {"account": "shop", "id": job, "chunk": f"{chunks - 1:06d}", "rows": rows}
            imports.apply_rows(body)
        look: dict[str, int] = {}
        with seam.guarded(reads(look)):
            found = jobs.get("shop", job).body()
        assert (found["state"], found["done"]) == ("done", chunks)
        counts.append((items["todoku-test-control"], look["todoku-test-control"]))
    _, (short, _), (long, looked) = counts
    assert long == short
    assert looked <= 1 + 10


def test_a_job_counts_each_chunk_once_however_it_is_cut_off(shop: Shop) -> None:
    """Stopped before or after any call, by two workers, with errors: exact counts, the first errors stay."""
    for after in (False, True):
        for step in range(5):
            job = jobs.create("shop", "import", by="t", total=10, chunks=9, job_id=f"J{step}{after}")
            header = jobs.header("shop", job)
            calls: list[str] = []

            def guard(
                name: str, _d: Any, call: Any, *, s: int = step, a: bool = after, c: Any = calls
            ) -> Any:
                if not name.startswith("dynamodb:"):
                    return call()
                c.append(name)
                if len(c) == s + 1:
                    if a:
                        call()
                    raise Crash
                return call()

            for n in range(9):
                wrong = [{"line": n, "message": "first", "user_id": "U1"}] if n % 2 else []
                try:
                    with seam.guarded(guard):
                        jobs.finish_chunk(header, f"{n:06d}", 1 + n % 2, wrong)
                except Crash:
                    pass
                jobs.finish_chunk(header, f"{n:06d}", 1 + n % 2, wrong)
                assert jobs.chunk_done(header, f"{n:06d}")
            body = jobs.get("shop", job).body()
            assert (body["state"], body["done"], body["error_count"]) == ("done", 13, 4)
            assert body["errors"] == [{"line": n, "message": "first"} for n in (1, 3, 5, 7)]


def test_more_errors_than_an_item_holds_are_counted(shop: Shop) -> None:
    """A chunk whose reasons are long comes to its end all the same; the first of them can be read."""
    job = jobs.create("shop", "import", by="t", total=400, chunks=1)
    wrong = [{"line": n, "message": "長" * 3_000, "message_ja": "い" * 3_000} for n in range(400)]
    jobs.finish_chunk(jobs.header("shop", job), "000000", 400, wrong)
    body = jobs.get("shop", job).body()
    assert (body["state"], body["done"], body["error_count"]) == ("done", 400, 400)
    assert 50 < len(body["errors"]) < 400
    assert body["errors"][0] == {"line": 0, "message": "長" * 500, "message_ja": "い" * 500}


def test_cutting_that_is_cut_off_is_done_again(shop: Shop) -> None:
    """Stopped anywhere, then delivered again: every line is through once, and the file is gone."""
    api, base = shop
    for step in range(12):
        job = an_import(api, base, "user_id,tags\n" + "".join(f"S{step}-{n},vip\n" for n in range(150)))
        (cut,) = drain("bulk")
        calls: list[str] = []

        def guard(name: str, _d: Any, call: Any, *, s: int = step, c: Any = calls) -> Any:
            if name.startswith(("dynamodb:", "s3:", "sqs:")):
                c.append(name)
                if len(c) == s + 1:
                    raise Crash
            return call()

        stopped = False
        with seam.guarded(guard):
            try:
                imports.work(cut)
            except Crash:
                stopped = True
        imports.work(cut)
        run_bulk()
        body = api.ok("GET", f"{base}/jobs/{job}")
        assert (body["state"], body["done"], body["total"]) == ("done", 150, 150), calls
        assert list(objects.keys("imports/")) == []
        if not stopped:
            break
    assert not stopped
    assert step > 3


def test_a_large_export_is_joined_in_parts(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks of a few megabytes; the parts are kept no longer; with a mark for Excel when asked for."""
    sizes: list[int] = []

    def guard(name: str, detail: Any, call: Any) -> Any:
        if name in {"s3:UploadPart", "s3:PutObject"}:
            sizes.append(len(detail["Body"]))
        return call()

    account = get_account("shop")
    params = {"header": ["user_id"], "needs_result": True, "bom": True}
    job = jobs.create("shop", "export", by="t", total=0, chunks=4, params=params)
    for shard in range(4):
        part = f"{shard}".encode() * (6 << 20)
        objects.put(f"exports/shop/{job}/{shard:06d}-0000.csv", part, "text/csv")
        jobs.finish_chunk(jobs.header("shop", job), f"{shard:06d}", 1)
    with seam.guarded(guard):
        body = {"job": "export", "account": account.id, "id": job, "shard": 3}
        exports.work(body, segments.audience_test)
    text = objects.find(f"exports/shop/{job}.csv")
    assert text is not None
    assert text.startswith("\ufeffuser_id\r\n0000".encode())
    assert text.count(b"3") == 6 << 20
    assert max(sizes) < 16 << 20
    assert list(objects.keys(f"exports/shop/{job}/")) == []


def test_a_part_that_is_missing_is_written_anew(shop: Shop) -> None:
    """An export whose part was taken away before the join comes out whole, with its rows counted anew."""
    api, base = shop
    an_import(api, base, "user_id\n" + "".join(f"U{n}\n" for n in range(40)))
    run_bulk()
    job = api.ok("POST", f"{base}/exports")["job_id"]
    *bodies, last = drain("bulk")
    for body in bodies:
        exports.work(body, segments.audience_test)
    store.erase("shop", 4, "U1", "2026-11-29T00:00:00.000Z")
    for shard in range(4):
        objects.delete(f"exports/shop/{job}/{shard:06d}-0000.csv")
    exports.work(last, segments.audience_test)
    assert list(objects.keys(f"exports/shop/{job}.csv")) == []
    for body in drain("bulk"):
        exports.work(body, segments.audience_test)
    body = api.ok("GET", f"{base}/jobs/{job}")
    assert (body["state"], body["total"], body["result"]["rows"]) == ("done", 39, 39)
    users = [cell for cell in cells(objects.find(body["result"]["key"]) or b"") if cell.startswith("U")]
    assert sorted(users) == sorted(f"U{n}" for n in range(40) if n != 1)


def test_an_export_goes_on_from_where_it_stopped(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """No invocation has time for more than two friends, or one block: the file comes out whole."""
    api, base = shop
    an_import(api, base, "user_id\n" + "".join(f"U{n}\n" for n in range(40)))
    run_bulk()
    monkeypatch.setattr(exports, "_LOOK_EVERY", 2)
    monkeypatch.setattr(objects, "_PART_BYTES", 30)
    job = api.ok("POST", f"{base}/exports")["job_id"]
    seen = 0
    blocks: list[bytes] = []
    while bodies := drain("bulk"):
        for body in bodies:
            seen += 1
            left = TimeLeft(FewLooks(0).get_remaining_time_in_millis)
            with seam.guarded(_one_block(blocks)):
                exports.work(body, segments.audience_test, left)
    assert seen > 25
    body = api.ok("GET", f"{base}/jobs/{job}")
    assert (body["state"], body["total"], body["result"]["rows"]) == ("done", 40, 40)
    users = [cell for cell in cells(b"".join(blocks)) if cell.startswith("U")]
    assert sorted(users) == sorted(f"U{n}" for n in range(40))


def _one_block(blocks: list[bytes]) -> Any:
    """Keeps the blocks of a file that is put together; S3 itself wants larger ones."""

    def guard(name: str, detail: Any, call: Any) -> Any:
        if name == "s3:UploadPart":
            blocks.append(detail["Body"])
            assert detail["PartNumber"] == len(blocks)
            return {"ETag": str(len(blocks))}
        if name == "s3:CompleteMultipartUpload":
            assert len(detail["MultipartUpload"]["Parts"]) == len(blocks)
            return {}
        return call()

    return guard


@pytest.mark.parametrize("query", ["", "?fire=true"])
def test_a_chunk_goes_on_with_the_rows_that_are_left(
    shop: Shop, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No invocation has time for more than a few friends: every line counts once, wrong ones too."""
    api, base = shop
    monkeypatch.setattr(imports, "_THREADS", 1)
    lines = "".join(f"U{n},{'x' if n % 4 == 3 else '2026-10-15'}\n" for n in range(10))
    text = "user_id,attribute.birthday\n" + lines
    answer = api.call("POST", f"{base}/friends/import{query}", text, content_type="text/csv")
    job, seen = answer.json_body["job_id"], 0
    while bodies := [body for body in drain("bulk") if body["job"] == "import"]:
        for body in bodies:
            seen += 1
            left = TimeLeft(FewLooks(0).get_remaining_time_in_millis)
            imports.work(body, react=reaction.react, left=left)
    body = api.ok("GET", f"{base}/jobs/{job}")
    assert seen > 4
    assert (body["state"], body["done"], body["total"], body["error_count"]) == ("done", 10, 10, 2)
    assert [error["line"] for error in body["errors"]] == [5, 9]
    for n in range(10):
        if n % 4 != 3:
            assert api.ok("GET", f"{base}/friends/U{n}")["attributes"] == {"birthday": "2026-10-15"}


def test_the_columns_of_an_export_are_those_of_an_import() -> None:
    """Nothing is written that cannot be read."""
    assert csv_rows.unknown_columns(csv_rows.PLAIN) == []
