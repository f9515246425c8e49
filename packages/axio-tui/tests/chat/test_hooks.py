"""Hooks: told as JSON, asked before tools, and around the runs of a conversation."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from axio.agent import Agent
from axio.events import Error, SessionEndEvent, StreamEvent, ToolResult
from axio.messages import Message
from axio.testing import StubTransport, make_text_response, make_tool_use_response
from axio.tool import Tool
from axio_tui.chat.entries import Note
from axio_tui.chat.hooked import HookedSession, make_session
from axio_tui.chat.hooks import Hook, HookFailed, HookRefused, Hooks, read_hooks
from axio_tui.chat.session import ChatSession
from axio_tui.chat.trust import look_at
from axio_tui.config.file import ConfigFile, parse_config

Script = Callable[..., Path]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Makes a program of Python code, which finds what it was told in `said`."""

    def make(code: str, name: str = "hook") -> Path:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        head = f"#!{sys.executable}\nimport json, os, sys, time\n"
        path.write_text(f"{head}said = json.load(sys.stdin)\n{code}\n")
        path.chmod(0o755)
        return path

    return make


def hook(path: Path, event: Any = "before_tool", **fields: Any) -> Hook:
    return Hook(event, (str(path),), "config.toml:1", **fields)


def read(text: str) -> tuple[list[Hook], list[str]]:
    return read_hooks(parse_config(ConfigFile(Path("c.toml"), data=text.encode())).hooks, [])


# ── one hook ──────────────────────────────────────────────────────────────────────────────────


async def test_it_is_told_on_standard_input_and_agrees_by_its_exit_code(
    script: Script, tmp_path: Path
) -> None:
    path = script("open('told', 'w').write(json.dumps(said))")
    folder = tmp_path / "project"
    folder.mkdir()
    await hook(path, folder=folder).run({"tool": "t", "arguments": {"a": Path("é")}})
    told = json.loads((folder / "told").read_text())
    assert told == {"event": "before_tool", "tool": "t", "arguments": {"a": "é"}}


async def test_exit_code_2_refuses_with_its_words(script: Script) -> None:
    path = script("print('ignored'); sys.stderr.write('not on\\n\\x1b[31mFridays\\n'); sys.exit(2)")
    with pytest.raises(HookRefused, match=r"^refused by a hook: not on Fridays$"):
        await hook(path).run({})


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("sys.exit(1)", "exit code 1"),
        ("raise RuntimeError('broken')", "exit code 1: .*RuntimeError: broken"),
        ("os.kill(os.getpid(), 9)", "exit code -9|exit code 137"),
        ("time.sleep(600)", "it did not end within 2 s"),
        ("os.close(2); os.close(1); time.sleep(600)", "it did not end within 2 s"),
        ("\nwhile True: sys.stderr.write('x' * 10000)", "it did not end within 2 s"),
    ],
)
async def test_everything_else_is_a_failure(script: Script, code: str, why: str) -> None:
    begin = time.monotonic()
    with pytest.raises(HookFailed, match=f"^the hook config.toml:1 .* failed: {why}"):
        await hook(script(code)).run({}, 2.0 if "600" in code or "while" in code else 30.0)
    assert time.monotonic() - begin < 30


async def test_a_program_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(HookFailed):
            await hook(path).run({})
    (tmp_path / "text").write_text("no program")
    for mode in (0o644, 0o755):
        (tmp_path / "text").chmod(mode)
        with pytest.raises(HookFailed):
            await hook(tmp_path / "text").run({})


async def test_one_that_does_not_read_and_a_long_message_are_no_matter(script: Script) -> None:
    path = script("")
    path.write_text("#!/bin/sh\nexit 0\n")
    await hook(path).run({"arguments": "x" * 3_000_000})


