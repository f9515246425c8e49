"""Checks of the promises that every `Workspace` has to keep, for tests of your own.

    async def test_my_place_is_a_workspace() -> None:
        async with MyWorkspace() as workspace:
            await check_workspace(workspace)

A broken promise is an `AssertionError` that says which one it is.
"""

from __future__ import annotations

import asyncio
import errno
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from axio_tools_local.workspace import Running, Workspace

__all__ = ("check_workspace",)

_PATIENCE = 50.0  # seconds for what takes less than one; a busy machine is no broken promise
_NAMES = (
    "a b",
    "two\nlines",
    "-n",
    "$HOME",
    "quo'te\"s",
    "back\\slash",
    "*",
    "~",
    "zwölf 🥊",
    ".a",
)
_ARGUMENTS = ("", " ", "a b", "$HOME", "`id`", "'\"", "two\nlines", "\\n", "-e", "*", "ü🥊")

# Each leaves a process behind that shows itself by making the file of its number grow.
_LEFTOVERS = {
    "in the background": "sh -c '{beat}' &",
    "without the pipes": "sh -c '{beat}' </dev/null >/dev/null 2>&1 &",
    "deaf to signals": "(trap '' TERM INT HUP; {beat}) &",
    "in its own session": "setsid sh -c '{beat}' &",
    "without an environment": "(setsid env -i /bin/sh -c '{beat} & exit' &) ;",
}


async def check_workspace(workspace: Workspace, *, writable: bool = True) -> None:
    """Check a workspace that can be used, and whose own folder is empty.

    In it there must be a POSIX shell with the usual programs. With `writable=False` it has to
    refuse to change anything. Files that the checks make are left there. It takes some seconds.
    """
    _require(isinstance(workspace, Workspace), "a workspace has all methods of the protocol")
    checks = _WRITING if writable else (_check_that_nothing_changes,)
    for check in (*_READING, *checks):
        async with asyncio.timeout(4 * _PATIENCE):
            await check(workspace)


def _require(condition: object, promise: str) -> None:
    if not condition:
        raise AssertionError(promise)


@asynccontextmanager
async def _raises(kind: type[Exception], promise: str) -> AsyncIterator[None]:
    try:
        yield
    except kind:
        return
    except OSError as error:
        raise AssertionError(f"{promise}, not {error!r}") from error
    raise AssertionError(promise)


@dataclass(frozen=True, slots=True)
class _Result:
    out: bytes
    err: bytes
    code: int | None
    timed_out: bool


async def _run(workspace: Workspace, *argv: str, **options: Any) -> _Result:
    async with workspace.run(argv, **{"timeout": _PATIENCE, **options}) as running:
        return await _collected(running)


async def _shell(workspace: Workspace, command: str, **options: Any) -> _Result:
    return await _run(workspace, "/bin/sh", "-c", command, **options)


async def _collected(running: Running) -> _Result:
    data: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
    async for stream, piece in running:
        data[stream].append(piece)
    out, err = (b"".join(pieces) for pieces in data.values())
    return _Result(out, err, running.exit_code, running.timed_out)


# ── commands ──────────────────────────────────────────────────────────────────────────────────


async def _check_results(workspace: Workspace) -> None:
    result = await _shell(workspace, "echo out; echo err >&2; exit 3")
    _require(result == _Result(b"out\n", b"err\n", 3, False), "streams are told apart")
    _require((await _shell(workspace, "true")).code == 0, "the exit code of success is 0")
    for number in (9, 11, 15):
        killed = (await _shell(workspace, f"ulimit -c 0; kill -{number} $$")).code
        known = (-number, 128 + number)
        _require(killed in known, "a signal that ended a command is told by its exit code")
    for number in (129, 137, 255):
        told = (await _shell(workspace, f"exit {number}")).code
        _require(told == number, "an exit code is told as it is")
    given = await _run(workspace, "/bin/sh", "-c", "printf '<%s>' \"$@\"", "sh", *_ARGUMENTS)
    expected = "".join(f"<{argument}>" for argument in _ARGUMENTS)
    _require(given.out.decode() == expected, "arguments arrive as they are")


