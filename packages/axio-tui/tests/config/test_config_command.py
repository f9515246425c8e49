"""`axio config`, and what `axio run` makes of the configuration, as processes."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

RUN = ("run", "--no-save", "--transport", "prompts", "hello")


def write(axio: Any, text: str | bytes) -> Path:
    folder = Path(axio.home, ".config", "axio")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def saved(axio: Any, *rows: tuple[str, str, str]) -> Path:
    folder = Path(f"{axio.home}-data", "axio-tui")
    folder.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(folder / "axio.db") as db:
        db.execute(
            "CREATE TABLE axio_config (project TEXT, key TEXT, value TEXT, "
            "PRIMARY KEY (project, key))"
        )
        db.executemany("INSERT INTO axio_config VALUES (?, ?, ?)", rows)
    db.close()
    return folder / "axio.db"


def test_it_lists_each_value_with_its_source(axio: Any) -> None:
    path = write(axio, "# mine\nmode = 'plan'\n[keys]\nsteer = 'Ctrl+T'\n")
    saved(axio, ("<global>", "theme", "dark"), (os.path.realpath(axio.home), "mouse", "false"))
    done = axio("config", env={"AXIO_MODEL": "m"})
    lines = {line.split(" = ")[0]: line for line in done.out.splitlines()}
    assert done.code == 0 and not done.err
    assert lines["mode"].endswith(f"# user, {path}:2") and '"plan"' in lines["mode"]
    assert '["ctrl+t"]' in lines["keys.steer"] and f"{path}:4" in lines["keys.steer"]
    assert lines["keys.help"].endswith("# default; full screen: help on the keys here")
    assert lines["model"].endswith("# environment, AXIO_MODEL")
    assert lines["theme"].split() == 'theme = "dark" # database, theme'.split()
    assert lines["mouse"].split()[2:] == "false # database, mouse".split()
    assert "# default; how often" in lines["max_iterations"] and "= 50" in lines["max_iterations"]


def test_a_value_is_set_listed_and_unset(axio: Any) -> None:
    assert axio("config", "path").out == f"{axio.home}/.config/axio/config.toml\n"
    assert axio("config", "set", "max_iterations", "7").code == 0
    assert axio("config", "set", "tools", "read_file, shell").code == 0
    path = Path(axio.home, ".config/axio/config.toml")
    assert path.read_text() == 'max_iterations = 7\ntools = ["read_file", "shell"]\n'
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    assert axio("config", "unset", "tools").code == 0
    assert path.read_text() == "max_iterations = 7\n"
    again = axio("config", "unset", "tools")
    assert again.code == 2 and "tools is not set in" in again.line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("modell", "x"), "there is no setting 'modell'"),
        (("mode", "x"), "mode is one of ask, plan"),
        (("max_iterations", "0"), "max_iterations is a whole number of 1 or more"),
        (("keys.*", "x"), "there is no setting 'keys.*'"),
        (("system", b"\xff"), "system is not UTF-8"),
    ],
)
def test_a_wrong_setting_is_not_written(
    axio: Any, words: tuple[str | bytes, ...], said: str
) -> None:
    done = axio("config", "set", *words)
    assert done.code == 2 and said in done.line
    assert not Path(axio.home, ".config").exists()


def test_setting_a_value_that_another_place_overrides_says_so(axio: Any) -> None:
    done = axio("config", "set", "model", "a", env={"AXIO_MODEL": "b"})
    assert done.code == 0
    assert 'but "b" holds here: environment, AXIO_MODEL' in done.err


def test_a_link_and_comments_and_line_ends_are_kept(axio: Any) -> None:
    path = write(axio, b"\xef\xbb\xbf# mine\r\nmode = 'plan' # why\r\n")
    real = path.with_name("dotfiles.toml")
    path.rename(real)
    path.symlink_to(real)
    assert axio("config", "set", "mode", "ask").code == 0
    assert path.is_symlink()
    assert real.read_bytes() == b'\xef\xbb\xbf# mine\r\nmode = "ask" # why\r\n'


# ── options of a run ──────────────────────────────────────────────────────────────────────────


def answered(done: Any) -> list[Any]:
    """As the model was told: texts, names of tools, system prompt."""
    return list(json.loads(done.out.splitlines()[0]))


def test_a_run_takes_its_options_from_the_configuration(axio: Any) -> None:
    write(axio, "transport = 'prompts'\ntools = ['acme_look']\nsystem = 'Be brief.'\n")
    done = axio("run", "hello")
    assert done.code == 0 and not done.err
    assert answered(done) == [["hello"], ["acme_look"], "Be brief."]
    assert answered(axio("run", "--tools", "none", "hello"))[1] == []
    assert answered(axio("run", "hello", env={"AXIO_SYSTEM": "Sing."}))[2] == "Sing."


def test_an_unknown_key_is_named_and_the_rest_holds(axio: Any) -> None:
    path = write(axio, "moode = 'plan'\nsystem = 'Be brief.'\n")
    done = axio(*RUN)
    assert done.code == 0 and answered(done)[2] == "Be brief."
    assert done.line == f"axio: {path}:1: there is no setting 'moode'; mode is meant?"


def test_a_folder_in_the_place_of_the_file_is_said_and_no_copy_is_claimed(axio: Any) -> None:
    path = write(axio, "")
    path.unlink()
    path.mkdir()
    done = axio(*RUN)
    assert done.code == 0 and "Is a directory" in done.line and "left out" in done.line
    assert "kept as" not in done.line and list(path.parent.glob("*.broken-*")) == []


def test_a_broken_file_is_said_and_kept_and_the_rest_works(axio: Any) -> None:
    path = write(axio, "system = 'Be brief.'\nmode = plan\n")
    saved(axio, ("<global>", "system", "Sing."))
    for _ in range(2):
        done = axio(*RUN)
        assert done.code == 0 and answered(done)[2] == "Sing."
        assert done.line.startswith(f"axio: {path}:2: ")
        assert "it is left out, and kept as config.toml.broken-" in done.line
    (copy,) = path.parent.glob("*.broken-*")
    assert copy.read_bytes() == path.read_bytes()
    (mode,) = [line for line in axio("config").out.splitlines() if line.startswith("mode = ")]
    assert "plan" in mode and f"# user, {path}" in mode
    path.write_text("mode = x\n")
    axio(*RUN)
    assert len(list(path.parent.glob("*.broken-*"))) == 2
    done = axio("config", "set", "mode", "ask")
    assert done.code == 1 and "mend the file first" in done.line
    assert path.read_text() == "mode = x\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"mode = 'ask'\nsystem = '\xff'\n", ":2: no UTF-8"),
        (b"#" * 300_000, " cannot be read: it is larger than 256 KiB"),
        (b"system = " + b"[" * 100_000, "config.toml: "),
    ],
)
def test_a_file_that_is_no_configuration_is_told_in_one_line(
    axio: Any, data: bytes, said: str
) -> None:
    write(axio, data)
    done = axio(*RUN)
    assert done.code == 0 and said in done.line


def test_a_pipe_is_not_waited_for(axio: Any) -> None:
    path = write(axio, "")
    path.unlink()
    os.mkfifo(path)
    done = axio(*RUN)
    assert done.code == 0 and f"{path} cannot be read: no regular file" in done.line


def test_where_it_is_unclear_what_tools_may_do_nothing_runs(axio: Any) -> None:
    path = write(axio, "\nmode = 'paln'\n")
    done = axio(*RUN)
    assert done.code == 2 and not done.out
    assert done.line.startswith(f"axio: error: {path}:2: mode is one of ask, plan, ")


def test_a_broken_database_is_said_and_the_rest_works(axio: Any) -> None:
    path = saved(axio)
    path.write_bytes(b"no database" * 500)
    done = axio(*RUN)
    assert done.code == 0
    assert done.err.splitlines() == [
        f"axio: the settings in {path} cannot be read: file is not a database",
        f"axio: {path}: MCP servers cannot be read: file is not a database",
    ]
    assert axio("config").code == 0


def test_a_home_that_may_not_be_written_is_no_hindrance(axio: Any) -> None:
    path = write(axio, "mode = x\n")
    path.parent.chmod(0o500)
    try:
        done = axio(command=unprivileged(*RUN))
        assert done.code == 0 and done.line.endswith("; it is left out")
        path.write_text("mode = 'ask'\n")
        done = axio(command=unprivileged("config", "set", "mode", "plan"))
        assert done.code == 1 and "Permission denied" in done.line
        assert path.read_text() == "mode = 'ask'\n"
    finally:
        path.parent.chmod(0o700)


def unprivileged(*args: str) -> list[str]:
    """The command without the right to ignore the modes of files, which root has."""
    command = [sys.executable, "-m", "axio_tui", *args]
    if os.geteuid():
        return command
    setpriv = shutil.which("setpriv")
    assert setpriv is not None
    return [setpriv, "--bounding-set=-all", "--inh-caps=-all", *command]


def test_a_full_disk_leaves_the_file_as_it_was(axio: Any) -> None:
    path = write(axio, "mode = 'ask' # mine\n")

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    done = axio("config", "set", "mode", "plan", preexec_fn=full)
    assert done.code == 1 and "error: " in done.line and "Traceback" not in done.err
    assert path.read_text() == "mode = 'ask' # mine\n"
    assert [entry.name for entry in path.parent.iterdir()] == ["config.toml"]
    path.write_text("mode = x\n")
    done = axio(*RUN, preexec_fn=full)
    assert done.code == 0 and done.line.endswith("; it is left out")
    assert [entry.name for entry in path.parent.iterdir()] == ["config.toml"]


def test_a_password_in_an_address_is_not_shown(axio: Any) -> None:
    url = "https://me:s3cret@example.com/v1"
    done = axio("config", "set", "transports.openai.base_url", url)
    assert "https://...@example.com/v1" in done.line and "s3cret" not in done.line
    assert "s3cret" not in axio("config").out


def test_two_at_once_lose_no_setting_of_each_other(axio: Any) -> None:
    urls = ["transports.a.base_url", "transports.b.base_url"]
    names = ["model", "theme", "system", "log_file", *urls]
    started = [axio.start("config", "set", name, "x") for name in names]
    assert [process.wait(60) for process in started] == [0] * len(names)
    text = Path(axio.home, ".config/axio/config.toml").read_text()
    assert text.count("x") == text.count("=") == len(names)