async def test_what_it_has_started_ends_with_it(script: Script, tmp_path: Path) -> None:
    code = (
        "import subprocess\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
    )
    await hook(script(code)).run({})
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 20
    while _is_alive(pid):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def _is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_nothing_is_looked_for_in_the_current_folder(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = tmp_path / "project"
    hostile.mkdir()
    (hostile / "check").write_text("#!/bin/sh\ntouch owned\n")
    (hostile / "check").chmod(0o755)
    monkeypatch.chdir(hostile)
    monkeypatch.setenv("PATH", f".::{os.environ['PATH']}")
    with pytest.raises(HookFailed, match="there is no program 'check'"):
        await Hook("before_tool", ("check",), "c").run({})
    (hostile / "check").rename(hostile / "sh")
    await Hook("before_tool", ("sh", "-c", "exit 0"), "c").run({})  # that of the system
    assert not (hostile / "owned").exists()
    hooks, problems = read("[[hooks]]\nevent = 'turn_end'\ncommand = ['./check']")
    assert not hooks and problems == [
        "c.toml:1: the program of a hook of yours has its whole path, or is found in PATH"
    ]


# ── in the configuration ──────────────────────────────────────────────────────────────────────


def test_hooks_of_the_person_come_before_those_of_a_trusted_folder(tmp_path: Path) -> None:
    (tmp_path / ".axio").mkdir()
    (tmp_path / "check.sh").write_text("x")
    text = "[[hooks]]\nevent = 'turn_end'\ncommand = ['sh', 'check.sh', 'other']\n"
    (tmp_path / ".axio/config.toml").write_text(text)
    own = parse_config(ConfigFile(Path("c"), data=text.replace("sh", "/bin/sh").encode())).hooks
    brought = look_at(tmp_path)
    assert brought is not None
    hooks, problems = read_hooks(own, [brought])
    assert not problems
    assert [(one.folder, list(one.files)) for one in hooks] == [
        (None, []),
        (tmp_path, ["sh", "check.sh", "other"]),
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hooks = 'x'", "a hook is written as a table"),
        ("[hooks]\nevent = 'before_tool'", "a hook is written as a table"),
        ("[[hooks]]\ncommand = ['x']", "the event of a hook is one of before_tool, after_tool"),
        ("[[hooks]]\nevent = ['x']", "the event of a hook is one of"),
        ("[[hooks]]\nevent = 'before_tool'", "the command of a hook is a list of texts"),
        ("[[hooks]]\nevent = 'before_tool'\ncommand = 'x'", "the command of a hook is a list"),
        ("[[hooks]]\nevent = 'before_tool'\ncommand = []", "the command of a hook is a list"),
        ("[[hooks]]\nevent = 'before_tool'\ncommand = ['', 'x']", "the command of a hook is"),
        ("[[hooks]]\nevent = 'before_tool'\ncommand = ['x', 3]", "the command of a hook is"),
        ("[[hooks]]\nevent = 'before_tool'\ncommand = ['x', \"\\u0000\"]", "the command of a"),
        ("[[hooks]]\nevent = 'before_tool'\ncommand = ['a/b']", "has its whole path"),
        ("mode = \n[[hooks]]", "the file cannot be read"),
    ],
)
async def test_a_hook_that_may_have_refused_calls_refuses_all(text: str, why: str) -> None:
    hooks, problems = read(text)
    assert why in problems[0] and len(problems) == 1
    (one,) = hooks
    assert one.event == "before_tool"
    with pytest.raises(HookFailed, match="it is not known what it is for"):
        await one.run({})


def test_an_unknown_word_in_a_hook_is_named_and_the_rest_holds() -> None:
    hooks, problems = read("[[hooks]]\nevent = 'turn_end'\ncommand = ['/x']\ntimout = 3")
    assert len(hooks) == 1 and problems == ["c.toml:1: there is no 'timout' in a hook"]


words = st.one_of(st.text(max_size=3), st.integers(), st.lists(st.text(max_size=2), max_size=2))


@given(st.dictionaries(st.sampled_from(["event", "command", "x"]), words, max_size=3))
def test_no_table_of_a_hook_is_lost(table: dict[str, Any]) -> None:
    from axio_tui.config.file import HookTable

    hooks, problems = read_hooks([HookTable(table, "c:1")], [])
    assert problems and [one.event for one in hooks] == ["before_tool"]


