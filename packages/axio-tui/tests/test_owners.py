"""A server on loopback is taken unasked only if it is ours."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from axio.plugins import Installed
from axio_tui import choose as choosing, servers
from axio_tui.choose import choose
from axio_tui.owners import is_ours, owners_of

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
THEIRS, ROOT = 99999, 0


def tables(
    folder: Path, *sockets: tuple[str, str, int], six: tuple[str, int] | None = None
) -> Path:
    """The kernel's tables: address, state and user of each socket at port 8080 (0x1F90)."""
    lines = [
        f"   0: {address}:1F90 00000000:0000 {state} 0:0 00:0 0  {uid}  0\n"
        for address, state, uid in sockets
    ]
    (folder / "tcp").write_text(HEAD + "".join(lines))
    if six is not None:
        line = f"   0: {six[0]}:1F90 {'0' * 32}:0000 0A 0:0 00:0 0  {six[1]}  0\n"
        (folder / "tcp6").write_text(HEAD + line)
    return folder


@pytest.mark.parametrize(
    ("sockets", "ours"),
    [
        ([("0100007F", "0A", os.getuid())], True),
        ([("0100007F", "0A", ROOT)], True),
        ([("0100007F", "0A", THEIRS)], False),
        ([("00000000", "0A", THEIRS)], False),
        ([("0100007F", "0A", os.getuid()), ("00000000", "0A", THEIRS)], False),
        ([("0100007F", "01", THEIRS), ("0100007F", "0A", os.getuid())], True),  # a connection
        ([("0101A8C0", "0A", THEIRS), ("0100007F", "0A", os.getuid())], True),  # of another address
        ([], False),
    ],
)
def test_the_owners_of_all_that_may_answer_count(
    tmp_path: Path, sockets: list[tuple[str, str, int]], ours: bool
) -> None:
    assert is_ours(8080, tables(tmp_path, *sockets)) is ours
    assert not is_ours(8081, tmp_path)


@pytest.mark.parametrize("address", ["0" * 32, "0000000000000000FFFF00000100007F"])
def test_a_socket_of_both_protocols_counts(tmp_path: Path, address: str) -> None:
    folder = tables(tmp_path, ("0100007F", "0A", os.getuid()), six=(address, THEIRS))
    assert owners_of(8080, folder) == {os.getuid(), THEIRS} and not is_ours(8080, folder)


def test_where_nothing_is_told_nothing_is_ours(tmp_path: Path) -> None:
    assert not is_ours(8080, tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell")
def test_a_socket_of_this_process_is_ours() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert owners_of(port) == {os.getuid()} and is_ours(port)
    assert not is_ours(port)


async def test_a_server_of_another_user_is_not_asked_but_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []

    async def find(found: list[object]) -> list[object]:
        asked.extend(found)
        return []

    monkeypatch.setattr(servers, "find_servers", find)
    for module in (servers, choosing):
        monkeypatch.setattr(module, "is_ours", lambda port: False)
    monkeypatch.setattr(choosing, "owners_of", lambda port: {THEIRS} if port == 11434 else set())
    choice = await choose({}, Installed(lambda text: None))
    assert asked == [] and choice.transport == "local"
    assert "port 11434 is another user's: --transport ollama takes it" in choice.reason
