"""The row on `axio --serve`."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from axio_tui.doctor import serving
from axio_tui.doctor.checks import checks
from axio_tui.doctor.findings import Finding
from axio_tui.serve import command


def row(listen: str) -> Finding:
    [finding] = serving.look_at_serving(listen)
    assert finding.name == "browser" and finding.state in ("ok", "warning"), "never needed"
    return finding


def test_a_free_port_is_well_and_stays_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for _ in range(2):
        assert row(f"127.0.0.1:{port}").found == f"axio --serve can listen at 127.0.0.1:{port}"
    assert "browser" in [check.name for check in checks()]


def test_a_port_that_another_has_is_told_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        finding = row(f"127.0.0.1:{server.getsockname()[1]}")
    assert finding.state == "warning" and "in use" in finding.found
    assert "--web-listen localhost:0" in finding.advice


def test_a_package_that_is_missing_is_told_with_how_it_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(command._NEEDED, "no_such_module", "no-such-package")
    finding = row("127.0.0.1:0")
    assert finding.state == "warning" and "pip install no-such-package" in finding.found


def test_a_machine_without_terminals_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> tuple[int, int]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "openpty", none_left)
    finding = row("127.0.0.1:0")
    assert finding.state == "warning" and "no terminal can be made" in finding.found
