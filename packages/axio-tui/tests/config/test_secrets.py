"""Keys of providers: where they are kept, in which order they are found, and that nothing shows
them."""

from __future__ import annotations

import contextlib
import os
import resource
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from axio_tui.config import keyring
from axio_tui.config.forms import shown
from axio_tui.config.secrets import Found, Secrets
from axio_tui.config.settings import is_secret
from support.threaded import Handler, ThreadedServer

KEY = "sk-test-0123456789-wxyz"


class Place:
    """A home of its own, with a keyring that a test writes, and all that was said."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said: list[str] = []
        self.home = home
        self.environment = {"XDG_CONFIG_HOME": str(home / "c"), "XDG_DATA_HOME": str(home / "d")}
        self.file = home / "c" / "axio" / "secrets.toml"
        self.database = home / "d" / "axio-tui" / "axio.db"
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(keyring, "is_installed", lambda: (home / "keyring.py").exists())
        monkeypatch.setenv("PYTHONPATH", str(home))
        monkeypatch.setattr(keyring, "PATIENCE", 20.0)

    def secrets(self, **environment: str) -> Secrets:
        return Secrets({**self.environment, **environment}, self.said.append)

    def install(self, module: str) -> None:
        (self.home / "keyring.py").write_text(module)

    def save(self, **rows: str) -> None:
        self.database.parent.mkdir(parents=True)
        with sqlite3.connect(self.database) as db:
            db.execute("CREATE TABLE axio_config (project, key, value, PRIMARY KEY (project, key))")
            for key, value in rows.items():
                row = ("<global>", key.replace("__", "."), value)
                db.execute("INSERT INTO axio_config VALUES (?, ?, ?)", row)
        db.close()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


WORKS = """
import json, pathlib
_PATH = pathlib.Path(__file__).with_name("ring.json")
def _all(): return json.loads(_PATH.read_text()) if _PATH.exists() else {}
def get_password(service, name):
    print("noise on standard output")
    return _all().get(f"{service}/{name}")
def set_password(service, name, value):
    _PATH.write_text(json.dumps({**_all(), f"{service}/{name}": value}))
def delete_password(service, name):
    rest = _all(); del rest[f"{service}/{name}"]; _PATH.write_text(json.dumps(rest))
