"""The settings of transports: where each is saved, and that nothing of a secret is elsewhere."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from axio_transport_codex.tokens import default_path
from axio_tui.config import keyring
from axio_tui.config.paths import database_file
from axio_tui.config.saved import SavedSettings, saved_rows, saved_secrets
from axio_tui.config.secrets import Secrets
from axio_tui.sqlite_config import GLOBAL_PROJECT, ProjectConfig

KEY = "sk-test-0123456789-wxyz"
OLD = "sk-old-9876543210-dcba"


class Home:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "data" / "axio-tui" / "axio.db"
        self.secrets_file = folder / "config" / "axio" / "secrets.toml"
        self.rows = ProjectConfig(self.database, GLOBAL_PROJECT)
        self.secrets = Secrets()
        self.saved = SavedSettings(self.rows, self.secrets)

    def holds(self, secret: str) -> list[str]:
        """The names of the files that a secret is in."""
        files = (file for file in self.folder.rglob("*") if file.is_file())
        return sorted(file.name for file in files if secret.encode() in file.read_bytes())


@pytest.fixture
async def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Home]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(keyring, "is_installed", lambda: False)
    home = Home(tmp_path)
    yield home
    await home.rows.close()


async def test_a_secret_goes_to_the_secrets_and_the_rest_to_rows(home: Home) -> None:
    settings = {"api_key": KEY, "base_url": "http://a/v1", "pin": "pin-number-4321"}
    source = await home.saved.replace("acme", settings, secret_names=["pin"])
    assert source == str(home.secrets_file)
    assert await home.saved.of("acme") == settings
    assert await home.rows.all() == {"transport.acme.base_url": "http://a/v1"}
    assert home.holds(KEY) == home.holds("pin-number-4321") == ["secrets.toml"]
    assert home.secrets_file.stat().st_mode & 0o777 == 0o600
    assert KEY not in repr(await home.saved.of("acme"))
    assert saved_rows("acme", home.database) == {"base_url": "http://a/v1"}
    assert saved_secrets("acme", Secrets()) == {"api_key": KEY, "pin": "pin-number-4321"}


async def test_replacing_leaves_nothing_of_before_and_no_other_transport_out(home: Home) -> None:
    await home.saved.replace("acme", {"api_key": OLD, "base_url": "http://a", "token": OLD})
    await home.saved.replace("acme.two", {"base_url": "http://two"})
    await home.saved.replace("acme_x", {"base_url": "http://x", "api_key": "key-of-acme-x"})
    await home.saved.replace("acme", {"api_key": KEY, "wire": "chat"})
    assert await home.saved.of("acme") == {"api_key": KEY, "wire": "chat"}
    assert await home.saved.of("acme.two") == {"base_url": "http://two"}
    assert await home.saved.of("acme_x") == {"base_url": "http://x", "api_key": "key-of-acme-x"}
    assert home.holds(OLD) == []
    await home.saved.replace("acme", {})
    assert await home.saved.of("acme") == {} and home.holds(KEY) == []


async def test_secrets_of_an_older_program_leave_the_database_on_save(home: Home) -> None:
    for name in ("acme", "other"):
        await home.rows.set(f"transport.{name}.api_key", f"{OLD}-{name}")
        await home.rows.set(f"transport.{name}.refresh_token", f"token-{OLD}-{name}")
        await home.rows.set(f"transport.{name}.base_url", "http://old")
    assert (await home.saved.of("acme"))["refresh_token"] == f"token-{OLD}-acme"
    await home.saved.replace("acme", {"api_key": KEY})
    await home.rows.close()
    assert home.holds(OLD) == ["secrets.toml"], "of the other, which nobody has changed"
    assert home.holds(f"{OLD}-acme") == [], "also not behind what was deleted"
    assert await home.saved.of("acme") == {"api_key": KEY}
    assert await home.saved.of("other") == {
        "api_key": f"{OLD}-other",
        "refresh_token": f"token-{OLD}-other",
        "base_url": "http://old",
    }


async def test_a_sign_in_is_kept_where_all_programs_of_the_person_renew_it(home: Home) -> None:
    tokens = {"api_key": KEY, "refresh_token": OLD, "expires_at": "4102444800", "account_id": "me"}
    await home.rows.set("transport.codex.refresh_token", "token-of-before")
    await home.rows.set("transport.codex.account_id", "another")
    source = await home.saved.replace("codex", {**tokens, "base_url": "http://c"})
    assert source == str(default_path())
    assert json.loads(default_path().read_text()) == tokens
    assert default_path().stat().st_mode & 0o777 == 0o600
    assert await home.saved.of("codex") == {**tokens, "base_url": "http://c"}
    assert await home.rows.all() == {"transport.codex.base_url": "http://c"}
    await home.saved.replace("codex", {})
    assert await home.saved.of("codex") == {} and not default_path().exists()
    await home.rows.close()
    assert home.holds("token-of-before") == home.holds(KEY) == []


async def test_a_broken_file_of_secrets_stops_the_saving_before_anything_is_changed(
    home: Home,
) -> None:
    home.secrets_file.parent.mkdir(parents=True)
    home.secrets_file.write_text("[acme\n")
    with pytest.raises(ValueError, match="mend or remove it first"):
        await home.saved.replace("acme", {"api_key": KEY, "base_url": "http://a"})
    assert await home.rows.all() == {} and home.secrets_file.read_text() == "[acme\n"


async def test_the_rows_of_one_server_are_deleted_without_those_that_look_like_them(
    home: Home,
) -> None:
    others = {"mcp.myXsrv.url": "b", "mcp.MY_SRV.url": "c", "mcp.my_srv2.url": "d"}
    for key, value in {"mcp.my_srv.url": "a", "mcp.my_srv.env": "{}", **others}.items():
        await home.rows.set(key, value)
    await home.rows.delete_prefix("mcp.my_srv.")
    assert await home.rows.all() == others
    with sqlite3.connect(home.database) as db:
        assert db.execute("SELECT count(*) FROM axio_config").fetchone() == (3,)
    db.close()


def test_a_data_folder_that_cannot_be_looked_into_holds_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of another user; a name that is too long stands for it, since root may look."""
    monkeypatch.setenv("XDG_DATA_HOME", str(home.folder / ("x" * 300)))
    secrets = Secrets()
    assert saved_rows("acme", database_file()) == saved_secrets("acme", secrets) == {}
    secrets.keep("acme", KEY)
    assert saved_secrets("acme", secrets) == {"api_key": KEY}
