"""`axio run` for scripts: input, formats, limits, answers that fit a schema."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

import pytest

from axio.history import check
from axio.messages import Message

SCRIPTED = ("run", "--transport", "scripted", "--tools", "acme_look")
PROMPTS = ("run", "--transport", "prompts", "--tools", "none", "--system", "")
LOOK = [["acme_look", {}]]


def texts(out: str) -> list[str]:
    told: list[str] = json.loads(out.splitlines()[0])[0]
    return told


# ── the prompt ────────────────────────────────────────────────────────────────────────────────


def test_what_is_piped_in_is_sent_with_the_prompt(axio: Any) -> None:
    done = axio(*PROMPTS, "Review this.", input="+ grüß\n".encode())
    assert texts(done.out) == ["Review this.\n\nStandard input:\n+ grüß\n"]
    shell = f"echo one | '{sys.executable}' -m axio_tui {' '.join(PROMPTS[:-2])} 'Say it.'"
    assert texts(axio(command=["sh", "-c", shell]).out) == ["Say it.\n\nStandard input:\none\n"]


def test_a_mention_in_a_prompt_of_a_script_stays_words(axio: Any) -> None:
    (axio.home / "notes.txt").write_text("what it holds")
    (axio.home / ".env").write_text("KEY=1")
    done = axio(*PROMPTS, "see @notes.txt and @.env")
    assert texts(done.out) == ["see @notes.txt and @.env"] and not done.err
    assert "also an @FILE in it" in " ".join(axio("run", "--help").out.split())


def test_a_file_is_sent_and_an_empty_input_is_not(axio: Any) -> None:
    (axio.home / "diff").write_text("- old\n")
    with open(axio.home / "diff", "rb") as file:
        process = axio.start(*PROMPTS, "Review.", stdin=file)
        out, _ = process.communicate(timeout=60)
    assert texts(out.decode()) == ["Review.\n\nStandard input:\n- old\n"]
    assert texts(axio(*PROMPTS, "Review.", input=b" \n").out) == ["Review."]
    assert texts(axio(*PROMPTS, "Review.", stdin=subprocess.DEVNULL).out) == ["Review."]


def test_an_input_that_comes_late_is_waited_for(axio: Any) -> None:
    slow = "while [ ! -e go ]; do sleep 0.1; done; echo late"
    line = f"({slow}) | '{sys.executable}' -m axio_tui {' '.join(PROMPTS[:-2])} Review."
    process = axio.start(command=["sh", "-c", line])
    assert b"waiting for the end of standard input" in process.stderr.readline()
    (axio.home / "go").touch()
    assert texts(process.stdout.readline().decode()) == ["Review.\n\nStandard input:\nlate\n"]
    assert process.wait(60) == 0


def test_a_pipe_that_is_left_open_and_empty_is_left_out(axio: Any) -> None:
    process = axio.start(*PROMPTS, "Review.", stdin=subprocess.PIPE)
    assert b"nothing came on standard input" in process.stderr.readline()
    assert texts(process.stdout.readline().decode()) == ["Review."]
    assert process.wait(60) == 0


@pytest.mark.parametrize("args", [("-",), ("Review.",)])
def test_a_nul_is_no_text(axio: Any, args: tuple[str, ...]) -> None:
    done = axio(*PROMPTS, *args, input=b"a\0b")
    assert done.code == 2 and "NUL" in done.line


def test_a_dash_after_two_dashes_is_a_prompt(axio: Any) -> None:
    assert texts(axio(*PROMPTS, "--", "-").out) == ["-"]
    assert texts(axio(*PROMPTS, "-", input=b"read").out) == ["read"]


# ── formats ───────────────────────────────────────────────────────────────────────────────────


def test_json_is_one_object_at_the_end(axio: Any) -> None:
    done = axio(*SCRIPTED, "-f", "json", "hi", script=[["I look.", *LOOK], ["Séen."]])
    assert done.code == 0 and not done.err
    record = json.loads(done.out)
    assert record["result"] == "Séen." and record["stop_reason"] == "end_turn"
    assert record["usage"]["input_tokens"] == 20 and len(record["session"]) == 32
    assert axio("sessions").out.split()[0] == record["session"]


def test_a_failure_is_in_the_object_too(axio: Any) -> None:
    script = [["half", {"raise": "runtime", "text": "fell over"}]]
    done = axio(*SCRIPTED, "--format", "json", "hi", script=script)
    assert done.code == 1 and "fell over" in done.line
    assert "fell over" in json.loads(done.out)["error"]


def test_stream_json_is_the_same_as_json_was(axio: Any) -> None:
    kinds = [
        [
            json.loads(line)["type"]
            for line in axio(*SCRIPTED, *how, "hi", script=[["H"]]).out.splitlines()
        ]
        for how in (("--json",), ("--format", "stream-json"), ("-f", "stream-json"))
    ]
    assert kinds[0] == kinds[1] == kinds[2] == ["text_delta", "iteration_end", "session_end"]


# ── limits ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("limit", "script", "words"),
    [
        (("--time-limit", "1"), [["Begun.", 60]], "took too long"),
        (("--max-tokens", "20"), [LOOK], "tokens"),
        (("--max-iterations", "2"), [LOOK], "2 requests"),
    ],
)
def test_a_limit_ends_it_with_3_and_the_history_is_valid(
    axio: Any, limit: tuple[str, str], script: list[Any], words: str
) -> None:
    started = time.monotonic()
    done = axio(*SCRIPTED, *limit, "hi", script=script)
    assert done.code == 3 and words in done.line
    assert time.monotonic() - started < 50
    exported = axio("sessions", "export", "--format", "jsonl", axio("sessions").out.split()[0]).out
    messages = [Message.from_dict(json.loads(line)) for line in exported.splitlines()[1:]]
    assert len(messages) > 1 or "--time-limit" in limit
    assert not check(messages)
    assert axio(*SCRIPTED, "-c", "on", script=[["Fine."]]).code == 0


def test_a_cost_that_cannot_be_counted_is_said(axio: Any) -> None:
    done = axio("run", "--tools", "none", "--transport", "classic", "--max-cost", "0.5", "hi")
    assert done.code == 0 and "the price of small is not known" in done.line


@pytest.mark.parametrize("option", ["--max-cost", "--time-limit", "--max-tokens"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "x"])
def test_a_limit_that_limits_nothing_is_wrong_use(axio: Any, option: str, value: str) -> None:
    done = axio(*SCRIPTED, f"{option}={value}", "hi", script=[["Hello"]])
    assert done.code == 2 and option in done.err


# ── answers that fit a schema ─────────────────────────────────────────────────────────────────

SCHEMA = {
    "type": "object",
    "properties": {"count": {"type": "integer", "minimum": 1}},
    "required": ["count"],
}


@pytest.fixture
def schema(axio: Any) -> str:
    (axio.home / "schema.json").write_text(json.dumps(SCHEMA))
    return "schema.json"


RIGHT = [["final_answer", {"count": 3}]]
WRONG = [["final_answer", {"count": 0}]]


def test_the_answer_is_all_that_is_printed(axio: Any, schema: str) -> None:
    args = (*SCRIPTED, "--output-schema", schema)
    done = axio(*args, "count", script=[LOOK, WRONG, RIGHT])
    assert done.code == 0 and json.loads(done.out) == {"count": 3}
    record = json.loads(axio(*args, "-f", "json", "count", script=[RIGHT]).out)
    assert record["output"] == {"count": 3}
    last = axio(*args, "--json", "count", script=[RIGHT]).out.splitlines()[-1]
    assert json.loads(last) == {"type": "output", "value": {"count": 3}}


def test_no_such_answer_is_a_failure(axio: Any, schema: str) -> None:
    done = axio(*SCRIPTED, "--output-schema", schema, "count", script=[WRONG])
    assert done.code == 1 and not done.out and "count" in done.line


@pytest.mark.parametrize("content", ["", "[]", "{", None])
def test_a_schema_that_is_none_is_wrong_use(axio: Any, content: str | None) -> None:
    if content is not None:
        (axio.home / "schema.json").write_text(content)
    done = axio(*SCRIPTED, "--output-schema", "schema.json", "count", script=[RIGHT])
    assert done.code == 2 and "schema.json" in done.line


# ── short options ─────────────────────────────────────────────────────────────────────────────


def test_options_have_short_names_and_may_stand_before_the_command(axio: Any) -> None:
    done = axio("-t", "scripted", "-y", "run", "hi", script=[["Hello"]])
    assert done.code == 0 and done.out.startswith("Hello")
    assert axio("run", "-t", "classic", "-m", "large", "--tools", "none", "hi").out.startswith(
        "ClientSession large"
    )
    assert axio("-V").out == axio("--version").out != ""
    assert os.path.exists(f"{axio.home}-data/axio-tui/axio.db")
