"""The configuration, keys and trust: each problem with its place, each key with its source."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest

from axio_tui.chat.trust import Trust, look_at
from axio_tui.config import keyring
from axio_tui.doctor.settings import (
    look_at_config,
    look_at_keyring,
    look_at_keys,
    look_at_trust,
)

SECRET = "sk-test-0123456789-wxyz"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.endswith("_API_KEY")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config" / "axio").mkdir(parents=True, mode=0o700)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def config(home: Path, text: str) -> Path:
    path = home / "config" / "axio" / "config.toml"
    path.write_text(text)
    return path


def test_a_broken_file_is_told_with_its_line_and_no_copy_is_made(home: Path) -> None:
    path = config(home, 'model = "x"\nui = plain"\n')
    [finding] = look_at_config()
    assert finding.state == "warning" and finding.found.startswith(f"{path}:2: ")
    assert os.listdir(path.parent) == ["config.toml"]


def test_a_wrong_limit_is_broken_and_an_unknown_name_is_not(home: Path) -> None:
    path = config(home, 'mode = "loose"\nmodell = "x"\n')
    findings = sorted(look_at_config(), key=lambda one: one.found)
    assert [one.state for one in findings] == ["broken", "warning"]
    assert findings[0].found.startswith(f"{path}:1: mode is one of ask")
    assert findings[1].found.startswith(f"{path}:2: there is no setting 'modell'; model is meant")


def test_the_file_of_a_folder_counts_once_the_folder_is_trusted(home: Path) -> None:
    path = home / "config" / "axio" / "config.toml"
    Path(".axio").mkdir()
    Path(".axio/config.toml").write_text('modell = "x"\n')
    assert [one.found for one in look_at_config()] == [f"{path} is not there"]
    brought = look_at(Path.cwd().resolve())
    assert brought is not None
    Trust().keep(brought, True)
    [finding] = look_at_config()
    assert finding.state == "warning" and "there is no setting 'modell'" in finding.found


def test_a_value_that_looks_like_a_key_is_not_shown(home: Path) -> None:
    config(home, f'mode = "{SECRET}"\ntools = {{ a = "{SECRET}" }}\n')
    told = [one.found for one in look_at_config()]
    assert len(told) == 2 and not any(SECRET in words for words in told)


def test_each_key_has_its_source(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    secrets = home / "config" / "axio" / "secrets.toml"
    secrets.write_text(f'[anthropic]\napi_key = "{SECRET}"\n[nebius]\nkeyring = true\n')
    secrets.chmod(0o600)
    database = home / "data" / "axio-tui" / "axio.db"
    database.parent.mkdir(parents=True)
    db = sqlite3.connect(database)
    with db:
        db.execute("CREATE TABLE axio_config (project, key, value, PRIMARY KEY (project, key))")
        row = ("<global>", "transport.openrouter.api_key", SECRET)
        db.execute("INSERT INTO axio_config VALUES (?, ?, ?)", row)
    db.close()
    told = {one.name: one.found for one in look_at_keys()}
    assert told["key of openai"] == "in OPENAI_API_KEY"
    assert told["key of anthropic"] == f"in {secrets}"
    assert told["key of nebius"] == "in the keyring"
    assert told["key of openrouter"] == "in the database"
    assert not any(SECRET in words for words in told.values())


def test_without_a_key_one_line_says_how_to_keep_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {one.name: one.advice for one in look_at_keys()}
    assert told["keys"] == "axio config set-key PROVIDER keeps one"
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    told = {one.name: one.advice for one in look_at_keys()}
    assert "key of openai" in told and "keys" not in told


def test_secrets_that_others_may_read_or_that_are_broken_are_told(home: Path) -> None:
    secrets = home / "config" / "axio" / "secrets.toml"
    secrets.write_text(f'[anthropic]\napi_key = "{SECRET}\n')
    secrets.chmod(0o644)
    told = " ".join(one.found for one in look_at_keys() if one.state == "warning")
    assert "may be read by others" in told and "no TOML, line 2" in told and SECRET not in told


KEYRINGS = {
    "gives": (f"def get_password(*place): return {SECRET!r}", "ok"),
    "locked": ("def get_password(*place): raise RuntimeError('it is locked')", "broken"),
    "empty": ("def get_password(*place): return None", "broken"),
    "crashing": ("import os\nos._exit(1)", "broken"),
}


@pytest.mark.parametrize("kind", KEYRINGS)
def test_a_keyring_that_is_used_has_to_answer(
    home: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    module, state = KEYRINGS[kind]
    (home / "keyring.py").write_text(module)
    monkeypatch.setenv("PYTHONPATH", str(home))
    monkeypatch.setattr(keyring, "is_installed", lambda: True)
    monkeypatch.setattr(keyring, "PATIENCE", 40.0)
    [unused] = look_at_keyring()
    assert unused.state == "ok"
    secrets = home / "config" / "axio" / "secrets.toml"
    secrets.write_text("[nebius]\nkeyring = true\n")
    secrets.chmod(0o600)
    [finding] = look_at_keyring()
    assert (finding.state, finding.name) == (state, "keyring") and SECRET not in finding.found


def test_a_folder_that_brings_something_is_told_with_its_trust(home: Path) -> None:
    [finding] = look_at_trust()
    assert finding.state == "ok"
    Path("AGENTS.md").write_text("Be brief.")
    Path(".mcp.json").write_text(json.dumps({"mcpServers": {}}))
    [finding] = look_at_trust()
    assert finding.state == "warning" and finding.advice == "axio config trust"
    brought = look_at(Path.cwd().resolve())
    assert brought is not None
    Trust().keep(brought, True)
    [finding] = look_at_trust()
    assert finding.state == "ok" and finding.found.endswith("AGENTS.md, .mcp.json: trusted")
    Path(".mcp.json").write_text(json.dumps({"mcpServers": {"a": {"command": "b"}}}))
    [finding] = look_at_trust()
    assert finding.state == "warning" and "changed" in finding.found
