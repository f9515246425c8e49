"""`make install`, as far as it can be seen without installing everything again."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from support.workspace import ROOT


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    return importlib.import_module("install")


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            "WARNING: Retrying (Retry(total=1)) after connection broken by 'NewConnectionError(...:"
            " [Errno -3] Temporary failure in name resolution')': /simple/uv/\n"
            "ERROR: Could not find a version that satisfies the requirement uv (from versions:"
            " none)\nERROR: No matching distribution found for uv",
            "[Errno -3] Temporary failure in name resolution",
        ),
        (
            "  error: subprocess-exited-with-error\n  WARNING: Retrying after connection broken by"
            " 'SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate"
            " verify failed: unable to get local issuer certificate (_ssl.c:992)'))': /simple/",
            "certificate verify failed: unable to get local issuer certificate",
        ),
        (
            "error: Request failed after 3 retries\n  Caused by: error sending request\n"
            "  Caused by: invalid peer certificate: UnknownIssuer",
            "invalid peer certificate: UnknownIssuer",
        ),
        (
            "error: subprocess-exited-with-error\nERROR: No matching distribution found for x",
            "No matching distribution found for x",
        ),
        ("  × No solution found when resolving dependencies:\n  ╰─▶ Because", "No solution found"),
        ("error: Failed to build `axio`\n  cause: README.md is missing", "README.md is missing"),
        ("something unheard of", "something unheard of"),
        ("", "it said nothing"),
    ],
)
def test_a_failure_is_told_in_one_line_by_its_cause(
    script: ModuleType, output: str, reason: str
) -> None:
    told = script.why(output)
    assert reason in told
    assert "\n" not in told


def test_a_library_is_provided_under_the_name_that_is_asked_for(
    script: ModuleType, tmp_path: Path
) -> None:
    environment = tmp_path / "venv"
    packages = environment / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    libraries = tmp_path / "unpacked" / "pykdtree.libs"
    libraries.mkdir(parents=True)
    content = b"\x7fELF ... libgomp-870cb1d0.so.1.0.0\0 ..."
    (libraries / "libgomp-870cb1d0.so.1.0.0").write_bytes(content)

    script.openmp.provide(libraries.parent, environment)

    provided = (environment / "lib" / "libgomp.so.1").read_bytes()
    assert len(provided) == len(content)
    assert b" libgomp.so.1\0" in provided
    assert b"870cb1d0" not in provided
    assert str(environment / "lib" / "libgomp.so.1") in (packages / "openmp.pth").read_text()


def test_without_a_network_the_last_line_says_what_failed(tmp_path: Path) -> None:
    """Every request goes to a closed port of this machine, for uv and for pip."""
    environment = {
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        **dict.fromkeys(("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"), "http://127.0.0.1:9"),
    }
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "install.py", tmp_path / "venv"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("install: the packages cannot be installed: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_make_hands_the_prompt_over_word_for_word(tmp_path: Path) -> None:
    """A stand-in for `axio` says what it was given; make and the shell must not touch it."""
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "axio").write_text('#!/bin/sh\nprintf "[%s]" "$@"\n')
    (venv / "bin" / "axio").chmod(0o755)
    prompt = "a \"b\" 'c' $HOME $$ $(shell touch evil) `id` ; echo # \\n é -x %s  two\nlines"
    command = ["make", "-s", "-C", str(ROOT), "-o", f"{venv}/.installed", f"VENV={venv}", "run"]
    (venv / ".installed").touch()
    done = subprocess.run([*command, f"PROMPT={prompt}"], capture_output=True, text=True)
    assert done.stdout == f"[run][--][{prompt}]", done.stderr
    nothing = subprocess.DEVNULL
    done = subprocess.run(command, stdin=nothing, capture_output=True, text=True)
    assert done.stdout == "[run]", done.stderr  # which says what it needs


def test_make_run_on_a_terminal_opens_the_full_screen(tmp_path: Path) -> None:
    """A stand-in for `axio` says that it was given nothing."""
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "axio").write_text('#!/bin/sh\nprintf "%s arguments\\n" $#\n')
    (venv / "bin" / "axio").chmod(0o755)
    (venv / ".installed").touch()
    command = ["make", "-s", "-C", str(ROOT), "-o", f"{venv}/.installed", f"VENV={venv}", "run"]
    ours, its = os.openpty()
    try:
        done = subprocess.run(command, stdin=its, stdout=subprocess.PIPE, stderr=its, text=True)
        assert done.stdout == "0 arguments\n"
    finally:
        os.close(ours)
        os.close(its)
