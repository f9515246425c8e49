from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from axio.tool import Tool, options_of
from axio_tools_local.capture import HEAD_BYTES, TAIL_BYTES
from axio_tools_local.shell import shell
from support.waiting import timed_out

MARK = re.compile(r"^\[(stdout|stderr)\] ", re.MULTILINE)


def records(result: str) -> list[tuple[str, str]]:
    """The records of a result as (stream, text)."""
    parts = MARK.split(result)
    assert parts[0] == ""
    return [(s, t.removesuffix("\n")) for s, t in zip(parts[1::2], parts[2::2], strict=True)]


async def test_output_comes_as_a_record_with_its_stream() -> None:
    assert await shell("echo hello") == "[stdout] hello"


async def test_streams_are_told_apart() -> None:
    result = records(await shell("echo one; sleep 0.1; echo two >&2"))
    assert result == [("stdout", "one"), ("stderr", "two")]


async def test_lines_of_one_stream_are_one_record_however_long_the_pause() -> None:
    result = await shell("echo a; echo b; sleep 0.7; echo c")
    assert result == "[stdout] a\nb\nc"


async def test_streams_in_turn_are_records_in_turn() -> None:
    result = await shell("echo a; sleep 0.3; echo b >&2; sleep 0.3; echo c; sleep 0.3; exit 2")
    assert result == "[stdout] a\n[stderr] b\n[stdout] c\n[stderr] [exit code: 2]"


async def test_equal_outcomes_are_equal_results() -> None:
    command = "for n in 1 2 3 4; do echo out $n; echo err $n >&2; done; exit 1"
    results = {await shell(command) for _ in range(30)}
    assert results == {
        "[stdout] out 1\nout 2\nout 3\nout 4\n[stderr] err 1\nerr 2\nerr 3\nerr 4\n[exit code: 1]"
    }


async def test_silence_is_said_in_words() -> None:
    assert await shell("true") == "(no output)"


async def test_an_exit_code_other_than_zero_is_appended_to_stderr() -> None:
    assert records(await shell("exit 3")) == [("stderr", "[exit code: 3]")]
    result = records(await shell("printf broken >&2; exit 4"))
    assert result == [("stderr", "broken\n[exit code: 4]")]


async def test_a_signal_is_shown_as_a_negative_exit_code() -> None:
    assert records(await shell("kill -9 $$")) == [("stderr", "[exit code: -9]")]


async def test_stdin_is_empty_unless_given() -> None:
    assert await shell("cat") == "(no output)"
    assert records(await shell("cat", stdin="héllo")) == [("stdout", "héllo")]


async def test_the_command_runs_in_the_given_directory(folder: Path) -> None:
    (folder / "sub").mkdir()
    assert records(await shell("pwd")) == [("stdout", str(folder))]
    assert records(await shell("pwd", cwd="sub")) == [("stdout", str(folder / "sub"))]


@pytest.mark.parametrize(("command", "cwd"), [("echo", "missing"), ("echo \0", ".")])
async def test_what_cannot_be_started_is_an_answer_and_not_an_exception(
    command: str, cwd: str
) -> None:
    ((stream, text),) = records(await shell(command, cwd=cwd))
    assert stream == "stderr" and re.fullmatch(r"\[error: .+\]", text)


async def test_a_timeout_keeps_the_output_so_far() -> None:
    result, limit = await timed_out(
        lambda seconds: shell("echo before; sleep 600", timeout=seconds), "before"
    )
    told = f"[timeout: command exceeded {limit}s]"
    assert records(result) == [("stdout", "before"), ("stderr", told)]


async def test_a_command_that_ignores_sigterm_ends_as_well() -> None:
    start = time.monotonic()
    result = await shell("trap '' TERM; while :; do sleep 0.05; done", timeout=1)
    assert time.monotonic() - start < 30
    assert "timeout" in result and "1s" in result


async def test_a_timeout_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        await shell("true", timeout=0)


async def test_a_background_child_that_keeps_the_pipe_does_not_delay_the_result() -> None:
    start = time.monotonic()
    assert records(await shell("sleep 60 & echo started")) == [("stdout", "started")]
    assert time.monotonic() - start < 30


async def test_what_a_child_writes_right_after_the_end_is_not_lost() -> None:
    assert records(await shell("(sleep 0.05; echo late) & true")) == [("stdout", "late")]


async def test_a_command_may_leave_a_large_input_unread() -> None:
    assert await shell("true", stdin="x" * 5_000_000) == "(no output)"


async def test_large_input_and_large_output_pass_each_other() -> None:
    result = await shell("cat", stdin="line\n" * 500_000, timeout=20)
    assert "line\nline" in result and "timeout" not in result


async def test_a_line_longer_than_any_buffer_survives() -> None:
    result = await shell("head -c 5000000 /dev/zero | tr '\\0' x; echo; echo end", timeout=20)
    assert "xxxx" in result and result.endswith("end")
    assert len(result) < HEAD_BYTES + TAIL_BYTES + 200


