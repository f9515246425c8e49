"""Files and the database: broken, full, read-only, locked, of a newer release, open to others."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from axio.messages import as_message
from axio_context_sqlite import SQLiteContextStore, connect
from axio_tui.doctor.findings import Finding
from axio_tui.doctor.storage import look_at_database, look_at_files, look_at_space
from support.disk import Disk, remount, small_disk


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for folder in ("data/axio-tui", "config/axio"):
        (tmp_path / folder).mkdir(parents=True, mode=0o700)
    return tmp_path


def named(findings: Iterator[Finding]) -> dict[str, Finding]:
    return {one.name: one for one in findings}


async def database(home: Path) -> Path:
    path = home / "data" / "axio-tui" / "axio.db"
    connection = await connect(path)
    try:
        store = SQLiteContextStore(connection, "s", "p")
        for number in range(50):
            await store.append(as_message(f"{number} " + "words " * 200))
    finally:
        await connection.close()
    return path


async def test_a_database_that_is_well_is_only_looked_at(home: Path) -> None:
    path = await database(home)
    before = path.read_bytes()
    findings = named(look_at_database())
    assert findings["database"].state == findings["database lock"].state == "ok"
    assert str(path) in findings["database"].found
    assert path.read_bytes() == before and os.listdir(path.parent) == ["axio.db"]


def test_without_a_database_nothing_is_wrong_and_none_is_made(home: Path) -> None:
    assert named(look_at_database())["database"].state == "ok"
    assert os.listdir(home / "data" / "axio-tui") == []


async def test_damage_is_found(home: Path) -> None:
    path = await database(home)
    whole = path.read_bytes()
    for data in (
        b"no database at all" * 100,
        whole[: len(whole) // 2],
        whole[:4096] + b"\xff" * 9000,
    ):
        path.write_bytes(data)
        findings = named(look_at_database())
        assert findings["database"].state == "broken" and "damaged" in findings["database"].found
    assert path.read_bytes() == data, "it is left as it is"


async def test_tables_of_a_newer_release_are_told(home: Path) -> None:
    path = await database(home)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO axio_context_schema (version) VALUES (999)")
    finding = named(look_at_database())["database"]
    assert finding.state == "broken" and "999" in finding.found and "newer" in finding.advice


async def test_a_lock_of_another_program_is_told(home: Path) -> None:
    path = await database(home)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        findings = named(look_at_database())
        other.execute("ROLLBACK")
    assert findings["database"].state == "ok"
    assert findings["database lock"].state == "warning"


@pytest.fixture
def disk(home: Path) -> Iterator[Disk]:
    with small_disk(home / "disk") as disk:
        yield disk


def test_a_full_disk_is_broken(home: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = disk("size=256k")
    monkeypatch.setenv("XDG_DATA_HOME", str(folder))
    assert named(look_at_space())["disk"].state == "warning", "little room"
    (folder / "all").write_bytes(bytes(250 << 10))
    finding = named(look_at_space())["disk"]
    assert finding.state == "broken" and "full" in finding.found
    assert os.listdir(folder) == ["all"]


async def test_a_read_only_home_is_broken_and_the_database_in_it_can_be_looked_at(
    home: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = disk("size=4m")
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))
    await database(folder)
    remount(folder, "ro")
    assert "may" not in named(look_at_database())["database"].found
    assert named(look_at_database())["database"].state == "ok"
    assert named(look_at_database())["database lock"].state == "broken"
    finding = named(look_at_space())["disk"]
    assert finding.state == "broken" and finding.advice


async def test_files_that_others_may_read_are_told_with_what_to_do(home: Path) -> None:
    path = await database(home)
    secrets = home / "config" / "axio" / "secrets.toml"
    secrets.write_text("")
    secrets.chmod(0o600)
    assert [one.state for one in look_at_files()] == ["ok"]
    secrets.chmod(0o644)
    path.chmod(0o660)
    broken = path.with_name("axio.db.broken-20260102-030405")
    broken.touch(0o644)
    broken.chmod(0o644)
    path.parent.chmod(0o755)
    findings = [*look_at_files()]
    assert {one.state for one in findings} == {"warning"}
    assert {one.advice for one in findings} == {
        f"chmod 600 {secrets}",
        f"chmod 600 {path}",
        f"chmod 600 {broken}",
        f"chmod 700 {path.parent}",
    }
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o644, "nothing is changed"