async def _check_input(workspace: Workspace) -> None:
    _require((await _shell(workspace, "cat")).out == b"", "without an input there is none")
    _require((await _shell(workspace, "cat", stdin=b"")).out == b"", "an empty input ends")
    data = bytes(range(256)) * 4096
    _require((await _shell(workspace, "cat", stdin=data)).out == data, "the input arrives, whole")
    unread = await _shell(workspace, "echo done", stdin=data)
    _require((unread.out, unread.code) == (b"done\n", 0), "an input may be left unread")


async def _check_output(workspace: Workspace) -> None:
    size = 20_000_000
    async with workspace.run(("/bin/sh", "-c", f"head -c {size} /dev/zero")) as running:
        count = sum([len(output.data) async for output in running])
    _require((count, running.exit_code) == (size, 0), "long output arrives, whole")
    async with workspace.run(("/bin/sh", "-c", "echo first; sleep 600")) as running:
        async with asyncio.timeout(_PATIENCE):
            output = await anext(aiter(running))
        _require(output == ("stdout", b"first\n"), "output comes while the command runs")
        _require(running.exit_code is None, "while it runs a command has no exit code")


async def _check_what_cannot_start(workspace: Workspace) -> None:
    async with _raises(FileNotFoundError, "a folder that is not there is a FileNotFoundError"):
        await _shell(workspace, "echo", cwd="not/there")
    async with _raises(NotADirectoryError, "a folder that is none is a NotADirectoryError"):
        await _shell(workspace, "echo", cwd="/dev/null")
    async with _raises(ValueError, "an argument with a NUL is a ValueError"):
        await _shell(workspace, "echo \0")
    for nothing in ((), ("",)):
        async with _raises(ValueError, "a command without a program is a ValueError"):
            await _run(workspace, *nothing)
    for much in ((": " + "x" * (128 << 10),), (":", *["x" * 100_000] * 40)):
        try:
            await _run(workspace, "/bin/sh", "-c", *much)
            code = None
        except OSError as error:
            code = error.errno
        _require(code == errno.E2BIG, "more than arguments can hold is an OSError with E2BIG")
    try:
        code = (await _run(workspace, "./no-such-program")).code
    except FileNotFoundError:
        code = 127
    _require(code in (126, 127), "a program that is not there is told apart from others")


async def _check_scripts(workspace: Workspace) -> None:
    text = "zwölf 'Boxkämpfer' \\n $HOME\n\n" + "x" * 300_000
    for script in ("", "short", text):
        async with workspace.run(("cat",), script=script, timeout=_PATIENCE) as running:
            result = await _collected(running)
            path = running.script
        _require(result.out == script.encode(), "a command gets its script as a file")
        _require(path is not None and path.endswith(".py"), "a script is a file *.py")
        assert path is not None
        async with _raises(FileNotFoundError, "a script is gone when its command has ended"):
            await workspace.stat(path)


async def _check_deadline(workspace: Workspace) -> None:
    for seconds in (1, 5, 25):  # a busy machine may take long to start it
        result = await _shell(workspace, "echo before; sleep 600", timeout=seconds)
        _require(result.timed_out and result.code is None, "a command ends when its time is up")
        if result.out:
            break
    _require(result.out == b"before\n", "what it wrote before its time was up is kept")
    async with workspace.run(("/bin/sh", "-c", "sleep 600"), timeout=_PATIENCE) as running:
        pass
    _require(running.exit_code is None or running.exit_code != 0, "leaving the block ends it")


async def _check_company(workspace: Workspace) -> None:
    async def short() -> None:
        for _ in range(3):
            await _shell(workspace, "sleep 600 & true")
        await _shell(workspace, "sleep 600 & sleep 600", timeout=0.5)

    command = "i=0; while [ $i -lt 15 ]; do sleep 0.1; i=$((i+1)); done; echo $i"
    long, _ = await asyncio.gather(_shell(workspace, command), short())
    _require(long == _Result(b"15\n", b"", 0, False), "the end of a command ends no other one")


async def _check_python(workspace: Workspace) -> None:
    try:
        result = await _run(workspace, workspace.python, script="print(6 * 7)")
    except FileNotFoundError:
        return
    _require(result.out == b"42\n" or result.code in (126, 127), "`python` runs a script")


