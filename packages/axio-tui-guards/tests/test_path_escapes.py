"""200 ways out of an allowed directory in a table, and generated ones: none gets through."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import axio_tui_guards.paths
from axio.exceptions import GuardError
from axio.permission import AllowAllGuard, PermissionGuard
from axio.tool import Tool
from axio_tui_guards import PathGuard


async def _handler(**kwargs: Any) -> str:
    return "ran"


TOOL: Tool[Any] = Tool(name="any_tool", handler=_handler)


def make_room(folder: Path) -> Path:
    """`folder`/room is allowed; beside it lie a secret and a folder whose name starts alike."""
    room = folder / "room"
    for directory in ("room/sub/deep", "room/.hidden", "room/sp ace", "secret/box", "room-evil"):
        (folder / directory).mkdir(parents=True)
    for file in ("room/file.txt", "room/sub/deep/x.py", "room/Makefile", "secret/key.txt"):
        (folder / file).write_text("text")
    (folder / "secret/box/key").write_text("text")
    (folder / "room-evil/key.txt").write_text("text")
    links = {
        "out": "../secret",
        "out_abs": str(folder / "secret"),
        "up": "..",
        "root": "/",
        "leaf": "../secret/key.txt",
        "evil": "../room-evil",
        "chain1": "chain2",
        "chain2": "chain3",
        "chain3": "out",
        "dangling": "../secret/not-yet.txt",
        "sub/back": "../..",
        "sub/deep/far": "../../../secret",
        "in": "sub",  # stays inside, but `in/..` means two things
        "sub/deep/top": "../..",
        "loop": "loop",
        "proc": "/proc/self",
        "notes.txt": "../secret/key.txt",
        "twice": "sub/../../secret",
        "dotted": "./././../secret/.",
    }
    for name, target in links.items():
        (room / name).symlink_to(target)
    return room


# Each line is a way out of the room, seen from the room itself. `{f}` is the folder around it.
WAYS_OUT = """
..
../
../.
./..
../..
../../..
../secret
../secret/
../secret/key.txt
../secret/box
../secret/box/key
../secret/new.txt
../secret/new
../secret/new/deeper/file.py
../room-evil
../room-evil/key.txt
../room-evil/new.txt
../roommate
../roo
../room/../secret
../room/../secret/key.txt
../room/../room-evil/key.txt
./../secret/key.txt
././../secret/key.txt
.//..//secret//key.txt
..//secret/key.txt
sub/../../secret/key.txt
sub/deep/../../../secret/key.txt
sub/deep/../../..
sub/./../../secret
sub//..//..//secret
sub/../sub/../../secret/key.txt
missing/../../secret/key.txt
missing/../..
missing/a/b/../../../../secret
file.txt/../../secret/key.txt
file.txt/../..
Makefile/../../secret
.hidden/../../secret/key.txt
.hidden/../..
sp ace/../../secret/key.txt
out
out/
out/.
out/key.txt
out/box
out/box/key
out/new.txt
out/new/deeper.txt
out/../secret/key.txt
out/..
out/../room-evil/key.txt
out/./key.txt
out//key.txt
./out/key.txt
sub/../out/key.txt
sub/deep/../../out/key.txt
out/box/../key.txt
out_abs
out_abs/key.txt
out_abs/new.txt
out_abs/box/key
out_abs/..
up
up/
up/secret/key.txt
up/secret
up/room-evil/key.txt
up/new.txt
up/room/../secret/key.txt
up/room/out/key.txt
up/room/up/secret/key.txt
up/..
up/../..
root
root/etc/passwd
root/etc
root/tmp
root/tmp/new.txt
root/./etc/passwd
leaf
./leaf
sub/../leaf
up/room/leaf
notes.txt
./notes.txt
sub/deep/../../notes.txt
evil
evil/key.txt
evil/new.txt
evil/../secret/key.txt
chain1
chain1/key.txt
chain1/new.txt
chain2/key.txt
chain3/box/key
chain1/../room-evil
dangling
./dangling
sub/../dangling
sub/back
sub/back/secret/key.txt
sub/back/new.txt
sub/back/room/../secret
sub/deep/far
sub/deep/far/key.txt
sub/deep/far/new.txt
sub/deep/far/../secret/box/key
in/../../secret/key.txt
in/../..
in/../out/key.txt
in/back/secret/key.txt
in/deep/far/key.txt
in/deep/top/out/key.txt
in/deep/top/../secret/key.txt
sub/deep/top/../secret/key.txt
sub/deep/top/..
sub/deep/top/up/secret
sub/deep/top/leaf
twice
twice/key.txt
twice/new.txt
dotted
dotted/key.txt
dotted/box/key
proc/root/etc/passwd
proc/cwd/../secret
proc/environ
proc/self
proc/fd/0
{f}
{f}/
{f}/secret
{f}/secret/key.txt
{f}/secret/new.txt
{f}/room-evil
{f}/room-evil/key.txt
{f}/roommate/file.txt
{f}/room/..
{f}/room/../secret/key.txt
{f}/room/./../secret/key.txt
{f}/room//../secret/key.txt
{f}/room/sub/../../secret/key.txt
{f}/room/missing/../../secret/key.txt
{f}/room/out
{f}/room/out/key.txt
{f}/room/out/new.txt
{f}/room/out/..
{f}/room/out_abs/key.txt
{f}/room/up
{f}/room/up/secret/key.txt
{f}/room/root/etc/passwd
{f}/room/leaf
{f}/room/notes.txt
{f}/room/evil/key.txt
{f}/room/chain1/key.txt
{f}/room/chain2/new.txt
{f}/room/dangling
{f}/room/sub/back/secret
{f}/room/sub/deep/far/key.txt
{f}/room/in/../../secret
{f}/room/in/deep/far/key.txt
{f}/room/twice/key.txt
{f}/room/dotted/key.txt
{f}/room/proc/root/etc/passwd
{f}/room/sub/deep/top/../secret/key.txt
{f}/./room/../secret
{f}//secret//key.txt
/{f}/secret/key.txt
//{f}/room/out/key.txt
{f}/../{n}/secret/key.txt
{f}/secret/../secret/key.txt
/
//
/.
/..
/etc
/etc/passwd
/etc/../etc/passwd
/./etc/passwd
//etc/passwd
///etc///passwd
/tmp
/tmp/new.txt
/tmp/../etc/passwd
/dev/stdin
/dev/fd/0
/dev/sda
/proc/self/root/etc/passwd
/proc/self/cwd
/proc/self/cwd/../secret
/proc/self/environ
/proc/1/root/etc/shadow
/proc/thread-self/root
/sys/kernel
/root/.ssh/id_rsa
/home
/var/run/docker.sock
~
~/
~/.ssh/id_rsa
~/new.txt
~root
~root/.ssh/id_rsa
~/../etc/passwd
$HOME
$HOME/.ssh/id_rsa
${HOME}/.bashrc
file:///etc/passwd
file:/etc/passwd
FILE:///etc/passwd
file://localhost/etc/passwd
file://{f}/secret/key.txt
file:///%65tc/passwd
file://{f}/room/%2e%2e/secret/key.txt
 /etc/passwd