async def test_a_file_that_has_changed_since_is_not_run(tmp_path: Path) -> None:
    (tmp_path / ".axio").mkdir()
    (tmp_path / "check.sh").write_text("exit 0")
    text = "[[hooks]]\nevent = 'before_tool'\ncommand = ['sh', 'check.sh']\n"
    (tmp_path / ".axio/config.toml").write_text(text)
    brought = look_at(tmp_path)
    assert brought is not None
    ((one,), _) = read_hooks([], [brought])
    await one.run({})
    (tmp_path / "check.sh").write_text("touch owned")
    with pytest.raises(HookFailed, match=r"check\.sh has changed since the folder was trusted"):
        await one.run({})
    assert not (tmp_path / "owned").exists()


async def test_a_file_that_comes_later_is_not_run(tmp_path: Path) -> None:
    (tmp_path / ".axio").mkdir()
    text = "[[hooks]]\nevent = 'turn_end'\ncommand = ['./check']\n"
    (tmp_path / ".axio/config.toml").write_text(text)
    brought = look_at(tmp_path)
    assert brought is not None
    ((one,), _) = read_hooks([], [brought])
    with pytest.raises(HookFailed, match=r"there is no program './check'"):
        await one.run({})
    (tmp_path / "check").write_text("#!/bin/sh\ntouch owned\n")
    (tmp_path / "check").chmod(0o755)
    with pytest.raises(HookFailed, match="has changed since the folder was trusted"):
        await one.run({})
    assert not (tmp_path / "owned").exists()


# ── around a conversation ─────────────────────────────────────────────────────────────────────


class Recording(StubTransport):
    """Keeps the messages of each request."""

    def __init__(self, responses: list[list[StreamEvent]]) -> None:
        super().__init__(responses)
        self.seen: list[list[Message]] = []

    def stream(
        self, messages: list[Message], tools: list[Any], system: str
    ) -> AsyncIterator[StreamEvent]:
        self.seen.append(list(messages))
        return super().stream(messages, tools, system)


class Talk:
    """A conversation whose model calls the tool `change` once, with hooks around it."""

    def __init__(self, *hooks: Hook, limit: float = 30.0) -> None:
        self.said: list[str] = []
        self.changes: list[str] = []
        self.hooks = Hooks(hooks, self.said.append, limit)

        async def change(text: str) -> str:
            self.changes.append(text)
            return "done"

        self.transport = Recording(
            [make_tool_use_response("change", "c1", {"text": "x"}), make_text_response("Good.")]
        )
        tool = Tool(
            name="change", handler=change, guards=tuple(self.hooks.guards), description="Change."
        )
        session = make_session(Agent("s", self.transport, [tool]), hooks=self.hooks)
        assert isinstance(session, HookedSession)
        self.session = session

    async def run(self, prompt: str = "go") -> list[StreamEvent]:
        return [event async for event in self.session.send(prompt)]

    @property
    def prompts(self) -> list[str]:
        """The words of the user that the model has seen at last."""
        texts: list[str] = []
        for message in self.transport.seen[-1]:
            if message.role == "user":
                texts += [str(getattr(block, "text", "")) for block in message.content]
        return texts


def log(path: Path) -> str:
    return f"open({str(path)!r}, 'a').write(json.dumps(said) + '\\n')"