# ── files ─────────────────────────────────────────────────────────────────────────────────────


async def _check_content(workspace: Workspace) -> None:
    data = bytes(range(256)) * 12_000
    await workspace.write("a/b/c", data)
    _require(await workspace.read("a/b/c") == data, "what is written can be read")
    _require(await workspace.read("a/b/c", 1000, 5) == data[1000:1005], "a part can be read")
    _require(await workspace.read("a/b/c", len(data) - 3) == data[-3:], "reading ends at the end")
    _require(await workspace.read("a/b/c", len(data) + 9, 5) == b"", "behind the end is nothing")
    _require(await workspace.read("a/b/c", 0, 0) == b"", "nothing is read when nothing is wanted")
    await workspace.write("a/b/c", b"")
    _require(await workspace.read("a/b/c") == b"", "a file can be made empty")


async def _check_modes(workspace: Workspace) -> None:
    async def mode(path: str) -> int:
        return stat.S_IMODE((await workspace.stat(path)).mode)

    await workspace.write("mode", b"1")
    _require(await mode("mode") == 0o644, "a new file has the mode 0644")
    await workspace.write("mode", b"12", 0o751)
    _require(await mode("mode") == 0o751, "a mode that is given is set exactly")
    await workspace.write("mode", b"123")
    _require(await mode("mode") == 0o751, "a file keeps its mode")
    entry = await workspace.stat("mode")
    _require((entry.size, entry.is_file) == (3, True), "a file is described")
    await _shell(workspace, "touch -t 200102030405.06 mode; mkdir -m 1770 sticky")
    told = await _shell(workspace, "date -r mode +%s")
    _require(
        int((await workspace.stat("mode")).modified) == int(told.out), "the time is the file's"
    )
    _require(await mode("sticky") == 0o1770, "all bits of a mode are told")


async def _check_names(workspace: Workspace) -> None:
    for name in _NAMES:
        await workspace.write(f"names/{name}", name.encode())
    found = sorted(entry.name for entry in await workspace.list("names"))
    _require(found == sorted(_NAMES), "a folder is listed with all its names, as they are")
    for name in _NAMES:
        _require(await workspace.read(f"names/{name}") == name.encode(), "any name can be read")
        _require((await workspace.stat(f"names/{name}")).name == name, "a file is told by its name")
        await workspace.remove(f"names/{name}")
    _require(await workspace.list("names") == [], "what is removed is gone")


async def _check_listing(workspace: Workspace) -> None:
    await workspace.write("list/file", b"12345", 0o640)
    await _shell(workspace, "cd list && mkdir folder && ln -s file to-file && ln -s nowhere broken")
    await _shell(workspace, "cd list && ln -s folder to-folder && mkfifo pipe")
    entries = {entry.name: entry for entry in await workspace.list("list")}
    names = {"file", "folder", "to-file", "to-folder", "broken", "pipe"}
    _require(entries.keys() == names, "a folder is listed whole")
    _require(entries["file"].size == entries["to-file"].size == 5, "links are followed")
    _require(entries["folder"].is_directory and entries["to-folder"].is_directory, "folders too")
    _require(entries["broken"].broken and not entries["file"].broken, "broken links are told")
    pipe = entries["pipe"]
    _require(not pipe.is_file and not pipe.is_directory, "a pipe is neither file nor folder")
    for name, entry in entries.items():
        _require(await workspace.stat(f"list/{name}") == entry, "`stat` and `list` agree")
    _require((await workspace.stat("list")).is_directory, "a folder is described")
    async with asyncio.timeout(_PATIENCE), _raises(OSError, "a pipe is refused, not waited for"):
        await workspace.read("list/pipe")


async def _check_links(workspace: Workspace) -> None:
    await workspace.write("links/target", b"old", 0o600)
    await _shell(workspace, "cd links && ln -s target link && ln -s later early && ln -s . here")
    await workspace.write("links/link", b"new")
    _require(await workspace.read("links/target") == b"new", "writing goes through a link")
    _require(await workspace.read("links/here/link") == b"new", "and a link of a folder")
    await workspace.write("links/early", b"made")
    _require(await workspace.read("links/later") == b"made", "a link may lead to a new file")
    kinds = await _shell(workspace, "cd links && test -L link && test -L early && echo links")
    _require(kinds.out == b"links\n", "a link stays a link")