async def test_a_hundred_megabytes_on_one_line_are_cut_in_the_middle() -> None:
    command = "printf BEGIN; head -c 100000000 /dev/zero | tr '\\0' y; printf END"
    result = await shell(command, timeout=30)
    assert result.startswith("[stdout] BEGINyyy") and result.endswith("yyyEND")
    omitted = 100_000_008 - HEAD_BYTES - TAIL_BYTES
    assert f"[... {omitted} bytes left out ...]" in result


async def test_output_up_to_head_and_tail_is_whole() -> None:
    size = HEAD_BYTES + TAIL_BYTES - 1
    result = await shell(f"head -c {size} /dev/zero | tr '\\0' z", timeout=20)
    assert result.count("z") == size and "left out" not in result


async def test_binary_junk_becomes_text_that_can_be_encoded() -> None:
    result = await shell("head -c 300000 /dev/urandom; printf '\\377\\000\\303('", timeout=20)
    assert "\0" not in result
    assert result.encode()


async def test_a_character_cut_by_a_pipe_is_put_together_again() -> None:
    command = "printf '\\303'; sleep 0.2; printf '\\251'"
    assert records(await shell(command)) == [("stdout", "é")]


async def test_a_cut_in_the_middle_breaks_no_character() -> None:
    result = await shell("yes é | head -c 600000", timeout=20)
    assert "left out" in result
    assert "\ufffd" not in result


async def test_streaming_yields_lines_with_their_newlines_as_they_come(folder: Path) -> None:
    """The command goes on only when its first lines have arrived."""
    command = "echo a; echo b >&2; until [ -e go ]; do sleep 0.01; done; echo c"
    pairs: list[tuple[str, str]] = []
    async for pair in shell.stream(command=command, timeout=30):  # type: ignore[attr-defined]
        pairs.append(pair)
        if len(pairs) == 2:
            (folder / "go").touch()
    assert sorted(pairs[:2]) == [("stderr", "b\n"), ("stdout", "a\n")]
    assert pairs[2:] == [("stdout", "c\n")]


def test_chunks_are_rendered_as_records() -> None:
    render = shell.format_stream_result  # type: ignore[attr-defined]
    assert render([]) == "(no output)"
    assert render([(0.0, "stdout", "a\n"), (90.5, "stdout", "b")]) == "[stdout] a\nb"
    chunks = [(1.0, "stderr", "x\n\n"), (2.0, "stdout", "y\n"), (3.0, "stderr", "z\n")]
    assert render(chunks) == "[stderr] x\n\n[stdout] y\n[stderr] z"


def test_of_what_came_together_stdout_is_told_first() -> None:
    render = shell.format_stream_result  # type: ignore[attr-defined]
    burst = [(1.00, "stderr", "b\n"), (1.02, "stdout", "a\n"), (1.05, "stderr", "c\n")]
    assert render(burst) == "[stdout] a\n[stderr] b\nc"
    later = [(1.2, "stdout", "d\n"), (1.26, "stderr", "e\n"), (1.32, "stdout", "f\n")]
    assert render(burst + later) == (
        "[stdout] a\n[stderr] b\nc\n[stdout] d\n[stderr] e\n[stdout] f"
    )


async def test_a_command_as_long_as_a_file_runs() -> None:
    lines = "".join(f"line {n}\n" for n in range(30_000))
    assert len(lines) > 300_000
    result = await shell(f"wc -lc <<'END'\n{lines}END\ncat; nonsense", stdin="in", timeout=20)
    (out, complaint) = records(result)
    assert out == ("stdout", f"{30_000:>7} {len(lines):>7}\nin")
    assert re.fullmatch(r"/bin/sh: .*30003: nonsense: .*\n\[exit code: 127\]", complaint[1])


@pytest.mark.parametrize("size", [131_071, 131_072])
async def test_a_command_runs_alike_on_both_sides_of_the_limit_of_an_argument(size: int) -> None:
    command = "echo ${#A}; exit 3 #"
    result = await shell(command.ljust(size, "x"))
    assert result == "[stdout] 0\n[stderr] [exit code: 3]"


async def test_the_tool_streams() -> None:
    tool = Tool(name="shell", handler=shell, **options_of(shell))
    assert tool.supports_streaming
    pairs = [pair async for pair in tool.call_streaming(command="echo 1; exit 2")]
    assert pairs == [("stdout", "1\n"), ("stderr", "[exit code: 2]")]


async def test_a_slow_consumer_holds_the_command_back_and_loses_nothing() -> None:
    seen = 0
    async for _, text in shell.stream(command="seq 20000", timeout=20):  # type: ignore[attr-defined]
        if seen == 0:
            time.sleep(0.3)  # noqa: ASYNC251 - the loop is meant to be late
        seen += len(text)
    assert seen == len("".join(f"{n}\n" for n in range(1, 20001)))
