"""The command and a real llama.cpp server."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from axio_tui.servers import Server, find_servers


async def test_its_list_of_models_is_understood(llama_natural: Any) -> None:
    [found] = await find_servers(
        [Server("llama.cpp", "llama.cpp", urlsplit(llama_natural.url).port)]
    )
    assert len(found.models) == 1


def test_it_answers_with_text_tokens_and_an_end(axio: Any, llama_natural: Any) -> None:
    done = axio(
        "run", "--transport", "openai-custom", "--tools", "none", "--json", "--system", "",
        "--model", llama_natural.model, "Say hello.",
        env={"OPENAI_BASE_URL": f"{llama_natural.url}/v1"},
    )  # fmt: skip
    assert done.code == 0 and not done.err, done.err
    events = [json.loads(line) for line in done.out.splitlines()]
    assert "".join(e["delta"] for e in events if e["type"] == "text_delta").strip()
    assert events[-1]["type"] == "session_end" and events[-1]["stop_reason"] == "end_turn"
    assert events[-1]["total_usage"]["output_tokens"] > 0


@pytest.mark.timeout(300)
def test_a_conversation_in_lines_is_gone_on_with(terminal: Any, llama_natural: Any) -> None:
    args = (
        "--plain", "--transport", "openai-custom", "--tools", "none", "--system", "",
        "--model", llama_natural.model,
    )  # fmt: skip
    env = {"OPENAI_BASE_URL": f"{llama_natural.url}/v1"}
    tty = terminal(*args, env=env)
    for prompt in ("Say hello.", "Say it again."):
        tty.until("you: ", 60)
        tty.send(f"{prompt}\n")
        tty.until("axio: ", 120)
        tty.until(" tokens in", 120)
    tty.until("you: ", 60)
    tty.send("exit\n")
    assert tty.end(60)[0] == 0
    tty = terminal(*args, "-c", env=env)
    assert "you: Say hello.\naxio: " in tty.until("you: Say it again.\naxio: ", 60)
    tty.until("you: ", 60)
    tty.send("/context\n")
    assert "messages" in tty.until("The largest:", 60)
    tty.send("exit\n")
    assert tty.end(60)[0] == 0
