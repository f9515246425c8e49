"""Tokens in a file: private, whole, and locked."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
import time
from pathlib import Path

import pytest

from axio_transport_codex.tokens import TokenFile, default_path, expires_soon

TOKENS = {"api_key": "a", "refresh_token": "r", "expires_at": "1", "account_id": "x"}


def test_what_is_saved_is_loaded_and_only_the_owner_can_read_it(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "new" / "tokens.json")
    assert file.load() == {}
    old = os.umask(0)
    try:
        file.save({**TOKENS, "id_token": "not kept"})
    finally:
        os.umask(old)
    assert file.load() == TOKENS
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    assert os.listdir(file.path.parent) == ["tokens.json"]
    file.delete()
    file.delete()
    assert file.load() == {}


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps(TOKENS))
    path.chmod(0o644)
    assert TokenFile(path).load() == TOKENS
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "[]", "{", "\xff"])
def test_a_file_with_something_else_is_an_error_that_says_what_to_do(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(text, "latin-1")
    with pytest.raises(ValueError, match="delete it and sign in again"):
        TokenFile(path).load()


def test_a_failed_save_keeps_the_old_tokens_and_leaves_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = TokenFile(tmp_path / "tokens.json")
    file.save(TOKENS)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        file.save({**TOKENS, "api_key": "b"})
    assert file.load() == TOKENS and os.listdir(tmp_path) == ["tokens.json"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    TokenFile(tmp_path / "link").save(TOKENS)
    assert (tmp_path / "link").is_symlink() and TokenFile(tmp_path / "real").load() == TOKENS


async def test_one_at_a_time_holds_the_lock(tmp_path: Path) -> None:
    file, order = TokenFile(tmp_path / "tokens.json"), list[str]()

    async def hold(name: str) -> None:
        async with file.locked():
            order.append(name + " in")
            await asyncio.sleep(0.02)
            order.append(name + " out")

    await asyncio.gather(hold("a"), hold("b"), hold("c"))
    pairs = [order[at : at + 2] for at in range(0, 6, 2)]
    assert all(into.split()[0] == out.split()[0] for into, out in pairs)


async def test_a_lock_that_is_kept_is_told_and_a_dead_holder_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    program = (
        "import asyncio, sys, time\n"
        "from axio_transport_codex.tokens import TokenFile\n"
        "async def main():\n"
        "    async with TokenFile(sys.argv[1]).locked():\n"
        "        print('held', flush=True)\n"
        "        time.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    holder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, str(path)), stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    try:
        assert await holder.stdout.readline() == b"held\n"
        with pytest.raises(TimeoutError, match="another process"):
            async with TokenFile(path).locked(timeout=0.1):
                pass
        holder.kill()
        async with TokenFile(path).locked(timeout=60):
            pass
    finally:
        await holder.wait()


def test_the_time_that_is_left() -> None:
    assert expires_soon(str(time.time() + 29)) and expires_soon("0")
    assert not expires_soon(str(int(time.time()) + 60))
    assert not expires_soon("") and not expires_soon("soon")


def test_the_file_lies_with_the_users_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/config")
    assert default_path() == Path("/config/axio/codex.json")
