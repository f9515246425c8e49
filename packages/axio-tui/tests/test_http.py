"""The command and a server that speaks Chat Completions: answers, and everything else it may do."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from support.threaded import Handler, ThreadedServer

KEY = "sk-test-0123456789"
Answer = tuple[int, str, str]  # status, content type, body


class Server(ThreadedServer):
    """Answers POST with `answer(request)` and GET with the list `models`."""

    answer: Callable[[dict[str, Any]], Answer]
    models: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__(Answering)
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"{super().url}/v1"


class Answering(Handler):
    server: Server

    def do_POST(self) -> None:
        self.server.headers.append(dict(self.headers))
        self.server.requests.append(json.loads(self.body()))
        status, content_type, body = self.server.answer(self.server.requests[-1])
        self.reply(body, status, content_type)

    def do_GET(self) -> None:
        if self.server.models:
            self.reply_models(*self.server.models)
        else:
            self.reply("nothing here", 404, "text/plain")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def ask(axio: Any, server: Server) -> Any:
    """Run the command with a key against the server."""
    axio.environment |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.url}
    return lambda *args, **options: axio("run", "--tools", "acme_look", *args, **options)


def stream(*chunks: dict[str, Any], finish: str = "stop") -> Answer:
    chunks = (*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    lines = [json.dumps(chunk) for chunk in (*chunks, {"choices": [], "usage": usage})]
    body = "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"])
    return 200, "text/event-stream", body


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields}]}


def call(name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return delta(tool_calls=[{"index": 0, "id": "1", "type": "function", "function": function}])


def test_a_key_in_the_environment_chooses_the_transport_and_says_so(
    ask: Any, server: Server
) -> None:
    server.answer = lambda request: stream(delta(content="Hi."))
    done = ask("hello")
    assert done.code == 0 and done.out.startswith("Hi.\n-- 7 tokens in, 3 out, ")
    assert "openai" in done.line and "OPENAI_API_KEY is set" in done.line
    assert "axio models lists others" in done.line
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert [message["role"] for message in server.requests[0]["messages"]] == ["system", "user"]


def test_a_tool_is_called_and_its_result_goes_back(ask: Any, server: Server) -> None:
    def answer(request: dict[str, Any]) -> Answer:
        if request["messages"][-1]["role"] == "tool":
            return stream(delta(content="I saw it."))
        return stream(call("acme_look", "{}"), finish="tool_calls")

    server.answer = answer
    done = ask("look", "--transport", "openai", "--model", "some-model")
    assert done.code == 0 and not done.err
    assert done.out.splitlines()[:4] == ["-> acme_look()", "  | one", "  | two", "I saw it."]
    assert "-- 14 tokens in, 6 out, 1 call, " in done.out
    assert server.requests[0]["model"] == "some-model"
    assert server.requests[1]["messages"][-1]["content"] == "one\n\x1b[2Jtwo"


def fails(done: Any, server: Server, *words: str) -> None:
    assert done.code == 1
    assert "Traceback" not in done.err
    for word in (*words, server.url):
        assert word in done.line, done.line


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, {"error": {"message": "Incorrect API key provided"}}, "Incorrect API key provided"),
        (403, {"detail": "Country not supported"}, "Country not supported"),
        (404, {"error": "unknown path"}, "unknown path"),
        (400, {"error": {"message": "max_tokens\nis too large"}}, "max_tokens is too large"),
    ],
)
def test_a_refusal_is_status_address_and_the_servers_words(
    ask: Any, server: Server, status: int, body: Any, words: str
) -> None:
    server.answer = lambda request: (status, "application/json", json.dumps(body))
    fails(ask("hello", "--transport", "openai"), server, str(status), words)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [200, 404, 405])
def test_a_page_for_people_is_no_answer(ask: Any, server: Server, status: int) -> None:
    page = "<!DOCTYPE html>\n<html><head><title>Welcome to nginx</title></head>\n<body>...</html>"
    server.answer = lambda request: (status, "text/html", page)
    done = ask("hello", "--transport", "openai")
    fails(done, server, "Welcome to nginx")
    assert status == 200 or str(status) in done.err


def test_a_server_that_fails_is_asked_again_but_not_for_long(ask: Any, server: Server) -> None:
    server.answer = lambda request: (500, "application/json", '{"error": {"message": "oh"}}')
    fails(ask("hello", "--transport", "openai"), server, "500", "oh")
    assert 1 < len(server.requests) < 6


def test_a_stream_that_stops_in_the_middle_is_a_failure(ask: Any, server: Server) -> None:
    server.answer = lambda request: (
        200, "text/event-stream", f"data: {json.dumps(delta(content='half'))}\n\n",
    )  # fmt: skip
    done = ask("hello", "--transport", "openai")
    fails(done, server)
    assert done.out.startswith("half\n")


def test_a_server_that_is_not_there_is_named(axio: Any, unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}/v1"
    axio.environment |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": url}
    done = axio("run", "--transport", "openai", "hello")
    assert done.code == 1 and url in done.line and "connect" in done.line.lower()


def test_a_server_that_hangs_up_is_named(axio: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            with suppress(OSError):  # the listener is closed
                while True:
                    listener.accept()[0].close()

        threading.Thread(target=hang_up, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        axio.environment |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": url}
        done = axio("run", "--transport", "openai", "hello")
    assert done.code == 1 and url in done.line


def test_a_model_that_is_not_there_lists_those_that_are(ask: Any, server: Server) -> None:
    server.models = ("llama3.2:3b", "qwen2.5:7b")
    message = "model 'llama' not found"
    server.answer = lambda request: (404, "application/json", json.dumps({"error": message}))
    done = ask("hello", "--transport", "openai", "--model", "llama")
    fails(done, server, "404", message, "llama3.2:3b, qwen2.5:7b")


def test_without_a_list_from_the_server_the_known_models_are_listed(
    ask: Any, server: Server
) -> None:
    error = {"error": {"message": "The model does not exist", "code": "model_not_found"}}
    server.answer = lambda request: (404, "application/json", json.dumps(error))
    done = ask("hello", "--transport", "openai", "--model", "gpt-4.1-minni")
    fails(done, server, "only gpt-4.1-mini")


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("openai", "OPENAI_API_KEY"),
        ("openrouter", "OPENROUTER_API_KEY"),
        ("nebius", "NEBIUS_API_KEY"),
    ],
)
@pytest.mark.parametrize("value", [None, "", " "])
def test_a_missing_key_is_named(axio: Any, name: str, variable: str, value: str | None) -> None:
    env = {} if value is None else {variable: value}
    done = axio("run", "--transport", name, "hello", env=env)
    assert done.code == 2 and variable in done.line


def test_a_server_of_ones_own_needs_no_key_but_an_address(axio: Any, server: Server) -> None:
    server.answer = lambda request: stream(delta(content="Hi."))
    for name in ("openai", "openai-custom"):
        args = ("run", "--transport", name, "--model", "m", "--tools", "none", "hello")
        done = axio(*args, env={"OPENAI_BASE_URL": server.url})
        assert done.code == 0 and done.out.startswith("Hi."), done.err
    done = axio("run", "--transport", "openai-custom", "hello")
    assert done.code == 2 and "OPENAI_BASE_URL" in done.line


def test_a_key_never_appears(ask: Any, server: Server) -> None:
    body = json.dumps({"error": {"message": f"Bad key {KEY}, sent as Bearer {KEY}"}})
    server.answer = lambda request: (401, "application/json", body)
    for options in ((), ("--debug",), ("--json",), ("--log-level", "debug")):
        done = ask("hello", "--transport", "openai", *options)
        assert done.code == 1 and KEY not in done.out + done.err


def test_a_proxy_is_not_used_for_this_machine(ask: Any, server: Server) -> None:
    server.answer = lambda request: stream(delta(content="Hi."))
    proxy = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    for no_proxy in ({}, {"no_proxy": "example.com"}, {"NO_PROXY": "example.com"}):
        done = ask("hello", "--transport", "openai", env={**proxy, **no_proxy})
        assert done.code == 0, done.err


def test_a_conversation_goes_on_over_the_same_connection(
    ask: Any, server: Server, terminal: Any
) -> None:
    server.answer = lambda request: stream(delta(content=f"{len(request['messages'])} messages"))
    tty = terminal("run", "--transport", "openai", "--system", "", "--tools", "none")
    for count in (1, 3, 5):
        tty.until("you: ")
        tty.send("go on\n")
        tty.until(f"{count} messages")
    tty.until("you: ")
    tty.send("\x04")
    code, rest = tty.end()
    assert code == 0 and not rest.strip()
