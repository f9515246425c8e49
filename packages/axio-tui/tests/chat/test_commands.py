"""Slash commands do what they say, on a session that is real, and say so when they cannot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from axio import Agent
from axio.context import ContextStore, MemoryContextStore
from axio.plugins import Installed
from axio.testing import StubTransport, make_text_response, make_tool_use_response
from axio.tool import Tool
from axio_context_sqlite import SQLiteContextStore
from axio_tools_local.local import LocalWorkspace
from axio_tools_local.workspace import Workspace
from axio_tools_local.write_file import write_file
from axio_tui.chat.asking import Asker
from axio_tui.chat.builtin import BUILTIN
from axio_tui.chat.commands import (
    CommandFailed,
    Edit,
    Leave,
    Outcome,
    Pick,
    SlashCommand,
    completions,
    find,
    run,
)
from axio_tui.chat.entries import Text, User
from axio_tui.chat.library import Library, open_library
from axio_tui.chat.models import Models
from axio_tui.chat.permissions import Asked, Permissions
from axio_tui.chat.providers import Providers
from axio_tui.chat.session import ChatSession
from axio_tui.choose import Choice
from axio_tui.place import Place
from axio_tui.server_tools import ServerTools
from axio_tui_guards.rules import Rule


async def nobody(asked: Asked) -> str:
    return "no"


class Desk:
    """A front end without a screen."""

    commands: dict[str, SlashCommand] = BUILTIN

    library: Library
    models: Models
    providers: Providers
    asker: Asker
    place = Place()
    servers = ServerTools(None)
    extensions: None = None
    system_parts: Mapping[str, str] = {"system prompt": "Be brief.", "AGENTS.md": "Use tabs." * 200}

    def __init__(self, *answers: object, folder: Path | None = None) -> None:
        permissions = Permissions(nobody, root=folder or ".")
        self.workspace: Workspace = LocalWorkspace(folder or ".")
        tools = [Tool(name="write_file", handler=write_file, context=self.workspace)]
        self.agent = Agent("Be brief.", StubTransport(list(answers)), tools)  # type: ignore[arg-type]
        self.permissions = permissions
        self.session = self.make(MemoryContextStore())

    def make(self, store: ContextStore) -> ChatSession:
        return ChatSession(self.agent, store, permissions=self.permissions)

    async def show(self, session: ChatSession) -> None:
        await session.open()
        await self.session.close()
        self.session = session

    async def say(self, prompt: str) -> None:
        async for _ in self.session.send(prompt):
            pass

    async def __call__(self, line: str) -> Outcome:
        name, _, arguments = line.partition(" ")
        return await run(self, name, arguments)


async def test_each_command_is_in_the_help_in_one_line() -> None:
    text = await Desk()("help")
    assert isinstance(text, str)
    lines = text.splitlines()
    assert [line.split()[0] for line in lines] == [f"/{name}" for name in BUILTIN]
    assert str(await Desk()("help /rewind")).startswith("/rewind [N] [WHAT]  go back")


async def test_a_name_that_is_close_is_offered() -> None:
    with pytest.raises(CommandFailed, match=r"no such command: /compat; is it /compact"):
        await Desk()("compat")
    with pytest.raises(CommandFailed, match="/help lists them"):
        await Desk()("xyzzy")


@given(st.text())
def test_any_other_name_is_no_command(name: str) -> None:
    if name not in BUILTIN:
        with pytest.raises(CommandFailed, match="no such command"):
            find(BUILTIN, name)


async def test_names_and_arguments_are_completed() -> None:
    desk = Desk()
    assert await completions(desk, "/mo") == ["/model", "/mode"]
    assert await completions(desk, "/mode a") == [
        "/mode ask", "/mode accept-edits", "/mode auto",
    ]  # fmt: skip
    assert await completions(desk, "/fork x") == [] == await completions(desk, "/nonsense x")
    assert len(await completions(desk, "/")) == len(BUILTIN)


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path / "axio.db", tmp_path) as library:
        yield library


def words(session: ChatSession) -> list[str]:
    return [e.text for e in session.conversation.entries if isinstance(e, User | Text)]


async def test_a_copy_goes_on_by_itself_and_a_new_conversation_begins_empty(
    library: Library,
) -> None:
    desk = Desk(make_text_response("One."), make_text_response("Two."))
    desk.library = library
    desk.session = desk.make(await library.store())
    await desk.say("first")
    before = desk.session
    await desk("fork")
    await desk.say("second")
    assert words(before) == ["first", "One."]
    assert words(desk.session) == ["first", "One.", "second", "Two."]
    await desk("new")
    assert not words(desk.session)
    await desk.session.close()


async def test_a_conversation_is_named_found_and_gone_on_with(library: Library) -> None:
    desk = Desk(*[make_text_response(answer) for answer in ("One.", "Two.", "Three.")])
    desk.library = library
    assert await desk("resume") == "There are no conversations here."
    for prompt in ("first thing", "second thing"):
        await desk.show(desk.make(await library.store()))
        await desk.say(prompt)
    assert await desk("rename the parser") == "This conversation is called the parser now."
    parser = desk.session.store.session_id
    listed = await desk("resume")
    assert isinstance(listed, Pick) and len(listed.options) == 2
    assert "the parser (2 messages" in listed.options[0].label
    assert listed.options[0].command == f"/resume {parser}"
    assert await completions(desk, "/resume the") == ["/resume the parser"]
    for which, expected in (
        ("first", "first thing"),  # a word of its first prompt
        ("the parser", "second thing"),
        (parser[:12], "second thing"),
    ):
        await desk("new")
        await desk(f"resume {which}")
        assert words(desk.session)[0] == expected
    assert "no conversations with nonsense" in str(await desk("resume nonsense")).lower()
    assert isinstance(await desk("resume thing"), Pick), "either of them"
    with pytest.raises(CommandFailed, match="which name"):
        await desk("rename")
    await desk.session.close()


async def test_going_back_gives_the_prompt_to_be_edited(tmp_path: Path) -> None:
    call = make_tool_use_response("write_file", "c1", {"file_path": "a.txt", "content": "new"})
    desk = Desk(make_text_response("One."), call, make_text_response("Two."), folder=tmp_path)
    assert await desk("rewind") == "There is nothing to go back to."
    await desk.say("first")
    await desk.say("second")
    listed = await desk("rewind")
    assert isinstance(listed, Pick)
    assert [(option.label, option.command) for option in listed.options] == [
        ("first", "/rewind 1"), ("second", "/rewind 2"),
    ]  # fmt: skip
    for wrong in ("rewind 3", "rewind 0", "rewind x", "rewind 1 everything"):
        with pytest.raises(CommandFailed):
            await desk(wrong)
    back = await desk("rewind 2")
    assert isinstance(back, Edit) and back.text == "second"
    assert [*desk.session.conversation.entries] == [User("first"), Text("One.")]


async def test_files_are_put_back_and_those_of_others_are_named(tmp_path: Path) -> None:
    files = [tmp_path / "a.txt", tmp_path / "b.txt"]
    calls = [
        make_tool_use_response("write_file", f"c{n}", {"file_path": file.name, "content": "new"})
        for n, file in enumerate(files)
    ]
    desk = Desk(*calls, make_text_response("Done."), folder=tmp_path)
    async with SQLiteContextStore.open(tmp_path / "axio.db") as store:
        desk.session = desk.make(store)
        await desk.say("write them")
        assert [file.read_text() for file in files] == ["new", "new"]
        files[1].write_text("mine")
        said = await desk("rewind 1 files")
        assert "a.txt" in str(said) and not files[0].exists()
        assert "changed since by others" in str(said) and files[1].read_text() == "mine"
        assert len(await desk.session.points()) == 1, "the conversation stays"


async def test_the_mode_is_told_and_changed() -> None:
    desk = Desk()
    assert await desk("mode") == "The mode is ask."
    assert await desk("mode plan") == "The mode is plan."
    assert desk.permissions.mode == "plan"
    with pytest.raises(CommandFailed, match="there is no mode bold, only ask"):
        await desk("mode bold")


async def test_what_was_decided_is_listed_and_taken_back() -> None:
    desk = Desk()
    assert "Nothing was decided" in str(await desk("permissions"))
    store = desk.session.store.session_id
    desk.permissions.decisions.remember(Rule("allow", tool="shell"), "session", store, "ls -l")
    desk.permissions.decisions.remember(Rule("allow", tool="other"), "session", "another", "rm")
    listed = await desk("permissions")
    assert isinstance(listed, Pick) and len(listed.options) == 1
    assert "asked for ls -l" in listed.options[0].label
    with pytest.raises(CommandFailed, match="no entry 2"):
        await desk("permissions revoke 2")
    assert "Taken back: allow" in str(await desk("permissions revoke 1"))
    assert [one.scope for one in desk.permissions.decisions.list()] == ["another"]


async def test_a_command_that_changes_the_conversation_waits_for_the_run() -> None:
    desk = Desk(make_text_response("One."), make_text_response("Two."))
    stream = desk.session.send("first")
    await anext(stream)
    for name, command in BUILTIN.items():
        if not command.any_time:
            with pytest.raises(CommandFailed, match="has to wait"):
                await desk(name)
    assert await desk("steer look again") == "Given to the run."
    await desk.session.queue("second")
    back = await desk("back")
    assert isinstance(back, Edit) and back.text == "second"
    await stream.aclose()
    with pytest.raises(CommandFailed, match="no prompt waits"):
        await desk("back")


async def test_the_tools_are_listed_and_leaving_is_said() -> None:
    assert "may change something" in str(await Desk()("tools"))
    assert await Desk()("quit") == Leave()


async def test_a_summary_is_written_by_the_model_for_summaries(
    acme: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(acme))
    monkeypatch.setenv("SCRIPT", '[["The summary."]]')
    parts = Installed(lambda notice: None)
    prompts = Choice("prompts", "prompts", "prompts")
    async with Models(parts, prompts, roles={"compaction": "scripted"}) as models:
        desk = Desk(*(make_text_response(text) for text in "1234567"))
        desk.models = models
        assert await desk("compact") == "There is nothing to shorten."
        for prompt in "abcdefg":
            await desk.say(prompt)
        assert "Shortened: " in str(await desk("compact"))
        history = await desk.session.store.get_history()
        assert "The summary." in history[0].text


async def test_the_window_and_the_money_are_told() -> None:
    desk = Desk(make_text_response("One."))
    assert await desk("cost") == "Nothing was spent yet."
    await desk.say("a rather long question, longer than anything else that was said here" * 9)
    told = str(await desk("context"))
    assert told.startswith("In the window: ")
    for part in ("AGENTS.md", "tools", "messages", "write_file", "you: a rather long"):
        assert part in told
    assert "This conversation: " in str(await desk("cost"))
    assert "price unknown" in str(await desk("cost"))


@pytest.mark.parametrize("name", ["talk.md", "talk.jsonl"])
async def test_a_conversation_is_written_to_a_new_file(
    library: Library, tmp_path: Path, name: str
) -> None:
    desk = Desk(make_text_response("One."))
    desk.library = library
    desk.session = desk.make(await library.store())
    await desk.say("first")
    await library.rename(desk.session.store.session_id, "my plans")
    with pytest.raises(CommandFailed, match="/export FILE"):
        await desk("export")
    assert "Written" in str(await desk(f"export {tmp_path / name}"))
    text = (tmp_path / name).read_text()
    assert "first" in text and "One." in text
    assert text.startswith("{" if name.endswith("jsonl") else "# my plans\n\n## You")
    with pytest.raises(CommandFailed, match="is there already"):
        await desk(f"export {tmp_path / name}")
    with pytest.raises(CommandFailed, match="folder that is not there: make it first"):
        await desk(f"export {tmp_path / 'missing' / name}")
    assert not (tmp_path / "missing").exists()


async def test_another_model_goes_on(acme: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(acme))
    monkeypatch.setenv("SCRIPT", '[["Scripted."]]')
    parts = Installed(lambda notice: None)
    async with Models(parts, Choice("prompts", "prompts", "prompts")) as models:
        desk = Desk(make_text_response("One."))
        desk.models = models
        await desk.say("first")
        listed = await desk("model")
        assert isinstance(listed, Pick)
        assert "/model scripted" in [option.command for option in listed.options]
        assert "/model scripted" in await completions(desk, "/model scr")
        assert "Going on with scripted" in str(await desk("model scripted"))
        await desk.say("second")
        assert words(desk.session) == ["first", "One.", "second", "Scripted."]
        with pytest.raises(CommandFailed):
            await desk("model broken:nonsense")
