"""Sessions as a whole: lists, names, copies, ways back, ways out of the file and in again."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import aiosqlite
import pytest

from axio.blocks import ImageBlock, TextBlock, ToolResultBlock, ToolUseBlock
from axio.messages import Message
from axio_context_sqlite import SQLiteContextStore, StoreDamaged


def user(text: str) -> Message:
    return Message("user", [TextBlock(text)])


def assistant(text: str) -> Message:
    return Message("assistant", [TextBlock(text)])


CALL = Message("assistant", [TextBlock("one moment"), ToolUseBlock("1", "look", {"at": "ü"})])
RESULT = Message("user", [ToolResultBlock("1", [ImageBlock("image/png", b"\x89")], False)])


def sql(path: Path, statement: str, *parameters: object) -> list[tuple[object, ...]]:
    db = sqlite3.connect(path)
    with db:
        rows = db.execute(statement, parameters).fetchall()
    db.close()
    return rows


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


# ── replace, rewind ──────────────────────────────────────────────────────────────────────────────


async def test_replace_changes_no_more_than_it_has_to(
    store: SQLiteContextStore, path: Path
) -> None:
    await store.extend([user("a"), CALL, user("c")])
    await store.add_context_tokens(1, 2)
    before = sql(path, "SELECT id, content FROM axio_context_messages ORDER BY position")
    await store.replace([user("a"), CALL, RESULT, user("c")])
    after = sql(path, "SELECT id, content FROM axio_context_messages ORDER BY position")
    assert after[:2] == before[:2]
    assert await store.get_history() == [user("a"), CALL, RESULT, user("c")]
    assert await store.get_context_tokens() == (1, 2)


async def test_a_message_changed_in_place_is_replaced(store: SQLiteContextStore) -> None:
    await store.extend([user("a"), user("b")])
    history = await store.get_history()
    history[0].content[0] = TextBlock("changed")
    await store.replace(history)
    again = SQLiteContextStore(store._conn, "session", "project")
    assert await again.get_history() == [user("changed"), user("b")]


async def test_a_summary_keeps_the_sessions_place_in_the_list(
    store: SQLiteContextStore, path: Path
) -> None:
    await store.extend([user("a"), assistant("b")])
    sql(path, "UPDATE axio_context_messages SET created_at = '2020-01-01 00:00:00'")
    await store.replace([user("summary"), assistant("Understood")])
    (info,) = await store.list_sessions()
    assert info.created_at == "2020-01-01 00:00:00"
    assert info.preview == "summary"
    await store.replace([])
    assert await store.get_history() == []


@pytest.mark.parametrize(
    "bad", [user("x"), Message("assistant", [ToolUseBlock("1", "t", {"data": b""})])]
)
async def test_a_replacement_that_cannot_be_stored_changes_nothing(
    store: SQLiteContextStore, bad: Message
) -> None:
    await store.extend([user("a"), user("b")])
    if bad.role == "user":
        bad.content.append(object())  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        await store.replace([user("new"), bad])
    with pytest.raises(TypeError):
        await store.extend([user("new"), bad])
    assert await store.get_history() == [user("a"), user("b")]


async def test_rewind_goes_back_to_any_message_and_goes_on_from_there(
    store: SQLiteContextStore,
) -> None:
    messages = [user(str(n)) for n in range(6)]
    await store.extend(messages)
    for number in (6, 4, 1, 0):
        await store.rewind(number)
        assert await store.get_history() == messages[:number]
    await store.append(user("anew"))
    assert await store.get_history() == [user("anew")]


@pytest.mark.parametrize("number", [-1, 3])
async def test_rewind_to_where_nothing_is_says_so(store: SQLiteContextStore, number: int) -> None:
    await store.extend([user("a"), user("b")])
    with pytest.raises(ValueError, match=f"cannot keep {number} messages: session 'session' has 2"):
        await store.rewind(number)
    assert await store.get_history() == [user("a"), user("b")]


# ── names, lists ─────────────────────────────────────────────────────────────────────────────────


async def test_a_name_takes_the_place_of_the_preview(
    store: SQLiteContextStore, other: SQLiteContextStore
) -> None:
    await store.append(user("first words"))
    assert await store.name() is None
    await store.rename("holiday plans")
    assert await other.name() == "holiday plans"
    assert [info.preview for info in await other.list_sessions()] == ["holiday plans"]
    async with store.own():
        await other.rename("even while a run works on it")
    assert await store.name() == "even while a run works on it"
    await store.rename(None)
    assert [info.preview for info in await store.list_sessions()] == ["first words"]


async def test_a_deleted_session_leaves_nothing(store: SQLiteContextStore, path: Path) -> None:
    await store.append(user("secret"))
    await store.rename("secret too")
    await store.add_context_tokens(1, 1)
    await store.delete()
    assert await store.list_sessions() == []
    assert await store.get_history() == []
    assert await store.name() is None
    for table in ("messages", "tokens", "sessions"):
        assert sql(path, f"SELECT * FROM axio_context_{table}") == []
    await store.append(user("again"))
    assert await store.get_history() == [user("again")]


async def test_one_broken_session_does_not_hide_the_others(
    conn: aiosqlite.Connection, store: SQLiteContextStore, path: Path
) -> None:
    await store.append(user("fine"))
    await SQLiteContextStore(conn, "broken", "project").append(user("x"))
    sql(path, "UPDATE axio_context_messages SET content = 'gzip:no' WHERE session_id = 'broken'")
    previews = [info.preview for info in await store.list_sessions()]
    assert previews == ["(cannot be read)", "fine"]


async def test_a_folder_whose_name_is_no_text_is_a_project_like_any_other(
    conn: aiosqlite.Connection,
) -> None:
    folder = os.fsdecode(b"/home/caf\xe9")
    store = SQLiteContextStore(conn, "s", folder)
    assert store.project == folder
    await store.append(user("a"))
    assert await SQLiteContextStore(conn, "s", folder).get_history() == [user("a")]
    assert len(await store.list_sessions()) == 1


async def test_a_new_session_gets_an_id(path: Path) -> None:
    async with (
        SQLiteContextStore.open(path) as one,
        SQLiteContextStore.open(path) as two,
    ):
        assert len(one.session_id) == 32
        assert one.session_id != two.session_id


# ── fork ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("history", "copied"),
    [
        ([], 0),
        ([user("a"), CALL], 1),
        ([user("a"), CALL, RESULT], 3),
        ([CALL], 0),
        ([user("a"), assistant("b")], 2),
    ],
)
async def test_a_fork_ends_before_a_turn_whose_tools_are_running(
    store: SQLiteContextStore, history: list[Message], copied: int
) -> None:
    await store.extend(history)
    fork = await store.fork()
    assert await fork.get_history() == history[:copied]
    assert await store.get_history() == history


async def test_a_fork_keeps_times_and_stands_before_what_it_was_made_of(
    store: SQLiteContextStore, path: Path
) -> None:
    await store.append(user("a"))
    sql(path, "UPDATE axio_context_messages SET created_at = '2020-01-01 00:00:00'")
    await SQLiteContextStore(store._conn, "new", "project").append(user("b"))
    fork = await store.fork()
    listed = await store.list_sessions()
    assert [info.session_id for info in listed] == ["new", fork.session_id, "session"]
    assert listed[1].created_at == listed[2].created_at


# ── export, import ───────────────────────────────────────────────────────────────────────────────


async def test_a_session_goes_out_and_comes_back(
    store: SQLiteContextStore, tmp_path: Path, path: Path
) -> None:
    messages = [user("a" * 1000), CALL, RESULT, assistant("done")]
    await store.extend(messages)
    await store.add_context_tokens(5, 6)
    await store.rename("a name")
    sql(path, "UPDATE axio_context_messages SET created_at = '2020-01-01 00:00:0' || position")

    file = tmp_path / "out.jsonl"
    assert await store.export_jsonl(file) == 4
    assert json.loads(lines(file)[0]) == {
        "format": "axio-session",
        "version": 1,
        "name": "a name",
        "input_tokens": 5,
        "output_tokens": 6,
    }
    assert json.loads(lines(file)[2]) == {**CALL.to_dict(), "created_at": "2020-01-01 00:00:01"}

    copy = SQLiteContextStore(store._conn, "copy", "another project")
    assert await copy.import_jsonl(file) == 4
    assert await copy.get_history() == messages
    assert await copy.get_context_tokens() == (5, 6)
    assert await copy.name() == "a name"
    again = tmp_path / "again.jsonl"
    await copy.export_jsonl(again)
    assert lines(again) == lines(file)


def permissions(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_an_exported_conversation_is_for_its_owner_only(
    store: SQLiteContextStore, tmp_path: Path
) -> None:
    await store.export_jsonl(tmp_path / "out.jsonl")
    assert permissions(tmp_path / "out.jsonl") == 0o600


async def test_an_export_that_fails_leaves_what_was_there(
    store: SQLiteContextStore, tmp_path: Path, path: Path
) -> None:
    await store.append(user("a"))
    file = tmp_path / "out.jsonl"
    await store.export_jsonl(file)
    before = lines(file)
    sql(path, "UPDATE axio_context_messages SET content = 'plain:[{}]'")
    with pytest.raises(StoreDamaged, match="message 0 of session 'session' cannot be read"):
        await store.export_jsonl(file)
    sql(path, "UPDATE axio_context_messages SET content = '[]'")
    with pytest.raises(OSError, match="nowhere"):
        await store.export_jsonl(tmp_path / "nowhere" / "out.jsonl")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        await store.export_jsonl(tmp_path / "folder")
    assert lines(file) == before
    assert sorted(os.listdir(tmp_path)) == sorted(
        ["conversations.db", "conversations.db-shm", "conversations.db-wal", "folder", "out.jsonl"]
    )


HEADER = '{"format": "axio-session", "version": 1}'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "the file is empty"),
        ("not JSON", "line 1 is not of an exported session: JSONDecodeError: Expecting value"),
        ('{"format": "something", "version": 1}', "line 1 .* must say"),
        ("[]", "line 1 "),
        (HEADER + "\n{}", "line 2 "),
        (
            HEADER + '\n{"role": "user", "content": [{"type": "new"}]}',
            "line 2 .*Unknown block type",
        ),
        (HEADER + '\n{"role": "robot", "content": []}', "line 2 .*unknown role"),
        (HEADER + '\n{"role": "user", "content": []}\n{"role": "us', "line 3 "),
    ],
)
async def test_a_file_that_is_no_export_is_refused_whole(
    store: SQLiteContextStore, tmp_path: Path, text: str, complaint: str
) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text(text)
    with pytest.raises(ValueError, match=complaint):
        await store.import_jsonl(file)
    assert await store.get_history() == []


async def test_an_export_by_hand_needs_no_more_than_its_messages(
    store: SQLiteContextStore, tmp_path: Path
) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text(HEADER + '\n{"role": "user", "content": [{"type": "text", "text": "hi"}]}\n')
    assert await store.import_jsonl(file) == 1
    assert await store.get_history() == [user("hi")]
    assert await store.name() is None


async def test_nothing_is_imported_into_a_session_that_has_messages(
    store: SQLiteContextStore, tmp_path: Path
) -> None:
    await store.append(user("a"))
    await store.export_jsonl(tmp_path / "out.jsonl")
    with pytest.raises(ValueError, match="has messages: import into a new one"):
        await store.import_jsonl(tmp_path / "out.jsonl")
    assert await store.get_history() == [user("a")]
    with pytest.raises(OSError, match="nowhere"):
        await store.import_jsonl(tmp_path / "nowhere")


async def test_sessions_are_found_by_name_and_first_prompt(store: SQLiteContextStore) -> None:
    prompts = {"a": "Mend the " + "very " * 30 + "old PARSER", "b": "write a poem", "c": "Ärger"}
    for id, text in prompts.items():
        await store.beside(id).extend([_said(text), _said("a parser, said later")])
    await store.beside("b").rename("Verses")

    async def found(text: str) -> set[str]:
        return {info.session_id for info in await store.search_sessions(text)}

    assert await found("parser") == {"a"}
    assert await found("poem") == await found("verse") == {"b"}
    assert await found("ärg") == {"c"} and await found("%") == set()
    assert await found("") == {"a", "b", "c"}


async def test_sessions_of_sub_agents_are_not_listed(store: SQLiteContextStore) -> None:
    for id in ("a", "a/call", "a/call/inner", "b/of no session"):
        await store.beside(id).append(_said(id))
    listed = {info.session_id for info in await store.list_sessions()}
    assert listed == {"a", "b/of no session"}


def _said(text: str) -> Message:
    return Message("user", [TextBlock(text)])
