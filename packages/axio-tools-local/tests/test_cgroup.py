"""Control groups: where they are made, and that nothing of them is left."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from axio_tools_local import cgroup
from axio_tools_local.cgroup import SandboxUnavailable
from axio_tools_local.confine import group

V2_FILES = ("pids.max", "memory.max", "memory.swap.max", "memory.oom.group", "cgroup.procs")


@pytest.fixture(autouse=True)
def no_memory() -> Iterator[None]:
    """Forget what was found out about the real machine, before and after."""
    for known in (cgroup._parent, cgroup.tracking):
        known.cache_clear()
    yield
    for known in (cgroup._parent, cgroup.tracking):
        known.cache_clear()


# ── the groups themselves ─────────────────────────────────────────────────────────────────────


def test_the_end_of_a_group_is_the_end_of_all_in_it() -> None:
    try:
        places = cgroup.places({"pids": 5})
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    groups = group.make(places, f"axio-{secrets.token_hex(8)}")
    sleeping = subprocess.Popen(["sleep", "60"], start_new_session=True)
    Path(groups[0], "cgroup.procs").write_text(str(sleeping.pid))
    group.end(groups)
    assert sleeping.wait(30) == -9
    assert not os.path.exists(groups[0])


def test_nothing_but_a_member_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """0 stands for a member of another namespace, and for kill(2) for all of one's own group."""
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append(pid))
    (tmp_path / "group").mkdir()
    (tmp_path / "group/cgroup.procs").write_text("0\n-1\n999999999\n")
    group.end([str(tmp_path / "group")], 0.01)
    assert set(killed) == {999999999}


def test_an_ordinary_folder_gives_no_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroup, "_ROOT", str(tmp_path))
    (tmp_path / "pids").mkdir()
    assert cgroup.tracking() == ()
    assert os.listdir(tmp_path) == ["pids"]


def test_a_group_that_only_lists_may_fail_to_be_made(tmp_path: Path) -> None:
    places: list[cgroup.Place] = [(str(tmp_path / "missing"), []), (str(tmp_path), [])]
    assert group.make(places, "axio-x") == [str(tmp_path / "axio-x")]
    with pytest.raises(FileNotFoundError):
        group.make([(str(tmp_path / "missing"), [("pids.max", "1", True)])], "axio-y")


def test_what_cannot_be_removed_takes_no_longer_than_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "_SECONDS", 0.05)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/cgroup.procs").write_text("999999999\n")
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange/file").touch()
    (tmp_path / "empty").mkdir()
    group.end([str(tmp_path / name) for name in ("missing", "kept", "strange", "empty")])
    assert sorted(os.listdir(tmp_path)) == ["kept", "strange"]


def test_what_is_gone_or_empty_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr("axio_tools_local.confine.group.time.sleep", pytest.fail)
    group.end([str(tmp_path / "missing"), str(tmp_path / "empty")])
    assert os.listdir(tmp_path) == []


def test_a_group_that_cannot_be_made_leaves_none_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    wanted = [
        (str(tmp_path / "first"), [("optional", "1", False)]),
        (str(tmp_path / "second"), [("memory.max", "1", True)]),
    ]
    with pytest.raises(OSError, match="No such file"):
        group.make(wanted, "axio-1")
    assert os.listdir(tmp_path / "first") == os.listdir(tmp_path / "second") == []
    assert group.make(wanted[:1], "axio-2") == [str(tmp_path / "first/axio-2")]


# ── version 2 ─────────────────────────────────────────────────────────────────────────────────


class Version2:
    """The files of version 2, as a machine with it has them; the kernel behind them is missing."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.taken = "user/app"
        """The only group in which others can be made."""
        self.entered: list[str] = []
        for folder in ("", "user", "user/app", "user/app/own"):
            (root / folder).mkdir(exist_ok=True)
            (root / folder / "cgroup.subtree_control").touch()
        monkeypatch.setattr(cgroup, "_ROOT", str(root))
        monkeypatch.setattr(cgroup, "_own_group", lambda controller: "/user/app/own")
        mkdir, rmdir = os.mkdir, os.rmdir

        def make(path: str) -> None:
            mkdir(path)
            if os.path.dirname(path) == str(root / self.taken):
                for file in V2_FILES:
                    Path(path, file).touch()

        def remove(path: str) -> None:
            for file in os.listdir(path):
                os.unlink(f"{path}/{file}")
            rmdir(path)

        def enter(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
            self.entered.append(command[-1])
            return subprocess.CompletedProcess(command, 0)

        monkeypatch.setattr("axio_tools_local.confine.group.os.mkdir", make)
        monkeypatch.setattr("axio_tools_local.confine.group.os.rmdir", remove)
        monkeypatch.setattr("axio_tools_local.cgroup.subprocess.run", enter)


@pytest.fixture
def version_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Version2:
    return Version2(tmp_path, monkeypatch)


def test_in_version_2_one_group_holds_to_all_limits(version_2: Version2) -> None:
    ((parent, settings),) = cgroup.places({"memory": 1 << 30, "pids": 7})
    assert parent == str(version_2.root / "user/app"), "the nearest that takes one"
    assert settings == [
        ("memory.max", str(1 << 30), True),
        ("memory.swap.max", "0", False),
        ("memory.oom.group", "1", False),
        ("pids.max", "7", True),
    ]
    assert (version_2.root / "user/app/cgroup.subtree_control").read_text() == "+memory +pids"
    (trial,) = version_2.entered
    assert os.path.dirname(trial) == parent and not os.path.exists(trial)
    (made,) = group.make([(parent, settings)], "axio-1")
    assert [Path(made, file).read_text() for file in V2_FILES[:4]] == ["7", str(1 << 30), "0", "1"]


def test_what_was_found_out_is_not_asked_again(version_2: Version2) -> None:
    cgroup.places({"memory": 1 << 30})
    cgroup.places({"memory": 1 << 20})
    assert len(version_2.entered) == 1


def test_where_version_2_takes_no_group_the_limit_is_refused(version_2: Version2) -> None:
    version_2.taken = "elsewhere"
    with pytest.raises(SandboxUnavailable, match="memory_bytes cannot be held to"):
        cgroup.places({"memory": 1 << 30})
    assert version_2.entered == []
    assert [name for name in os.listdir(version_2.root / "user/app") if "axio" in name] == []


def test_in_version_1_each_limit_has_a_group_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroup, "_ROOT", str(tmp_path))
    monkeypatch.setattr(cgroup, "_own_group", lambda controller: f"/of/{controller}")
    monkeypatch.setattr(cgroup, "_takes", lambda place: "memory.max" not in str(place))
    (tmp_path / "memory/of/memory").mkdir(parents=True)
    (tmp_path / "pids").mkdir()
    assert cgroup.places({"memory": 1000, "pids": 7}) == [
        (
            str(tmp_path / "memory/of/memory"),
            [
                ("memory.limit_in_bytes", "1000", True),
                ("memory.memsw.limit_in_bytes", "1000", False),
            ],
        ),
        (str(tmp_path / "pids"), [("pids.max", "7", True)]),
    ]


def test_without_limits_no_group_is_made() -> None:
    assert cgroup.places({}) == []


def test_the_own_group_is_read_from_the_kernel() -> None:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        assert cgroup._own_group(names.split(",")[0]) == path
    assert cgroup._own_group("no such controller") == "/"
