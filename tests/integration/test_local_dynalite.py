"""The laptop's DynamoDB, as the platform starts it: compares by value, and closes what it opened."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from chalicelib.gateways import aws
from chalicelib.local import resources
from chalicelib.local.config import ROOT, free_ports
from chalicelib.local.processes import DYNALITE, dynalite, node

MAP = {"M": {"name": {"S": "店😀"}, "list": {"L": [{"N": "1"}, {"M": {"a": {"S": "b"}}}]}}}
OTHERS = [
    {"M": {"name": {"S": "店"}, "list": MAP["M"]["list"]}},
    {"M": {"name": MAP["M"]["name"]}},
    {"M": {**MAP["M"], "more": {"NULL": True}}},
    {"M": {"name": {"S": "店😀"}, "list": {"L": [{"M": {"a": {"S": "b"}}}, {"N": "1"}]}}},
    {"L": MAP["M"]["list"]["L"]},
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A DynamoDB client of a started dynalite with one table."""
    (port,) = free_ports(1)
    ready, reporting = os.pipe()
    command = [
        part.replace("{ready}", str(reporting)) for part in dynalite(port, tmp_path_factory.mktemp("t"))
    ]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[reporting])
    os.close(reporting)
    assert os.read(ready, 1) == b"1"
    os.close(ready)
    client = boto3.client("dynamodb", endpoint_url=f"http://127.0.0.1:{port}")
    client.create_table(
        TableName="things",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    client.get_waiter("table_exists").wait(TableName="things", WaiterConfig={"Delay": 1})
    yield client
    client.close()
    process.kill()
    process.wait()
    assert process.stdin is not None
    process.stdin.close()


def holds(store: Any, condition: str, **values: Any) -> bool:
    """Whether a condition on the item ``x`` is true."""
    try:
        store.update_item(
            TableName="things",
            Key={"pk": {"S": "x"}},
            UpdateExpression="SET seen = :yes",
            ConditionExpression=condition,
            ExpressionAttributeValues={":yes": {"BOOL": True}, **{f":{k}": v for k, v in values.items()}},
        )
    except store.exceptions.ConditionalCheckFailedException:
        return False
    return True


def test_parentheses_in_one_another_are_parsed_at_once(store: Any) -> None:
    """Twenty of them, each of which may be read in several ways, mean what they say; wrong ones are told."""
    store.put_item(TableName="things", Item={"pk": {"S": "x"}, "a": {"N": "1"}})
    for wanted, value in ((True, "1"), (False, "2")):
        condition = "attribute_not_exists(b) AND a = :a"
        for _ in range(20):
            condition = f"(a > :a OR b = :a) OR ({condition})"
        assert holds(store, condition, a={"N": value}) == wanted
    with pytest.raises(ClientError, match="redundant parentheses"):
        holds(store, "((a = :a)) OR b = :a", a={"N": "1"})
    with pytest.raises(ClientError, match="Syntax error"):
        holds(store, "(a = :a OR (b = :a)", a={"N": "1"})


def test_maps_lists_and_sets_are_compared_by_value(store: Any) -> None:
    """A condition on a whole map, list or set is true when the values are equal, and only then."""
    tags = {"SS": ["a", "b"]}
    store.put_item(TableName="things", Item={"pk": {"S": "x"}, "m": MAP, "l": MAP["M"]["list"], "s": tags})
    assert holds(store, "m = :m AND l = :l AND s = :s", m=MAP, l=MAP["M"]["list"], s={"SS": ["b", "a"]})
    assert holds(store, "m IN (:n, :m)", m=MAP, n={"M": {}})
    assert not holds(store, "m <> :m", m=MAP)
    for other in OTHERS:
        assert not holds(store, "m = :m", m=other), other
        assert holds(store, "m <> :m", m=other), other
    assert not holds(store, "l = :l", l={"L": list(reversed(MAP["M"]["list"]["L"]))})
    assert not holds(store, "s = :s", s={"SS": ["a", "c"]})


COUNT_ITERATORS = """
const shim = require(process.argv[1])
const { createRequire } = require('node:module')
const dynalite = shim.load(process.argv[2])
const level = createRequire(process.argv[2] + '/x')('abstract-level')
const common = Object.getPrototypeOf(level.AbstractIterator.prototype)
const used = new Set(), closed = new Set()
const { next, close } = common
common.next = function () { used.add(this); return next.call(this) }
common.close = function () { closed.add(this); return close.call(this) }
const server = dynalite({ createTableMs: 0 })
server.listen(0, '127.0.0.1', async () => {
  const call = async (action, body) => {
    const answer = await fetch('http://127.0.0.1:' + server.address().port, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'DynamoDB_20120810.' + action,
        authorization: 'AWS4-HMAC-SHA256 Credential=a/20261122/r/dynamodb/aws4_request, ' +
          'SignedHeaders=host, Signature=0', 'x-amz-date': '20261122T000000Z'
      },
      body: JSON.stringify(body)
    })
    if (!answer.ok) throw new Error(await answer.text())
    return answer.json()
  }
  const key = [['pk', 'HASH'], ['sk', 'RANGE']]
  await call('CreateTable', {
    TableName: 'tab', BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: key.map(([n]) => ({ AttributeName: n, AttributeType: 'S' })),
    KeySchema: key.map(([n, t]) => ({ AttributeName: n, KeyType: t }))
  })
  while ((await call('DescribeTable', { TableName: 'tab' })).Table.TableStatus !== 'ACTIVE') {}
  for (let n = 0; n < 9; n++) {
    await call('PutItem', { TableName: 'tab', Item: { pk: { S: 'a' }, sk: { S: String(n) } } })
  }
  for (const Limit of [undefined, 1, 3]) {
    const got = await call('Query', {
      TableName: 'tab', Limit, KeyConditionExpression: 'pk = :a',
      ExpressionAttributeValues: { ':a': { S: 'a' } }
    })
    if (got.Count !== (Limit ?? 9)) throw new Error('found ' + got.Count)
  }
  setTimeout(() => {
    console.log(JSON.stringify({ used: used.size, open: [...used].filter((i) => !closed.has(i)).length }))
    process.exit(0)
  }, 200)
})
"""


def test_every_query_closes_its_iterator() -> None:
    """No iterator of LevelDB stays open behind a Query, whether it was read to its end or to a limit."""
    shim = ROOT / "infra" / "dynalite" / "shim.cjs"
    command = [node(), "-e", COUNT_ITERATORS, str(shim), str(DYNALITE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == '{"used":3,"open":0}', done.stderr


def test_a_table_that_is_made_anew_is_described_anew(store: Any) -> None:
    """What is kept of a table ends with it: no item of one that is gone, and the new one has its own key."""

    def make(key: str) -> None:
        attributes = [{"AttributeName": key, "AttributeType": "S"}]
        schema = [{"AttributeName": key, "KeyType": "HASH"}]
        billed: Any = {"BillingMode": "PAY_PER_REQUEST"}
        store.create_table(TableName="new", AttributeDefinitions=attributes, KeySchema=schema, **billed)
        store.get_waiter("table_exists").wait(TableName="new", WaiterConfig={"Delay": 1})

    make("a")
    store.put_item(TableName="new", Item={"a": {"S": "1"}})
    store.delete_table(TableName="new")
    store.get_waiter("table_not_exists").wait(TableName="new", WaiterConfig={"Delay": 1})
    with pytest.raises(store.exceptions.ResourceNotFoundException):
        store.put_item(TableName="new", Item={"a": {"S": "1"}})
    make("b")
    store.put_item(TableName="new", Item={"b": {"S": "1"}})
    assert store.get_item(TableName="new", Key={"b": {"S": "1"}})["Item"] == {"b": {"S": "1"}}


def test_another_dynalite_is_not_mended(tmp_path: Path) -> None:
    """Where dynalite's text is another, the store does not start, rather than compare by reference."""
    for name, text in (
        ("abstract-level", "exports.AbstractIterator = class extends Object {}"),
        ("dynalite", ""),
    ):
        folder = tmp_path / "node_modules" / name
        (folder / "db").mkdir(parents=True)
        (folder / "index.js").write_text(text or "require('./db')")
        (folder / "db" / "index.js").write_text("")
    shim = str(ROOT / "infra" / "dynalite" / "shim.cjs")
    command = [node(), "-e", "require(process.argv[1]).load(process.argv[2])", shim, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "is not dynalite 4.0.0's" in done.stderr


def test_starting_never_lists_tables(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables that exist stay as they are, and ListTables, which reads every key here, is not called."""
    client = aws.client("dynamodb")
    monkeypatch.setattr(client, "list_tables", None)
    client.put_item(TableName="todoku-test-control", Item={"pk": {"S": "a"}, "sk": {"S": "b"}})
    resources.create_tables()
    assert client.scan(TableName="todoku-test-control")["Count"] == 1
