"""`axio doctor` in a process of its own: exit codes, JSON, no secret, a model that is asked."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.plugs import put
from support.threaded import Handler, ThreadedServer

DOCTOR = ("doctor", "--limit", "50")

pytestmark = pytest.mark.timeout(180)


def findings(done: Any) -> dict[str, dict[str, str]]:
    return {one["name"]: one for one in json.loads(done.out)["findings"]}


def test_a_new_home_is_well_and_stays_empty(axio: Any) -> None:
    done = axio(*DOCTOR)
    assert done.code == 0, done.out
    lines = done.out.splitlines()
    assert all(line.split()[0] in ("ok", "warning", "broken") for line in lines)
    for name in ("Python", "terminal", "database", "model", "sandbox by", "container engine"):
        assert any(f" {name}" in line for line in lines), name
    assert os.listdir(axio.home) == [] and not Path(f"{axio.home}-data").exists()


def test_what_is_needed_and_broken_is_exit_code_1(axio: Any) -> None:
    folder = axio.home / ".config" / "axio"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "config.toml").write_text('transport = "nowhere"\n')
    done = axio(*DOCTOR, "--json")
    told = json.loads(done.out)
    assert done.code == 1 and told["ok"] is False
    model = findings(done)["model"]
    assert model["state"] == "broken" and "no transport 'nowhere'" in model["found"]


def test_a_folder_that_is_gone_breaks_no_check_but_its_own(axio: Any) -> None:
    (axio.home / "gone").mkdir()
    command = f"cd gone && rmdir ../gone && '{sys.executable}' -m axio_tui doctor --limit 50 --json"
    done = axio(command=["sh", "-c", command])
    told = findings(done)
    assert told["Python"]["state"] == told["disk"]["state"] == "ok"


@pytest.mark.parametrize("limit", ["0", "-1", "x", "601"])
def test_a_limit_is_a_number_of_seconds(axio: Any, limit: str) -> None:
    assert axio("doctor", "--limit", limit).code == 2


def test_a_conversation_has_the_same_report(terminal: Any) -> None:
    window = terminal("--plain", "--transport", "scripted", script=[["Hi."]])
    window.until("you: ")
    window.send("/doctor now\n")
    window.until("/doctor online asks the model as well")
    window.send("/doctor\n")
    for name in ("Python", "terminal", "database", "container engine"):
        window.until(name)


# ── secrets ───────────────────────────────────────────────────────────────────────────────────

PLACES = (
    "environment", "token", "file", "account", "keyring", "database", "header", "bearer",
    "variable", "argument", "query", "password", "proxy", "base", "project", "config", "docker",
)  # fmt: skip
PLANTED = {name: f"zq-{name}-{os.urandom(6).hex()}-Xw7" for name in PLACES}


def plant(axio: Any) -> None:
    """A secret in every place where one may be, and plug-ins and servers that repeat them."""
    config = axio.home / ".config" / "axio"
    config.mkdir(parents=True, mode=0o700)
    (config / "secrets.toml").write_text(
        f'[anthropic]\napi_key = "{PLANTED["file"]}"\n[nebius]\nkeyring = true\n'
        f'[codex]\naccess_token = "{PLANTED["account"]}"\n'
    )
    (config / "secrets.toml").chmod(0o600)
    (config / "config.toml").write_text(
        f'api_key = "{PLANTED["config"]}"\n'
        f'[transports.openai-custom]\nbase_url = "https://u:{PLANTED["base"]}@127.0.0.1:1/v1"\n'
    )
    repeats = "import os, sys; sys.exit(' '.join([*sys.argv, *os.environ.values()]))"
    servers = {
        "local": {
            "command": sys.executable,
            "args": ["-c", repeats, "--token", PLANTED["argument"]],
            "env": {"SERVICE_TOKEN": PLANTED["variable"]},
        },
        "web": {
            "url": f"http://u:{PLANTED['password']}@127.0.0.1:1/mcp?key={PLANTED['query']}",
            "headers": {
                "X-Thing": PLANTED["header"],
                "Authorization": f"Bearer {PLANTED['bearer']}",
            },
        },
    }
    (config / "mcp.json").write_text(json.dumps({"mcpServers": servers}))
    here = {"here": {"command": "true", "env": {"API_KEY": PLANTED["project"]}}}
    (axio.home / ".mcp.json").write_text(json.dumps({"mcpServers": here}))
    data = Path(f"{axio.home}-data") / "axio-tui"
    data.mkdir(parents=True, mode=0o700)
    db = sqlite3.connect(data / "axio.db")
    with db:
        db.execute("CREATE TABLE axio_config (project, key, value, PRIMARY KEY (project, key))")
        row = ("<global>", "transport.openrouter.api_key", PLANTED["database"])
        db.execute("INSERT INTO axio_config VALUES (?, ?, ?)", row)
    db.close()
    parts = axio.home / "parts"
    parts.mkdir()
    (parts / "keyring.py").write_text(
        f"def get_password(*place): raise RuntimeError({PLANTED['keyring']!r}[:3] + 'locked')"
    )
    leak = "import os\nraise RuntimeError(' '.join(os.environ.values()))"
    put(parts, "leaky", {"axio.tools": {"leaky": "leaky:part"}}, {"leaky": leak})
    axio.environment |= {
        "PYTHONPATH": f"{axio.acme}:{parts}",
        "OPENAI_API_KEY": PLANTED["environment"],
        "OPENAI_BASE_URL": f"http://u:{PLANTED['base']}@127.0.0.1:1/v1",
        "SOME_TOKEN": PLANTED["token"],
        "HTTPS_PROXY": f"http://u:{PLANTED['proxy']}@127.0.0.1:1",
        "DOCKER_HOST": f"tcp://u:{PLANTED['docker']}@127.0.0.1:1",
    }


@pytest.mark.parametrize("how", [(), ("--online", "--json")])
def test_no_secret_is_told_wherever_it_is(axio: Any, how: tuple[str, ...]) -> None:
    plant(axio)
    done = axio(*DOCTOR, *how)
    assert "OPENAI_API_KEY" in done.out and "secrets.toml" in done.out and "leaky" in done.out
    for place, secret in PLANTED.items():
        for part in (secret, secret[-8:], secret[:12]):
            assert part not in done.out + done.err, place


# ── the model ─────────────────────────────────────────────────────────────────────────────────


class Provider(Handler):
    """Refuses every request, and repeats its key."""

    asked: list[str]

    def do_POST(self) -> None:
        type(self).asked.append(self.path)
        self.body()
        self.reply({"error": {"message": f"bad key {self.headers['Authorization']}"}}, 401)


@pytest.fixture
def provider(axio: Any) -> Iterator[type[Provider]]:
    handler = type("Handler", (Provider,), {"asked": []})
    with ThreadedServer(handler) as server:
        axio.environment |= {
            "OPENAI_API_KEY": PLANTED["environment"],
            "OPENAI_BASE_URL": f"{server.url}/v1",
        }
        yield handler


def test_the_model_is_asked_only_online_and_its_refusal_is_told(
    axio: Any, provider: type[Provider]
) -> None:
    told = findings(axio(*DOCTOR, "--json"))
    assert told["model"]["state"] == "ok" and "OPENAI_API_KEY is set" in told["model"]["found"]
    assert "--online" in told["model"]["advice"] and provider.asked == []
    done = axio(*DOCTOR, "--json", "--online")
    request = findings(done)["request"]
    assert done.code == 1 and request["state"] == "broken" and "401" in request["found"]
    assert provider.asked and PLANTED["environment"] not in done.out


def test_a_model_that_answers_is_ok(axio: Any) -> None:
    axio.environment["AXIO_TRANSPORT"] = "scripted"
    done = axio(*DOCTOR, "--json", "--online", script=[["ready"]])
    assert findings(done)["request"]["state"] == "ok" and done.code == 0


FIELDED = """
from axio.events import IterationEnd, TextDelta
from axio.types import StopReason, Usage

