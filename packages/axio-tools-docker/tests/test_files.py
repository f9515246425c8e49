"""Files keep their owner, mode and time on their way into a container, in it, and out of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from axio_tools_docker import DockerWorkspace, files, inside
from axio_tools_docker._engine import Execution
from axio_tools_local.workspace import Entry, Output
from support.image import GNU_IMAGE, SMALL_IMAGE

THEN = 1_000_000_000
USER = 1000


async def sh(workspace: DockerWorkspace, command: str, **options: Any) -> str:
    async with workspace.run(("/bin/sh", "-c", command), timeout=50, **options) as running:
        return "".join([output.data.decode() async for output in running])


def fill(folder: Path) -> None:
    (folder / "below").mkdir(mode=0o750)
    (folder / "below" / "file").write_text("old\n")
    (folder / "script").write_text("#!/bin/sh\necho works\n")
    (folder / "link").symlink_to("below/file")
    (folder / "below" / "file").chmod(0o640)
    (folder / "script").chmod(0o755)
    for path in (folder, folder / "below", folder / "below" / "file", folder / "script"):
        os.chown(path, USER, USER)
        os.utime(path, (THEN, THEN))


@pytest.mark.parametrize("image", [GNU_IMAGE, SMALL_IMAGE])
@pytest.mark.parametrize("access", ["write", "copy", "read"])
async def test_a_folder_arrives_with_owner_mode_and_time(
    access: str, image: str, contained: Callable[..., DockerWorkspace], folder: Path
) -> None:
    fill(folder)
    async with contained(folder, access=access, image=image) as workspace:
        assert await sh(workspace, "stat -c '%u:%g %a %Y' script below/file") == (
            f"1000:1000 755 {THEN}\n1000:1000 640 {THEN}\n"
        )
        assert await sh(workspace, "./script; readlink link; stat -c %a below") == (
            "works\nbelow/file\n750\n"
        )
        entry = await workspace.stat("below/file")
        assert entry == Entry("file", stat.S_IFREG | 0o640, 4, float(THEN))
        if access == "read":
            return
        await workspace.write("below/file", b"new")
        await workspace.write("link", b"newer")
        told = await sh(workspace, "stat -c '%u:%g %a %s' below/file; test -L link && echo link")
        assert told == "1000:1000 640 5\nlink\n"
    found = (folder / "below" / "file").stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (USER, 0o640)
    content = "newer" if access == "write" else "old\n"
    assert (folder / "below" / "file").read_text() == content


@pytest.mark.parametrize("image", [GNU_IMAGE, SMALL_IMAGE])
async def test_in_memory_files_belong_to_the_user_of_commands(
    image: str, contained: Callable[..., DockerWorkspace]
) -> None:
    async with contained(image=image) as workspace:
        await workspace.write("file", b"x", 0o604)
        await sh(workspace, "touch -t 200109090146.40 file")
        assert await sh(workspace, "stat -c '%u:%g %a %Y' file") == f"1000:1000 604 {THEN}\n"
        assert (await workspace.stat("file")).modified == THEN


async def test_what_is_not_ours_is_refused(
    contained: Callable[..., DockerWorkspace], folder: Path
) -> None:
    (folder / "roots").mkdir(mode=0o755)
    (folder / "roots" / "file").write_text("x")
    (folder / "secret").write_text("x")
    (folder / "secret").chmod(0o600)
    async with contained(folder) as workspace:
        for path in ("roots/file", "roots/new", "roots/below/new"):
            with pytest.raises(PermissionError):
                await workspace.write(path, b"y")
        with pytest.raises(PermissionError):
            await workspace.remove("roots/file")
        with pytest.raises(PermissionError):
            await workspace.read("secret")
        with pytest.raises(OSError, match="Read-only file system"):
            await workspace.write("/usr/new", b"y")
    assert sorted(os.listdir(folder / "roots")) == ["file"]


async def test_a_copy_leaves_out_what_is_no_file(
    contained: Callable[..., DockerWorkspace], folder: Path
) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "nowhere").symlink_to("missing")
    (folder / "empty").mkdir()
    (folder / "zwölf \n b").write_text("x")
    async with contained(folder, access="copy") as workspace:
        names = {entry.name for entry in await workspace.list(".")}
        assert names == {"nowhere", "empty", "zwölf \n b"}


async def test_a_name_that_is_no_text_is_still_a_name(
    contained: Callable[..., DockerWorkspace], folder: Path
) -> None:
    name = os.fsdecode(b"caf\xe9\\n%s\\0101")
    (folder / name).write_text("x")
    async with contained(folder) as workspace:
        assert [entry.name for entry in await workspace.list(".")] == [name]
        assert await workspace.read(name) == b"x"
        await workspace.write(name, b"y")
        await workspace.write(f"below/{name}", b"z")
        await workspace.remove(name)
    assert (folder / "below" / name).read_text() == "z"
    assert os.listdir(folder) == ["below"]


async def test_only_what_is_asked_for_is_transferred(
    contained: Callable[..., DockerWorkspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    received = 0
    read = Execution.read

    async def counted(self: Execution) -> Output | None:
        nonlocal received
        output = await read(self)
        received += 0 if output is None else len(output.data)
        return output

    monkeypatch.setattr(Execution, "read", counted)
    async with contained() as workspace:
        await sh(workspace, "head -c 20000000 /dev/zero > big; mkdir -p a/b; cp big a/b")
        received = 0
        assert await workspace.read("big", 10_000_000, 5) == b"\0" * 5
        assert (await workspace.stat("big")).size == 20_000_000
        assert len(await workspace.list(".")) == 2
        assert received < 1000


async def test_a_folder_of_many_files_is_listed_whole(
    contained: Callable[..., DockerWorkspace],
) -> None:
    async with contained(image=SMALL_IMAGE) as workspace:
        await sh(
            workspace,
            "mkdir many; cd many; i=0; while [ $i -lt 3000 ]; do : > $i; i=$((i+1)); done",
        )
        assert {entry.name for entry in await workspace.list("many")} == set(map(str, range(3000)))


names = st.lists(
    st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1),
    unique=True,
    max_size=5,
)


async def test_a_command_may_name_what_is_no_text(
    contained: Callable[..., DockerWorkspace], folder: Path
) -> None:
    name = os.fsdecode(b"caf\xe9 \\0101\n")
    async with contained(folder, image=SMALL_IMAGE) as workspace:
        await workspace.write(f"{name}/{name}", b"x")
        script = f"print({name!r}) # \udce9"
        async with workspace.run(("cat", name, ""), cwd=name, script=script) as running:
            said = {"stdout": b"", "stderr": b""}
            async for stream, data in running:
                said[stream] += data
        assert said["stdout"] == b"x" + os.fsencode(script)
        assert b"cat: can't open ''" in said["stderr"]
        with pytest.raises(FileNotFoundError, match="no such program"):
            async with workspace.run((name,)):
                pass


@given(names, st.data())
def test_a_listing_is_read_whatever_the_names_are(listed: list[str], data: st.DataObject) -> None:
    own = [name for name in listed if data.draw(st.booleans())]
    followed = [name for name in own if data.draw(st.booleans())]
    answer = b"".join(f"./{name}\0".encode() for name in [*listed, "*"]) + b"\0"
    answer += b"".join(f"a1ff 7 1 ./{name}\n".encode() for name in own) + b"\0"
    answer += b"".join(f"81a4 5 2 ./{name}\n".encode() for name in followed)
    expected = {name: Entry(name, 0o120777, 7, 1.0, broken=True) for name in own}
    expected |= {name: Entry(name, 0o100644, 5, 2.0) for name in followed}
    found = files.entries_of(answer)
    assert {entry.name: entry for entry in found} == expected
    assert len(found) == len(expected)


@settings(max_examples=200)
@given(st.text(), st.integers(1, 9))
def test_the_parts_of_a_script_are_the_script(text: str, times: int) -> None:
    script = text * times * 500
    parts = inside.parts_of(script)
    if parts is not None:
        assert "".join(parts) == script
        assert all(len(part.encode("utf-8", "surrogatepass")) < 128 * 1024 for part in parts)
        assert len(script) <= 250_000


@given(st.lists(st.binary(max_size=40)), st.integers(-64, 255), st.lists(st.integers(1, 9)))
def test_the_end_of_a_command_is_found_in_whatever_pieces_it_comes(
    said: list[bytes], code: int, sizes: list[int]
) -> None:
    token = "0123abcd"
    own = b"".join(said).replace(token.encode(), b"")
    text = own + f"\0{token} {code}\n".encode()
    ending = inside.Ending(token)
    told = b""
    while text:
        size = sizes.pop() if sizes else len(text)
        told += ending.feed(text[:size])
        text = text[size:]
    assert (told + ending.close(), ending.code) == (own, code)


@given(
    st.lists(st.binary(max_size=9) | st.sampled_from([b"\0", b"\0ab ", b"\0ab 1", b"\0ab 1234"]))
)
def test_without_an_end_all_is_the_commands_own(pieces: list[bytes]) -> None:
    ending = inside.Ending("ab")
    told = b"".join([ending.feed(piece) for piece in pieces]) + ending.close()
    if ending.code is None:
        assert told == b"".join(pieces)
    assert len(told) <= len(b"".join(pieces))