"""


def value(secrets: Secrets, provider: str = "openai") -> tuple[str, str] | None:
    found = secrets.of(provider).get("api_key")
    return None if found is None else (found.value.reveal(), found.source)


def test_without_a_keyring_a_key_is_kept_in_a_file_of_its_owner(place: Place) -> None:
    secrets = place.secrets()
    assert value(secrets) is None and secrets.sources() == {}
    assert secrets.keep("openai", KEY) == str(place.file)
    assert secrets.keep("llama.cpp", "other") == str(place.file)
    assert place.file.stat().st_mode & 0o777 == 0o600
    assert place.file.parent.stat().st_mode & 0o777 == 0o700
    assert value(place.secrets()) == (KEY, str(place.file))
    assert value(secrets, "llama.cpp") == ("other", str(place.file))
    assert secrets.forget("openai") and not secrets.forget("openai")
    assert value(place.secrets()) is None and not place.said
    assert KEY not in place.file.read_text()


def test_modes_that_were_too_wide_are_made_narrow(place: Place) -> None:
    place.file.parent.mkdir(parents=True)
    place.file.parent.chmod(0o755)
    place.file.write_text("[openai]\napi_key = 'old'\n")
    place.file.chmod(0o644)
    assert value(place.secrets()) == ("old", str(place.file))
    assert place.said == [f"{place.file} may be read by others: chmod 600 it"]
    place.secrets().keep("openai", KEY)
    assert place.file.stat().st_mode & 0o777 == 0o600
    assert place.file.parent.stat().st_mode & 0o777 == 0o700


def test_the_environment_comes_first_then_the_keyring_then_the_file_then_the_database(
    place: Place,
) -> None:
    place.save(transport__openai__api_key="of-database")
    assert value(place.secrets()) == ("of-database", "the database")
    place.file.parent.mkdir(parents=True)
    place.file.write_text("[openai]\napi_key = 'of-file'\n")
    place.file.chmod(0o600)
    assert value(place.secrets()) == ("of-file", str(place.file))
    place.install(WORKS)
    assert place.secrets().keep("openai", "of-keyring") == "the keyring"
    assert value(place.secrets()) == ("of-keyring", "the keyring")
    assert "of-" not in place.file.read_text()
    here = place.secrets(OPENAI_API_KEY=" of-environment\n")
    assert value(here) == ("of-environment", "OPENAI_API_KEY")
    assert here.sources() == {"openai": "OPENAI_API_KEY"}
    assert place.secrets().sources() == {"openai": "the keyring"}
    assert place.secrets().forget("openai")
    assert value(place.secrets()) is None and (place.home / "ring.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("import time\ndef set_password(*_): time.sleep(600)", "it did not answer within 2 s"),
        ("import os\nos.abort()", "it has crashed"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("def set_password(*a): raise RuntimeError(f'locked {a}')", "RuntimeError: locked"),
        ("def set_password(*_): pass\ndef get_password(*_): pass", "it does not give back"),
        ("syntax error", "SyntaxError"),
        ("def set_password(*_): open('/dev/tty')", "OSError"),
    ],
)
def test_a_keyring_that_does_not_work_costs_one_line(
    place: Place, module: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "sleep" in module:
        monkeypatch.setattr(keyring, "PATIENCE", 2.0)
    place.install(module)
    assert place.secrets().keep("openai", KEY) == str(place.file)
    (line,) = place.said
    assert line.startswith(f"the keyring cannot be used: {why}") and KEY not in line
    assert value(place.secrets()) == (KEY, str(place.file))


def test_a_key_that_the_keyring_has_lost_is_said(place: Place) -> None:
    place.install(WORKS)
    place.secrets().keep("openai", KEY)
    (place.home / "ring.json").unlink()
    assert value(place.secrets()) is None
    (place.home / "keyring.py").unlink()
    assert value(place.secrets()) is None
    assert place.said == [
        "the keyring has no key of openai any more",
        "the key of openai is in the keyring, but the package keyring is gone",
    ]


def test_a_key_in_the_keyring_goes_when_settings_without_one_replace_it(place: Place) -> None:
    place.install(WORKS)
    assert place.secrets().replace("openai", {"api_key": KEY}) == "the keyring"
    assert place.secrets().replace("openai", {"api_key": KEY, "token": "t"}) == "the keyring"
    assert value(place.secrets()) == (KEY, "the keyring")
    assert place.secrets().replace("openai", {"token": "t"}) == ""
    assert value(place.secrets()) is None and (place.home / "ring.json").read_text() == "{}"
    assert [*place.secrets().of("openai")] == ["token"] and place.said == []


def test_no_module_of_the_current_folder_is_taken_for_the_keyring(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = tmp_path / "project"
    hostile.mkdir()
    (hostile / "keyring.py").write_text("import pathlib; pathlib.Path('owned').touch()")
    (hostile / "json.py").write_text("import pathlib; pathlib.Path('owned').touch()")
    place.install(WORKS)
    monkeypatch.chdir(hostile)
    assert place.secrets().keep("openai", KEY) == "the keyring"
    assert not (hostile / "owned").exists()


def test_what_lies_in_the_database_moves_when_a_key_is_kept(place: Place) -> None:
    place.save(
        transport__openai__api_key="database-openai-key",
        transport__codex__refresh_token="database-codex-token",
        transport__codex__base_url="https://codex.example",
        model__chat="openai:m",
    )
    place.secrets().keep("nebius", KEY)
    assert place.said == [f"secrets that were in the database are now in {place.file}"]
    with sqlite3.connect(place.database) as db:
        rows = db.execute("SELECT key FROM axio_config ORDER BY key").fetchall()
    db.close()
    assert rows == [("model.chat",), ("transport.codex.base_url",)]
    for file in place.database.parent.iterdir():
        assert b"database-openai-key" not in file.read_bytes()
        assert b"database-codex-token" not in file.read_bytes()
    assert value(place.secrets()) == ("database-openai-key", str(place.file))
    (token,) = place.secrets().of("codex").values()
    assert token.value.reveal() == "database-codex-token"


def test_a_key_that_is_kept_anew_is_not_overwritten_by_the_old_one(place: Place) -> None:
    place.save(transport__openai__api_key="old-key", transport__nebius__api_key="old-nebius")
    place.secrets().keep("openai", KEY)
    assert value(place.secrets()) == (KEY, str(place.file))
    assert place.secrets().forget("nebius") and value(place.secrets(), "nebius") is None


@pytest.mark.parametrize("text", ["[openai\napi_key = 'sk-secret'", "\xff sk-secret", "x = sk-sec"])
def test_a_broken_file_is_said_without_what_is_in_it_and_never_overwritten(
    place: Place, text: str
) -> None:
    place.file.parent.mkdir(parents=True)
    place.file.write_text(text, "latin-1")
    place.file.chmod(0o600)
    assert value(place.secrets()) is None
    (line,) = place.said
    assert line.startswith(f"{place.file} cannot be read: no TOML") and "sk-" not in line
    with pytest.raises(ValueError, match="mend or remove it first"):
        place.secrets().keep("openai", KEY)
    assert place.file.read_text("latin-1") == text


KEEPER = """
import sys
from axio_tui.config.secrets import Secrets
for number in range(10):
    Secrets().keep(f"{sys.argv[1]}{number}", "x")