class Fielded:
    FIELDS = ({"name": "region", "required": True}, {"name": "pin", "kind": "secret"})

    def __init__(self, region, pin, session=None, model=None):
        self.model = model
        if (region, pin) != ("north", "4321"):
            raise ValueError("no such region")

    async def stream(self, messages, tools, system):
        yield TextDelta(0, "ready")
        yield IterationEnd(1, StopReason.end_turn, Usage(1, 1))
"""


def test_a_transport_is_opened_with_all_that_was_saved_for_it(axio: Any) -> None:
    groups = {"axio.transport": {"fielded": "fielded:Fielded"}}
    parts = put(axio.home / "parts", "fielded", groups, {"fielded": FIELDED})
    config = axio.home / ".config" / "axio"
    config.mkdir(parents=True, mode=0o700)
    (config / "secrets.toml").write_text('[fielded]\npin = "4321"\n')
    (config / "secrets.toml").chmod(0o600)
    data = Path(f"{axio.home}-data") / "axio-tui"
    data.mkdir(parents=True, mode=0o700)
    db = sqlite3.connect(data / "axio.db")
    with db:
        db.execute("CREATE TABLE axio_config (project, key, value, PRIMARY KEY (project, key))")
        row = ("<global>", "transport.fielded.region", "north")
        db.execute("INSERT INTO axio_config VALUES (?, ?, ?)", row)
    db.close()
    axio.environment |= {"PYTHONPATH": f"{axio.acme}:{parts}", "AXIO_TRANSPORT": "fielded"}
    told = findings(axio(*DOCTOR, "--json", "--online"))
    assert (told["model"]["state"], told["request"]["state"]) == ("ok", "ok"), told


@pytest.mark.heavy  # it waits for the limit
def test_a_model_that_never_answers_is_broken_at_the_limit(axio: Any) -> None:
    axio.environment["AXIO_TRANSPORT"] = "scripted"
    done = axio("doctor", "--limit", "8", "--json", "--online", script=[[300]])
    request = findings(done).get("request") or findings(done)["model"]
    assert request["state"] in ("broken", "warning") and "within" in request["found"]
