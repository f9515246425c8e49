"""Which transport is taken when none was named, and how one is named."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from axio.plugins import TRANSPORT_GROUP, Installed
from axio_transport_codex import CodexTransport
from axio_transport_codex.tokens import TokenFile, default_path
from axio_tui.choose import KEYS, Choice, available, choose, choose_named
from axio_tui.connect import connect
from axio_tui.errors import CommandError, WrongUse
from axio_tui.servers import SERVERS, RunningServer, Server

EVERYTHING = ("anthropic", "local", "nebius", "openai", "openai-custom", "openrouter")


class Parts(Installed):
    """As if these transports were installed."""

    def __init__(self, *transports: str) -> None:
        super().__init__()
        self._transports = transports

    def names(self, group: str) -> list[str]:
        assert group == TRANSPORT_GROUP
        return sorted(self._transports)


class Find:
    """Finds the servers of these names, and remembers that it was asked."""

    def __init__(self, *running: str) -> None:
        self.running = running
        self.asked = False

    async def __call__(self, servers: Sequence[Server]) -> list[RunningServer]:
        self.asked = True
        return [RunningServer(s, ("one", "two")) for s in servers if s.name in self.running]


@pytest.mark.parametrize("name", KEYS)
async def test_a_key_in_the_environment_decides_without_asking_around(name: str) -> None:
    find = Find("ollama")
    choice = await choose({KEYS[name]: "sk-x"}, Parts(*EVERYTHING), find)
    assert choice.transport == name and KEYS[name] in choice.reason
    assert not find.asked


async def test_of_several_keys_the_first_in_the_documented_order_counts() -> None:
    environment = dict.fromkeys(reversed(KEYS.values()), "sk-x")
    for name, variable in KEYS.items():
        assert (await choose(environment, Parts(*EVERYTHING), Find())).transport == name
        del environment[variable]
    assert list(KEYS) == ["anthropic", "openai", "openrouter", "nebius"]


@pytest.mark.parametrize("value", ["", "  "])
async def test_an_empty_key_is_none(value: str) -> None:
    choice = await choose({"OPENAI_API_KEY": value}, Parts(*EVERYTHING), Find())
    assert choice.transport == "local"


async def test_a_key_whose_transport_is_not_installed_is_passed_over() -> None:
    environment = {"ANTHROPIC_API_KEY": "sk-x", "OPENAI_API_KEY": "sk-y"}
    assert (await choose(environment, Parts("openai", "local"), Find())).transport == "openai"


async def test_without_a_key_a_server_on_this_machine_is_taken() -> None:
    choice = await choose({}, Parts(*EVERYTHING), Find("vllm", "lm-studio"))
    assert choice.transport == "openai-custom"
    assert "LM Studio" in choice.title and "127.0.0.1:1234" in choice.title
    assert choice.settings["base_url"] == "http://127.0.0.1:1234/v1"
    assert choice.settings["model"] == "one" and choice.models == ("one", "two")


async def test_a_key_for_somewhere_else_is_never_sent_to_a_server_here() -> None:
    choice = await choose_named("ollama", Parts(*EVERYTHING), Find("ollama"))
    assert choice.settings["api_key"] == ""


async def test_without_the_transport_for_servers_none_is_asked() -> None:
    find = Find("ollama")
    assert (await choose({}, Parts("local"), find)).transport == "local"
    assert not find.asked


async def test_the_last_resort_is_the_offline_model() -> None:
    choice = await choose({}, Parts(*EVERYTHING), Find())
    assert choice.transport == "local" and "no key" in choice.reason


async def test_the_offline_model_says_how_to_use_the_base_url_that_it_passes_over() -> None:
    environment = {"OPENAI_BASE_URL": "http://127.0.0.1:9000/v1"}
    choice = await choose(environment, Parts(*EVERYTHING), Find())
    assert choice.transport == "local" and "--transport openai-custom" in choice.reason
    choice = await choose(environment, Parts("local"), Find())
    assert "openai-custom" not in choice.reason


async def test_when_there_is_nothing_it_says_what_to_do() -> None:
    with pytest.raises(CommandError, match=r"axio-transport-local.*ANTHROPIC_API_KEY"):
        await choose({}, Parts("openai", "openai-custom"), Find())


async def test_a_name_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(WrongUse, match=r"'opnai'; there is: anthropic, llama.cpp, .*openai, "):
        await choose_named("opnai", Parts(*EVERYTHING), Find())
    with pytest.raises(WrongUse, match="install one"):
        await choose_named("openai", Parts(), Find())


async def test_a_server_can_be_named_and_says_when_it_does_not_run() -> None:
    assert (await choose_named("vllm", Parts(*EVERYTHING), Find("vllm"))).models
    with pytest.raises(CommandError, match=r"Ollama .*http://127.0.0.1:11434/v1"):
        await choose_named("ollama", Parts(*EVERYTHING), Find())


async def test_an_installed_transport_wins_over_a_server_of_the_same_name() -> None:
    choice = await choose_named("ollama", Parts("ollama", "openai-custom"), Find("ollama"))
    assert choice.transport == "ollama" and not choice.settings


def test_servers_are_offered_where_they_can_be_used() -> None:
    assert "ollama" in available(Parts(*EVERYTHING))
    assert available(Parts("local", "openai")) == ["local", "openai"]


class Ollama:
    """A model server with two models that answers every chat with its model's name."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head)
        rows = [{"id": "llama3.2:3b"}, {"id": "qwen2.5"}]
        kind, body = "application/json", json.dumps({"object": "list", "data": rows})
        if head.startswith(b"POST"):
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            model = json.loads(await reader.readexactly(length))["model"]
            chunk = {"choices": [{"delta": {"content": f"I am {model}."}, "finish_reason": "stop"}]}
            kind, body = "text/event-stream", f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode()
        writer.write(head + body.encode())
        writer.close()


