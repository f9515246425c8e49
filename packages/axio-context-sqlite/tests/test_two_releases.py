"""Release 0.9.6 and this one on the same file at the same time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from axio.blocks import TextBlock
from axio.messages import Message
from axio_context_sqlite import SQLiteContextStore

Spawn = Callable[..., "Popen[str]"]

MESSAGES = 60

# The old release, by the description of its tables and of what it does with them: it numbers the
# messages of an id by counting them, whichever project they are of, and commits each.
OLD = """
import json, sqlite3, sys, time

path, count = sys.argv[1], int(sys.argv[2])
db = sqlite3.connect(path, timeout=60)
db.executescript('''
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS axio_context_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL, project TEXT NOT NULL,
    position INTEGER NOT NULL, role TEXT NOT NULL, content TEXT NOT NULL,
    created_at TEXT DEFAULT (datetime('now')), UNIQUE(session_id, position));
CREATE INDEX IF NOT EXISTS axio_context_session ON axio_context_messages(session_id);
CREATE TABLE IF NOT EXISTS axio_context_tokens (
    session_id TEXT NOT NULL, project TEXT NOT NULL, input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(session_id, project));
''')

def append(session, text):
    content = "plain:" + json.dumps([{"type": "text", "text": text}])
    with db:
        db.execute(
            "INSERT INTO axio_context_messages (session_id, project, position, role, content) "
            "VALUES (?, 'p', (SELECT count(*) FROM axio_context_messages WHERE session_id = ?), "
            "'user', ?)", (session, session, content))
        db.execute(
            "INSERT INTO axio_context_tokens VALUES (?, 'p', 1, 1) "
            "ON CONFLICT(session_id, project) DO UPDATE SET input_tokens = input_tokens + 1, "
            "output_tokens = output_tokens + 1",
            (session,))

append("old", "old 0")
print("begun", flush=True)
sys.stdin.readline()
for number in range(1, count):
    append("old", f"old {number}")
    append("both", f"old {number}")
    time.sleep(0.001)
read = [json.loads(text.removeprefix("plain:"))[0]["text"] for (text,) in db.execute(
    "SELECT content FROM axio_context_messages WHERE session_id = 'both' ORDER BY position")]
print(json.dumps(read), flush=True)
"""


def texts(messages: list[Message]) -> list[str]:
    return [message.text for message in messages]


@pytest.mark.timeout(120)
async def test_neither_loses_what_the_other_writes(path: Path, spawn: Spawn) -> None:
    old = spawn(OLD, path, MESSAGES)
    assert old.stdout is not None
    assert await asyncio.to_thread(old.stdout.readline) == "begun\n"
    # Opening it brings the tables up to date under the old one.
    async with SQLiteContextStore.open(path, "both", "p", wait=60) as both:
        await write_beside(old, both)


async def write_beside(old: Popen[str], both: SQLiteContextStore) -> None:
    mine = both.beside("new")
    assert old.stdin is not None
    old.stdin.write("\n")
    old.stdin.flush()
    for number in range(1, MESSAGES):
        for store in (mine, both):
            await store.append(Message("user", [TextBlock(f"new {number}")]))
            await store.add_context_tokens(1, 1)
        await asyncio.sleep(0.001)
    seen_by_old, errors = await asyncio.to_thread(old.communicate)
    assert errors == ""
    seen = json.loads(seen_by_old)
    of_old = [f"old {number}" for number in range(1, MESSAGES)]
    of_new = [f"new {number}" for number in range(1, MESSAGES)]
    assert texts(await mine.get_history()) == of_new
    assert texts(await both.beside("old").get_history()) == ["old 0", *of_old]
    together = texts(await both.get_history())
    assert [text for text in together if text in of_old] == of_old
    assert [text for text in together if text in of_new] == of_new
    assert len(together) == 2 * len(of_old)
    assert seen == together[: len(seen)], "the old one reads what the new one wrote, in order"
    assert await both.get_context_tokens() == (2 * (MESSAGES - 1),) * 2