async def _check_failures(workspace: Workspace) -> None:
    await workspace.write("failures/file", b"x")
    calls: Sequence[tuple[type[OSError], str, Callable[[str], Awaitable[object]], str]] = (
        (FileNotFoundError, "reading", workspace.read, "failures/missing"),
        (FileNotFoundError, "describing", workspace.stat, "failures/missing"),
        (FileNotFoundError, "listing", workspace.list, "failures/missing"),
        (FileNotFoundError, "removing", workspace.remove, "failures/missing"),
        (IsADirectoryError, "reading", workspace.read, "failures"),
        (IsADirectoryError, "writing", lambda path: workspace.write(path, b""), "failures"),
        (IsADirectoryError, "removing", workspace.remove, "failures"),
        (NotADirectoryError, "reading", workspace.read, "failures/file/below"),
        (NotADirectoryError, "writing", lambda p: workspace.write(p, b""), "failures/file/below"),
        (NotADirectoryError, "listing", workspace.list, "failures/file"),
    )
    for kind, verb, call, path in calls:
        async with _raises(kind, f"{verb} {path} is a {kind.__name__}"):
            await call(path)
    left = [entry.name for entry in await workspace.list("failures")]
    _require(left == ["file"], "what fails leaves nothing behind")


async def _check_one_step(workspace: Workspace) -> None:
    """Readers meet the old content or the new, and nothing that lies beside it is of the file."""
    size = 200_000
    await workspace.write("step/file", b"0" * size)

    async def writes() -> None:
        for letter in b"123456":
            await workspace.write("step/file", bytes([letter]) * size)

    writing = asyncio.create_task(writes())
    while not writing.done():
        data = await workspace.read("step/file")
        _require(len(data) == size and len(set(data)) == 1, "a file is replaced in one step")
    await writing
    left = [entry.name for entry in await workspace.list("step")]
    _require(left == ["file"], "replacing a file leaves nothing beside it")


async def _check_leftovers(workspace: Workspace) -> None:
    command = " ".join(
        kind.format(beat=f"while :; do echo >> beats/{number}; sleep 0.05; done")
        for number, kind in enumerate(_LEFTOVERS.values())
    )
    await workspace.write("beats/-", b"")
    started = "until [ $(ls beats | wc -l) -gt 5 ]; do sleep 0.02; done"
    await _shell(workspace, f"{command} {started}")
    await _check_that_no_beat_goes_on(workspace, "ends with it")
    await _shell(workspace, "rm beats/[0-9]")
    result = await _shell(workspace, f"{command} {started}; sleep 600", timeout=2)
    _require(result.timed_out, "a command ends when its time is up")
    await _check_that_no_beat_goes_on(workspace, "ends when its time is up")


async def _check_that_no_beat_goes_on(workspace: Workspace, promise: str) -> None:
    before = {entry.name: entry.size for entry in await workspace.list("beats")}
    await asyncio.sleep(0.4)
    for entry in await workspace.list("beats"):
        if entry.size != before.get(entry.name):
            kind = list(_LEFTOVERS)[int(entry.name)]
            raise AssertionError(f"what a command leaves {kind} {promise}")


async def _check_that_nothing_changes(workspace: Workspace) -> None:
    async with _raises(OSError, "writing is refused"):
        await workspace.write("file", b"x")
    result = await _shell(workspace, "echo > file || exit 7")
    _require(result.code == 7, "a command that writes is refused")
    _require(await workspace.list(".") == [], "nothing is changed")


_READING = (
    _check_results,
    _check_input,
    _check_output,
    _check_what_cannot_start,
    _check_scripts,
    _check_deadline,
    _check_company,
    _check_python,
)
_WRITING = (
    _check_content,
    _check_modes,
    _check_names,
    _check_listing,
    _check_links,
    _check_failures,
    _check_one_step,
    _check_leftovers,
)