@pytest.fixture
async def ollama(axio: Any) -> Any:
    """The command with a running Ollama, at a port of its own for the time of the test."""
    fake = Ollama()
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def run(*args: str, **env: str) -> Any:
        program = (
            "import sys, axio_tui.choose as c; from axio_tui.servers import Server; "
            f"c.SERVERS = (Server('ollama', 'Ollama', {port}),); "
            "from axio_tui.__main__ import main; sys.exit(main(sys.argv[1:]))"
        )
        command = [sys.executable, "-c", program, "run", "--tools", "none", *args]
        return await asyncio.to_thread(axio, command=command, env=env)

    run.requests = fake.requests  # type: ignore[attr-defined]
    yield run
    server.close()
    await server.wait_closed()


async def test_a_running_server_is_found_and_used(ollama: Any) -> None:
    done = await ollama("hi", HTTP_PROXY="http://127.0.0.1:9", http_proxy="http://127.0.0.1:9")
    assert done.code == 0 and done.out.startswith("I am llama3.2:3b.\n"), done.err
    assert "using Ollama at http://127.0.0.1:" in done.line and "llama3.2:3b" in done.line
    assert len(done.line) < 160 and "axio models" in done.line


async def test_its_models_can_be_chosen_and_no_others(ollama: Any) -> None:
    assert (await ollama("--model", "qwen2.5", "hi")).out.startswith("I am qwen2.5.\n")
    done = await ollama("--model", "qwen", "hi")
    assert done.code == 2 and "no model 'qwen'; it has: qwen2.5, llama3.2:3b" in done.line


async def test_it_never_sees_a_key(ollama: Any) -> None:
    done = await ollama("--transport", "ollama", "hi", OPENAI_API_KEY="sk-secret-123")
    assert done.code == 0 and not done.err
    assert not any(b"sk-secret" in head for head in ollama.requests)


def test_the_documented_servers_are_asked() -> None:
    assert [server.title for server in SERVERS] == ["Ollama", "llama.cpp", "LM Studio", "vLLM"]


def test_an_account_that_is_not_signed_in_is_told_how_before_anything_is_asked(axio: Any) -> None:
    done = axio("run", "--transport", "codex", "--tools", "none", "hello")
    assert done.code == 2
    assert done.line.endswith("not signed in: run python -m axio_transport_codex login")


async def test_an_account_that_is_signed_in_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    TokenFile(default_path()).save({"api_key": "from-the-file", "refresh_token": "r"})
    choice = Choice(name="codex", transport="codex", title="Codex", reason="")
    async with connect(choice, None, Installed()) as transport:
        assert isinstance(transport, CodexTransport)
        assert transport.api_key == "from-the-file"