/etc/passwd 
\t/etc/passwd
 ../secret/key.txt
../secret/key.txt 
\t~/.ssh/id_rsa
 out/key.txt
out 
leaf 
""".strip("\n").split("\n")  # noqa: W291 - blanks at the ends are part of what is tried


def ways_out(room: Path) -> list[str]:
    folder = str(room.parent)
    return [
        way.replace("{f}", folder).replace("{n}", room.parent.name).replace("\\t", "\t")
        for way in WAYS_OUT
    ]


STAYS_IN = """
.
./
file.txt
./file.txt
sub
sub/
sub/deep/x.py
sub/../file.txt
sub/deep/../deep/x.py
new.txt
new
new/deeper/file.py
.hidden
.hidden/new
sp ace/new.txt
Makefile
in
in/deep/x.py
sub/deep/top
sub/deep/top/file.txt
...
..x
x..
{f}/room
{f}/room/
{f}/room/file.txt
{f}/room/sub/deep/x.py
{f}/room/../room/file.txt
{f}/room/new.txt
""".strip().split("\n")


def through(
    guard: PermissionGuard, calls: Iterable[dict[str, Any]], run: Any = asyncio.run
) -> list[dict[str, Any]]:
    """The calls that the guard allows."""

    async def try_all() -> list[dict[str, Any]]:
        passed = []
        for kwargs in calls:
            try:
                await guard(TOOL, **kwargs)
            except GuardError:
                continue
            passed.append(kwargs)
        return passed

    passed: list[dict[str, Any]] = run(try_all())
    return passed


def is_outside(path: str, room: Path) -> bool:
    """True if one usual way of opening `path` leaves the room: not by the guard's arithmetic."""
    inside = os.path.realpath(room)
    readings = [path, os.path.normpath(path), os.path.expanduser(path), path.strip()]
    places = [os.path.realpath(os.path.join(room, reading)) for reading in readings]
    return any(place != inside and not place.startswith(inside + "/") for place in places)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = make_room(tmp_path_factory.mktemp("escapes"))
    before = Path.cwd()
    os.chdir(made)
    yield made
    os.chdir(before)


