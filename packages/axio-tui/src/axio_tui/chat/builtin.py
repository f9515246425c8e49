"""The commands that every front end has."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import get_args

from axio.context import SessionInfo
from axio_tui.chat.attached import typed_in
from axio_tui.chat.commands import (
    CommandFailed,
    Edit,
    Host,
    Leave,
    Option,
    Outcome,
    Pick,
    SlashCommand,
    find,
    help_of,
)
from axio_tui.chat.doctor import DOCTOR
from axio_tui.chat.export import to_jsonl, to_markdown, write_new
from axio_tui.chat.filling import within
from axio_tui.chat.meter import in_all
from axio_tui.chat.model_commands import MODEL
from axio_tui.chat.paste import PASTE
from axio_tui.chat.permissions import Mode, Permissions
from axio_tui.chat.plugin_commands import PLUGINS
from axio_tui.chat.sandbox import SANDBOX
from axio_tui.chat.servers import MCP
from axio_tui.chat.session import Point
from axio_tui.chat.settings import SETTING_UP
from axio_tui.harmless import one_line
from axio_tui.how_many import how_many

__all__ = ("BUILTIN", "permissions_of")

_SHOWN = 70  # characters of a prompt in a list
_LISTED = 30  # conversations
_LARGEST = 12  # parts of the window
_MODES: tuple[str, ...] = get_args(Mode)
_REWOUND = ("both", "conversation", "files")


async def _help(host: Host, arguments: str) -> Outcome:
    if not arguments:
        return help_of(host.commands)
    command = find(host.commands, arguments.removeprefix("/"))
    return help_of({command.name: command})


async def _leave(host: Host, arguments: str) -> Outcome:
    return Leave()


# ── conversations ─────────────────────────────────────────────────────────────────────────────


async def _new(host: Host, arguments: str) -> Outcome:
    await host.show(host.make(await host.library.store()))
    return "A new conversation."


async def _fork(host: Host, arguments: str) -> Outcome:
    await host.show(await host.session.fork())
    return "Going on in a copy; the conversation before stays as it was."


async def _compact(host: Host, arguments: str) -> Outcome:
    writer = await host.models.of("compaction")
    if not await host.session.compact(transport=writer):
        return "There is nothing to shorten."
    note = host.session.conversation.entries[0]
    return f"Shortened: {getattr(note, 'text', '')}. The long one is kept as it was."


async def _rename(host: Host, arguments: str) -> Outcome:
    if not arguments:
        raise CommandFailed("/rename NAME: which name?")
    await host.library.rename(host.session.store.session_id, arguments)
    return f"This conversation is called {arguments} now."


async def _resume(host: Host, arguments: str) -> Outcome:
    library = host.library
    if arguments:
        with suppress(LookupError):
            info = await library.find(arguments)
            return await _go_on_with(host, info.session_id)
    found = await (library.search(arguments) if arguments else library.sessions())
    if arguments and len(found) == 1:
        return await _go_on_with(host, found[0].session_id)
    if not found:
        what = f" with {arguments} in their name or first prompt" if arguments else ""
        return f"There are no conversations{what} here."
    options = [
        Option(f"{one.preview} ({_told(one)})", f"/resume {one.session_id}")
        for one in found[:_LISTED]
    ]
    more = f" ({len(found) - _LISTED} more)" if len(found) > _LISTED else ""
    return Pick(f"Conversations, newest first{more}", options, "/resume N, ID, NAME or WORDS of it")


async def _go_on_with(host: Host, session_id: str) -> Outcome:
    if session_id == host.session.store.session_id:
        return "This is that conversation."
    await host.show(host.make(await host.library.store(session_id)))
    return ""


async def _names(host: Host) -> Iterable[str]:
    return [one.preview for one in await host.library.sessions()]


def _told(info: SessionInfo) -> str:
    count = how_many(info.message_count, "message")
    return f"{count}, {info.created_at}, {info.session_id[:8]}"


async def _export(host: Host, arguments: str) -> Outcome:
    if not arguments:
        raise CommandFailed("/export FILE writes Markdown, or JSON lines if it ends in .jsonl")
    store = host.session.store
    secrets = [str(getattr(host.session.agent.transport, "api_key", ""))]
    name = await host.library.name(store.session_id)
    if arguments.endswith(".jsonl"):
        text = to_jsonl(await store.get_history(), store.session_id, name, secrets)
    else:
        text = to_markdown(host.session.conversation.entries, name or "", secrets)
    try:
        await asyncio.to_thread(write_new, arguments, text)
    except FileExistsError as error:
        raise CommandFailed(f"{arguments} is there already: choose another name") from error
    except FileNotFoundError as error:
        raise CommandFailed(
            f"{arguments} is in a folder that is not there: make it first"
        ) from error
    return f"Written to {arguments}."


# ── the model, and what it takes ──────────────────────────────────────────────────────────────


async def _context(host: Host, arguments: str) -> Outcome:
    parts = await host.session.filling(host.system_parts)
    whole = sum(part.tokens for part in parts)
    larger = sorted(within(parts).items(), key=lambda part: -part[1])
    largest = [(p.name, p.tokens) for p in sorted(parts, key=lambda p: -p.tokens)[:_LARGEST]]
    window = f"In the window: {host.session.window}"
    return "\n".join([window, *_sized(larger, whole), "The largest:", *_sized(largest, whole)])


def _sized(parts: Iterable[tuple[str, int]], whole: int) -> list[str]:
    return [f"  {tokens:>9,}  {tokens / whole:4.0%}  {name}" for name, tokens in parts if tokens]


async def _cost(host: Host, arguments: str) -> Outcome:
    meter = host.session.meter
    if not meter.spent:
        return "Nothing was spent yet."
    lines = [f"This run: {in_all(meter.run)}"] if meter.run else []
    lines.append(f"This conversation: {in_all(meter.spent)}")
    if len(meter.spent) > 1:
        lines += [f"  {model}: {spent}" for model, spent in meter.spent.items()]
    return "\n".join(lines)


# ── going back ────────────────────────────────────────────────────────────────────────────────


async def _rewind(host: Host, arguments: str) -> Outcome:
    points = await host.session.points()
    if not points:
        return "There is nothing to go back to."
    if not arguments:
        options = [
            Option(one_line(point.message.text, _SHOWN), f"/rewind {number}")
            for number, point in enumerate(points, 1)
        ]
        usage = f"/rewind N [{'|'.join(_REWOUND)}]: go back to before that prompt"
        return Pick("Prompts, oldest first", options, usage)
    number, _, what = arguments.partition(" ")
    what = what.strip() or _REWOUND[0]
    if what not in _REWOUND:
        raise CommandFailed(f"what to take back is one of {', '.join(_REWOUND)}")
    return await _rewind_to(host, points[_index(number, len(points))], what)


async def _rewind_to(host: Host, point: Point, what: str) -> Outcome:
    said: list[str] = []
    if what != "conversation":
        undone = await host.session.rewind_files(point, host.workspace)
        said += [f"Put back: {path}" for path in undone.files]
        said += [f"Left as it is, changed since by others: {path}" for path in undone.left]
        if not said:
            said.append("No file was changed since.")
    if what == "files":
        return "\n".join(said)
    message = await host.session.rewind(point)
    said.append("The conversation is back before that prompt.")
    return Edit(typed_in(message), "\n".join(said), message)


async def _back(host: Host, arguments: str) -> Outcome:
    message = await host.session.inbox.take_back()
    if message is None:
        raise CommandFailed("no prompt waits")
    return Edit(typed_in(message), "Taken back.", message)


async def _steer(host: Host, arguments: str) -> Outcome:
    if not arguments:
        raise CommandFailed("/steer TEXT puts the text in before the next request of this run")
    waiting = await host.session.steer(arguments)
    return "Given to the run." if waiting.state == "steering" else "No run goes on: it waits."


# ── what is allowed ───────────────────────────────────────────────────────────────────────────


async def _mode(host: Host, arguments: str) -> Outcome:
    permissions = permissions_of(host)
    if arguments:
        if arguments not in _MODES:
            raise CommandFailed(f"there is no mode {arguments}, only {', '.join(_MODES)}")
        permissions.mode = arguments  # type: ignore[assignment]
    return f"The mode is {permissions.mode}."


async def _modes(host: Host) -> Iterable[str]:
    return _MODES


async def _list_permissions(host: Host, arguments: str) -> Outcome:
    decisions = permissions_of(host).decided_in(host.session.store.session_id)
    word, _, number = arguments.partition(" ")
    if word == "revoke":
        decision = decisions[_index(number, len(decisions))]
        permissions_of(host).decisions.revoke(decision.id)
        return f"Taken back: {decision.explain()}"
    if arguments:
        raise CommandFailed("/permissions lists what was decided, /permissions revoke N takes back")
    if not decisions:
        return "Nothing was decided for longer than one call: what may change something is asked."
    options = [
        Option(decision.explain(), f"/permissions revoke {n}")
        for n, decision in enumerate(decisions, 1)
    ]
    return Pick("Decided here", options, "/permissions revoke N: ask again about such calls")


def permissions_of(host: Host) -> Permissions:
    """The permissions of the conversation. `CommandFailed` if it has none."""
    permissions = host.session.permissions
    if permissions is None:
        raise CommandFailed("nothing is asked here: the tools are not guarded")
    return permissions


async def _tools(host: Host, arguments: str) -> Outcome:
    tools = sorted(host.session.agent.tools, key=lambda tool: tool.name)
    if not tools:
        return "The model has no tools."
    width = max(len(tool.name) for tool in tools)
    return "\n".join(
        f"{tool.name:<{width}}  {'reads only' if tool.read_only else 'may change something'}: "
        f"{(tool.description.strip().splitlines() or [''])[0]}"
        for tool in tools
    )


# ── small parts ───────────────────────────────────────────────────────────────────────────────


def _index(number: str, length: int) -> int:
    """From a number as a list shows it."""
    given = number.strip()
    if not given.isdecimal() or not 1 <= int(given) <= length:
        there_is = f"1 to {length}" if length else "none"
        raise CommandFailed(f"no entry {given or '(which one?)'} in the list; there is: {there_is}")
    return int(given) - 1


BUILTIN = {
    command.name: command
    for command in (
        SlashCommand("help", "[COMMAND]", "list the commands", _help, any_time=True),
        SlashCommand("new", "", "begin another conversation", _new),
        SlashCommand("resume", "[WHICH]", "go on with another conversation", _resume, _names),
        SlashCommand("rename", "NAME", "give this conversation a name", _rename, any_time=True),
        SlashCommand("fork", "", "go on in a copy of this conversation", _fork),
        MODEL,
        *SETTING_UP,
        SlashCommand("context", "", "what fills the model's window", _context, any_time=True),
        SlashCommand("cost", "", "tokens and money that were spent", _cost, any_time=True),
        SlashCommand(
            "export", "FILE", "write it as Markdown, or as .jsonl", _export, any_time=True
        ),
        SlashCommand("compact", "", "go on with a summary in place of all that was said", _compact),
        SlashCommand(
            "rewind", "[N] [WHAT]", "go back before a prompt: both, conversation, files", _rewind
        ),
        SlashCommand(
            "back", "", "take back the newest prompt that waits, to edit it", _back, any_time=True
        ),
        SlashCommand(
            "steer", "TEXT", "give the model a word while it works", _steer, any_time=True
        ),
        SlashCommand(
            "mode", "[MODE]", f"when you are asked: {', '.join(_MODES)}", _mode, _modes, True
        ),
        SlashCommand(
            "permissions",
            "[revoke N]",
            "what was decided for longer",
            _list_permissions,
            any_time=True,
        ),
        MCP,
        PLUGINS,
        SANDBOX,
        SlashCommand("tools", "", "what the model may call", _tools, any_time=True),
        PASTE,
        DOCTOR,
        SlashCommand("quit", "", "leave; so do exit and Ctrl-D", _leave, any_time=True),
    )
}
"""By their names, in the order of the help."""