"""


def test_processes_lose_no_key_of_each_other(place: Place) -> None:
    environment = {**os.environ, **place.environment}
    keepers = [
        subprocess.Popen([sys.executable, "-c", KEEPER, name], env=environment) for name in "abc"
    ]
    try:
        assert [keeper.wait(60) for keeper in keepers] == [0] * 3
    finally:
        for keeper in keepers:
            keeper.kill()
            keeper.wait()
    assert len(place.secrets().sources()) == 30


# ── nothing shows them ────────────────────────────────────────────────────────────────────────


@given(st.text(min_size=1))
def test_no_more_than_the_last_four_characters_is_shown(key: str) -> None:
    told = shown(key)
    assert told == (f"...{key[-4:]}" if len(key) >= 12 else "...")


def test_a_secret_is_in_no_text_made_of_it(place: Place) -> None:
    place.secrets().keep("openai", KEY)
    found = place.secrets().of("openai")
    assert isinstance(found["api_key"], Found)
    texts = [repr(found), str(found), f"{found['api_key'].value}", str(found["api_key"].value)]
    try:
        raise RuntimeError(found["api_key"].value)
    except RuntimeError:
        texts.append(traceback.format_exc())
    assert not any("0123456789" in text for text in texts)


def test_settings_that_are_secret_are_told_by_their_names() -> None:
    for name in ("api_key", "API-KEY", "refresh_token", "client_secret", "password", "tokens"):
        assert is_secret(name)
    for name in ("model", "base_url", "max_tokens_per", "keyring", "monkey_business"):
        assert not is_secret(name)


# ── the command ───────────────────────────────────────────────────────────────────────────────


def test_a_key_from_standard_input_is_kept_and_listed_by_its_end(axio: Any) -> None:
    done = axio("config", "set-key", "openai", input=f"{KEY}\n".encode())
    path = Path(axio.home, ".config/axio/secrets.toml")
    assert done.code == 0 and not done.out
    assert done.line == f"axio: the key of openai (...wxyz) is kept in {path}"
    listed = axio("config")
    (line,) = [line for line in listed.out.splitlines() if line.startswith("key of")]
    assert line.split() == f"key of openai = ...wxyz # {path}".split()
    assert axio("config", "unset-key", "openai").code == 0
    assert "key of" not in axio("config").out
    assert axio("config", "unset-key", "openai").code == 2


def test_a_key_is_typed_unseen(axio: Any, terminal: Any) -> None:
    session = terminal("config", "set-key", "openai")
    session.until("key of openai: ")
    session.send(f"{KEY}\n")
    code, rest = session.end()
    assert code == 0 and "0123456789" not in rest and "(...wxyz) is kept in" in rest
    assert session.has_line_mode()


@pytest.mark.parametrize(
    ("provider", "key", "said"),
    [
        ("opanai", KEY, "no provider 'opanai'; there is: "),
        ("openai", " \n", "that is no key"),
        ("openai", "a\x1b[31m", "that is no key"),
        ("openai", "one\ntwo", "that is no key"),
    ],
)
def test_what_is_no_key_is_not_kept(axio: Any, provider: str, key: str, said: str) -> None:
    done = axio("config", "set-key", provider, input=key.encode())
    assert done.code == 2 and said in done.line
    assert not Path(axio.home, ".config").exists()


def test_a_key_is_never_an_argument_nor_in_the_file_of_settings(axio: Any) -> None:
    assert axio("config", "set-key", "openai", KEY).code == 2
    done = axio("config", "set", "openai.api_key", KEY)
    assert done.code == 2 and "axio config set-key" in done.line and KEY not in done.line


class Server(ThreadedServer):
    """Refuses everything, and repeats the key in its words."""

    def __init__(self) -> None:
        super().__init__(Refusing)
        self.keys: list[str | None] = []


class Refusing(Handler):
    server: Server

    def do_POST(self) -> None:
        self.body()
        self.server.keys.append(self.headers["Authorization"])
        self.reply({"error": f"bad {self.headers['Authorization']}"}, 401)

    do_GET = do_HEAD = lambda self: self.send_error(404)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


def test_a_run_takes_its_key_and_address_from_where_they_are_kept_and_shows_them_nowhere(
    axio: Any, server: Server, tmp_path: Path
) -> None:
    url = f"{server.url}/v1"
    axio("config", "set-key", "openai", input=KEY.encode())
    axio("config", "set", "transports.openai.base_url", url)
    log = tmp_path / "log"
    run = ("run", "--tools", "none", "--debug", "--log-level", "debug", "--log-file", str(log))
    done = axio(*run, "hello")
    path = Path(axio.home, ".config/axio/secrets.toml")
    assert done.code == 1 and f"its key is in {path}" in done.err
    assert server.keys == [f"Bearer {KEY}"]
    assert "0123456789" not in done.err + done.out + log.read_text()
    done = axio(*run, "hello", env={"OPENAI_API_KEY": "sk-of-environment"})
    assert server.keys[1:] == ["Bearer sk-of-environment"]
    axio("config", "set", "transports.openai.base_url", "http://127.0.0.1:9/v1")
    axio(*run, "hello", env={"OPENAI_BASE_URL": url})
    assert server.keys[2:] == [f"Bearer {KEY}"]


def test_a_key_is_not_sent_to_the_server_of_another_transport(axio: Any, server: Server) -> None:
    url = f"{server.url}/v1"
    axio("config", "set-key", "openai", input=KEY.encode())
    axio("config", "set", "transports.openai-custom.base_url", url)
    axio("run", "--tools", "none", "--transport", "openai-custom", "--model", "m", "hello")
    assert server.keys and not any(KEY in (key or "") for key in server.keys)


def test_tools_do_not_get_what_is_kept(axio: Any) -> None:
    axio("config", "set-key", "openai", input=KEY.encode())
    with contextlib.suppress(FileNotFoundError):
        os.remove(Path(axio.home, ".config/axio/config.toml"))
    script = [[["shell", {"command": "env"}]], ["done"]]
    done = axio("run", "--transport", "scripted", "--yes", "env", script=script)
    assert "HOME=" in done.out and "0123456789" not in done.out


def _full() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_on_a_full_disk_no_key_is_lost(axio: Any) -> None:
    axio("config", "set-key", "openai", input=KEY.encode())
    path = Path(axio.home, ".config/axio/secrets.toml")
    before = path.read_text()
    done = axio("config", "set-key", "nebius", input=b"another-key-of-nebius", preexec_fn=_full)
    assert done.code == 1 and done.line.startswith("axio: error: ")
    assert "another-key" not in done.err and "Traceback" not in done.err
    assert path.read_text() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["secrets.toml"]


def test_a_home_that_may_not_be_written_is_said(axio: Any) -> None:
    Path(axio.home, ".config").write_text("in the way")
    done = axio("config", "set-key", "openai", input=KEY.encode())
    assert done.code == 1 and "error: " in done.line and "0123" not in done.err
    assert axio("config").code == 0
    assert axio("run", "--transport", "prompts", "--tools", "none", "hello").code == 0