async def nobody(question: str) -> str:
    return ""


def guard_of(room: Path) -> PathGuard:
    guard = PathGuard(nobody)
    guard.allowed.add(room)
    return guard


def calls(room: Path) -> list[dict[str, Any]]:
    """Each way out as the only path, and as the last of several arguments."""
    ways = ways_out(room)
    assert len(set(ways)) >= 200
    alone: list[dict[str, Any]] = [{"file_path": way} for way in ways]
    return alone + [{"file_path": "file.txt", "path": ".", "cwd": way} for way in ways]


def test_no_way_out_of_the_table_gets_through(room: Path) -> None:
    assert through(guard_of(room), calls(room)) == []


def test_what_stays_inside_passes_unasked(room: Path) -> None:
    paths = [path.replace("{f}", str(room.parent)) for path in STAYS_IN]
    inside = [{"file_path": path} for path in paths]
    assert through(guard_of(room), inside) == inside


PARTS = st.sampled_from(
    ". .. .. sub deep in top back far out up leaf evil chain1 twice missing file.txt secret room "
    "key.txt ~ proc  ".split(" ")
)
STARTS = st.sampled_from(["", "", "", "/", "{room}/", "~/", " ", "./", "../room/"])


def check_generated(room: Path, examples: int) -> None:
    guard = guard_of(room)

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck), database=None)
    @given(start=STARTS, parts=st.lists(PARTS, max_size=8))
    def one(start: str, parts: list[str]) -> None:
        path = start.replace("{room}", str(room)) + "/".join(parts)
        if is_outside(path, room):
            assert through(guard, [{"path": path}], runner.run) == []

    with asyncio.Runner() as runner:
        one()


def test_no_generated_way_out_gets_through(room: Path) -> None:
    check_generated(room, 500)


@pytest.mark.heavy
def test_none_of_10000_generated_ways_out_gets_through(room: Path) -> None:
    check_generated(room, 10_000)


# ── these tests bite ──────────────────────────────────────────────────────────────────────────


def test_with_the_guard_switched_off_every_way_is_open(room: Path) -> None:
    off: PermissionGuard = AllowAllGuard()
    assert through(off, calls(room)) == calls(room)


@pytest.mark.parametrize(
    "weaker",
    [
        lambda path: os.path.abspath(path),  # links are not followed
        lambda path: os.path.join(os.getcwd(), path),  # `..` is not understood
        lambda path: os.path.realpath(path) if os.path.exists(path) else os.path.abspath(path),
    ],
)
def test_with_a_weaker_resolution_ways_are_open(
    room: Path, weaker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(axio_tui_guards.paths, "resolve", weaker)
    assert through(guard_of(room), calls(room))


def test_with_only_the_first_field_looked_at_ways_are_open(room: Path) -> None:
    class FirstOnly(PathGuard):
        async def check(self, tool: Any, /, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
            name, value = next(iter(kwargs.items()))
            return await super().check(tool, **{name: value})

    guard = FirstOnly(nobody)
    guard.allowed.add(room)
    assert through(guard, calls(room))