def logged(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_each_event_is_told_in_its_order(script: Script, tmp_path: Path) -> None:
    path = script(log(tmp_path / "log"))
    events = ("turn_end", "after_tool", "before_tool", "session_start")
    talk = Talk(*(hook(path, event) for event in events))
    await talk.run()
    await talk.run("more")
    told = logged(tmp_path / "log")
    assert [one["event"] for one in told] == [
        "session_start",
        "before_tool",
        "after_tool",
        "turn_end",
        "turn_end",
    ]
    before, after, end = told[1:4]
    assert (before["tool"], before["arguments"], before["call_id"]) == (
        "change",
        {"text": "x"},
        "c1",
    )
    assert (after["result"], after["is_error"], after["call_id"]) == ("done", False, "c1")
    assert (end["stop_reason"], end["session_id"]) == ("end_turn", talk.session.store.session_id)
    assert talk.changes == ["x"] and not talk.said


async def test_a_refusal_before_a_tool_is_told_to_the_model(script: Script) -> None:
    talk = Talk(hook(script("sys.stderr.write('never x'); sys.exit(2)")))
    events = await talk.run()
    (result,) = [event for event in events if isinstance(event, ToolResult)]
    assert result.is_error and "refused by a hook: never x" in result.content
    assert not talk.changes and not talk.said


@pytest.mark.parametrize("code", ["sys.exit(1)", "time.sleep(600)", "os.kill(os.getpid(), 11)"])
async def test_a_hook_before_a_tool_that_fails_refuses_and_is_shown(
    script: Script, code: str
) -> None:
    talk = Talk(hook(script(code)), limit=2.0 if "600" in code else 30.0)
    events = await talk.run()
    (result,) = [event for event in events if isinstance(event, ToolResult)]
    assert result.is_error and "denied: the hook config.toml:1" in result.content
    assert not talk.changes and len(talk.said) == 1 and "failed: " in talk.said[0]


async def test_words_after_a_tool_reach_the_model_in_the_same_run(script: Script) -> None:
    talk = Talk(hook(script("sys.stderr.write('line 3: lint'); sys.exit(2)"), "after_tool"))
    await talk.run()
    assert talk.changes == ["x"]
    assert talk.said == ["refused by a hook: line 3: lint"]
    assert talk.prompts[-1] == "After change: refused by a hook: line 3: lint"


async def test_a_refusal_at_the_start_begins_nothing(script: Script, tmp_path: Path) -> None:
    path = script("sys.stderr.write('closed'); sys.exit(2)")
    talk = Talk(hook(path, "session_start"))
    events = await talk.run()
    assert isinstance(events[0], Error) and "closed" in str(events[0].exception)
    assert isinstance(events[1], SessionEndEvent) and events[1].reason == "hook"
    assert [*talk.session.conversation.entries] == [Note("hook", "refused by a hook: closed")]
    assert not talk.transport.seen and await talk.session.store.get_history() == []
    path.write_text("#!/bin/sh\nexit 0\n")
    assert len(await talk.run()) > 2  # it is asked again


@pytest.mark.parametrize("event", ["session_start", "after_tool", "turn_end"])
async def test_elsewhere_a_failure_is_shown_and_the_work_goes_on(
    script: Script, event: str
) -> None:
    talk = Talk(hook(script("sys.exit(7)"), event))
    await talk.run()
    assert talk.changes == ["x"]
    (line,) = talk.said
    assert line.endswith("failed: exit code 7")


@pytest.mark.parametrize("event", ["before_tool", "after_tool"])
async def test_stopping_does_not_wait_for_a_hook(
    script: Script, tmp_path: Path, event: str
) -> None:
    path = script(f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    talk = Talk(hook(path, event))
    running = asyncio.ensure_future(talk.run())
    deadline = time.monotonic() + 30
    while not _size(tmp_path / "pid"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    talk.session.stop()
    events = await asyncio.wait_for(running, 25)
    assert isinstance(events[-1], SessionEndEvent)
    pid = int(_text(tmp_path / "pid"))
    while _is_alive(pid):
        assert time.monotonic() < deadline + 30
        await asyncio.sleep(0.02)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _text(path: Path) -> str:
    return path.read_text()


async def test_a_fork_keeps_its_hooks_and_is_not_begun_again(
    script: Script, tmp_path: Path
) -> None:
    path = script(log(tmp_path / "log"))
    talk = Talk(hook(path, "session_start"), hook(path, "turn_end"))
    await talk.run()
    await talk.session.note(Note("model", "another one"))
    fork = await talk.session.fork()
    assert fork.conversation.entries == talk.session.conversation.entries
    assert [event async for event in fork.send("more")]
    told = logged(tmp_path / "log")
    assert [one["event"] for one in told] == ["session_start", "turn_end", "turn_end"]
    assert told[2]["session_id"] == fork.store.session_id != told[1]["session_id"]


async def test_a_run_that_is_left_early_ends_and_tells_no_end(
    script: Script, tmp_path: Path
) -> None:
    talk = Talk(hook(script(log(tmp_path / "log")), "turn_end"))
    events = talk.session.send("go")
    await anext(events)
    await events.aclose()
    assert not talk.session.is_busy and not _size(tmp_path / "log")


def test_without_hooks_it_is_a_session_as_any_other() -> None:
    session = make_session(Agent("s", StubTransport([])))
    assert type(session) is ChatSession
    assert Hooks([], print).guards == []


# ── the command ───────────────────────────────────────────────────────────────────────────────

RUN = ("run", "--transport", "scripted", "--yes", "go")
CHANGE = [[["acme_change", {"path": "a.txt"}]], ["Good."]]


def configure(axio: Any, path: Path, folder: str = ".config/axio") -> None:
    file = Path(axio.home, folder, "config.toml")
    file.parent.mkdir(parents=True, exist_ok=True)
    command = json.dumps([str(path)])
    file.write_text(f"[[hooks]]\nevent = 'before_tool'\ncommand = {command}\n")


def test_a_hook_refuses_what_yes_would_allow(axio: Any, script: Script) -> None:
    configure(axio, script("sys.stderr.write('no changes on Fridays'); sys.exit(2)"))
    done = axio(*RUN, script=CHANGE)
    assert done.code == 0 and "refused by a hook: no changes on Fridays" in done.out
    assert not (axio.home / "a.txt").exists()


def test_a_hook_that_fails_is_said_and_nothing_is_changed(axio: Any, script: Script) -> None:
    configure(axio, script("sys.exit(1)"))
    done = axio(*RUN, script=CHANGE)
    assert done.line.startswith("axio: the hook ") and done.line.endswith("failed: exit code 1")
    assert not (axio.home / "a.txt").exists()


def test_a_broken_configuration_with_hooks_lets_no_tool_run(axio: Any, script: Script) -> None:
    configure(axio, script(""))
    with Path(axio.home, ".config/axio/config.toml").open("a") as file:
        file.write("mode = \n")
    done = axio(*RUN, "--mode", "ask", script=CHANGE)  # else only a plan would be wanted
    assert done.code == 0 and "it is not known what it is for" in done.out
    assert not (axio.home / "a.txt").exists()


def test_the_hook_of_a_folder_runs_only_where_it_is_trusted_and_unchanged(
    axio: Any, script: Script
) -> None:
    target = axio.home / "check.py"
    target.write_text(f"#!{sys.executable}\nopen('owned', 'w')\n")
    target.chmod(0o755)
    configure(axio, Path("check.py"), ".axio")
    text = (axio.home / ".axio/config.toml").read_text().replace("check.py", "./check.py")
    (axio.home / ".axio/config.toml").write_text(text)
    assert axio(*RUN, script=CHANGE).code == 0
    assert (axio.home / "a.txt").exists() and not (axio.home / "owned").exists()
    assert axio("config", "trust").code == 0
    axio(*RUN, script=CHANGE)
    assert (axio.home / "owned").exists()
    (axio.home / "owned").unlink()
    target.write_text(target.read_text() + "# more\n")
    done = axio(*RUN, script=CHANGE)
    assert "which has changed since it was trusted" in done.err
    assert not (axio.home / "owned").exists()


def test_an_interrupt_ends_a_hook_with_the_command(
    axio: Any, script: Script, tmp_path: Path
) -> None:
    pid_file = tmp_path / "pid"
    path = script(f"open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    configure(axio, path)
    process = axio.start(*RUN, script=CHANGE)
    deadline = time.monotonic() + 40
    while not _size(pid_file):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(40) == 130
    pid = int(pid_file.read_text())
    while _is_alive(pid):
        assert time.monotonic() < deadline + 40
        time.sleep(0.05)


def test_handing_a_task_to_another_agent_is_told_too(
    axio: Any, script: Script, tmp_path: Path
) -> None:
    path = script(log(tmp_path / "log"))
    configure(axio, path)
    turns = [[["subagent", {"task": "look"}]], [["acme_look", {}]], ["Seen."], ["Good."]]
    run = ("run", "--transport", "scripted", "--tools", "subagent,acme_look", "--yes", "go")
    assert axio(*run, script=turns).code == 0
    assert [one["tool"] for one in logged(tmp_path / "log")] == ["subagent", "acme_look"]
