"""A run as text: events in, lines out, without a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from hypothesis import given, strategies as st

from axio.events import (
    Error,
    ImageOutput,
    IterationEnd,
    ReasoningDelta,
    SessionEndEvent,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolOutputDelta,
    ToolResult,
    ToolUseStart,
)
from axio.types import StopReason, Usage
from axio_tui.harmless import describe_call
from axio_tui.plain.render import Renderer
from axio_tui.plain.results import OUTPUT_MARK
from axio_tui.plain.style import COLOUR

USAGE = Usage(1200, 34)


def turn(stop: StopReason = StopReason.tool_use) -> IterationEnd:
    return IterationEnd(1, stop, USAGE)


def call(id: str, name: str, **arguments: object) -> list[StreamEvent]:
    return [ToolUseStart(0, id, name), ToolInputDelta(0, id, json.dumps(arguments))]


def rendered(events: Iterable[StreamEvent], renderer: Renderer | None = None) -> str:
    renderer = renderer or Renderer(clock=lambda: 0.0)
    return "".join(renderer.feed(event) for event in events) + renderer.close()


def test_a_whole_run_reads_from_top_to_bottom() -> None:
    clock = iter([10.0, 12.345])
    events: list[StreamEvent] = [
        TextDelta(0, "Let me "),
        TextDelta(0, "look."),
        *call("1", "list_files", directory="examples"),
        turn(),
        ToolResult("1", "list_files", False, "a.py\nb.py", {"directory": "examples"}),
        TextDelta(0, "There are two: a.py and b.py."),
        turn(StopReason.end_turn),
        SessionEndEvent(StopReason.end_turn, USAGE),
    ]
    assert rendered(events, Renderer(clock=lambda: next(clock))) == (
        "Let me look.\n"
        '-> list_files(directory="examples")\n'
        "  | a.py\n"
        "  | b.py\n"
        "There are two: a.py and b.py.\n"
        "-- 1,200 tokens in, 34 out, 1 call, 2.3 s\n"
    )


@pytest.mark.parametrize(
    ("output", "answer", "printed"),
    [
        ("a\nb\n", "list_files gave:\na\nb", "(the answer is the output above)\n"),
        ("a\nb", "list_files gave:\n```\na\nb\n```", "(the answer is the output above)\n"),
        ("a\n```\nb", "It is:\n````\na\n```\nb\n````", "(the answer is the output above)\n"),
        ("a\nb", "It gave:\n```\na\nc\n```", "It gave:\n```\na\nc\n```\n"),
        ("no such file", "read_file failed: no such file", "(the answer is the output above)\n"),
        ("391", "391", "391\n"),
        ("a\nb", "They are:\nb\na", "They are:\nb\na\n"),
        ("a\n" * 80, "list_files gave:\n" + "a\n" * 80, "list_files gave:\n" + "a\n" * 80),
        ("", "It gave:\n", "It gave:\n"),
    ],
)
def test_an_answer_that_only_repeats_the_output_above_is_not_printed_again(
    output: str, answer: str, printed: str
) -> None:
    events: list[StreamEvent] = [
        *call("1", "list_files"),
        turn(),
        ToolResult("1", "list_files", False, output, {}),
        TextDelta(0, answer),
    ]
    text = rendered(events)
    assert text.endswith(printed)
    assert text.removesuffix(printed).splitlines()[-1].startswith(OUTPUT_MARK)


def test_text_is_printed_the_moment_it_comes() -> None:
    renderer = Renderer()
    assert [renderer.feed(TextDelta(0, t)) for t in ("Hel", "lo", "\n", "there")] == [
        "Hel", "lo", "\n", "there",
    ]  # fmt: skip


def test_the_name_of_a_call_is_printed_before_its_arguments_have_come() -> None:
    renderer = Renderer()
    assert renderer.feed(ToolUseStart(0, "1", "write_file")) == "-> write_file"
    assert renderer.feed(ToolInputDelta(0, "1", '{"file_path": "a"')) == ""
    assert renderer.feed(ToolInputDelta(0, "1", "}")) == ""
    assert renderer.feed(turn()) == '(file_path="a")\n'


def test_live_output_is_printed_as_it_comes_and_not_again_with_the_result() -> None:
    events: list[StreamEvent] = [
        *call("1", "shell", command="make"),
        turn(),
        ToolOutputDelta("1", "shell", "stdout", "one\ntw"),
        ToolOutputDelta("1", "shell", "stdout", "o\n"),
        ToolOutputDelta("1", "shell", "stderr", "three"),
        ToolResult("1", "shell", False, "[00:00.001 stdout] one..."),
    ]
    assert rendered(events) == '-> shell(command="make")\n  | one\n  | two\n  | three\n'


def test_an_error_is_shown_also_after_live_output() -> None:
    events: list[StreamEvent] = [
        *call("1", "shell", command="make"),
        turn(),
        ToolOutputDelta("1", "shell", "stdout", "one"),
        ToolResult("1", "shell", True, "[interrupted]"),
    ]
    assert rendered(events).endswith("  | one\n  ! [interrupted]\n")


def test_outputs_of_parallel_calls_say_whose_they_are() -> None:
    events: list[StreamEvent] = [
        *call("1", "read_file", filename="a"),
        *call("2", "read_file", filename="b"),
        turn(),
        ToolResult("2", "read_file", False, "B"),
        ToolResult("1", "read_file", True, "no such file"),
    ]
    assert rendered(events) == (
        '-> read_file(filename="a")\n-> read_file(filename="b")\n'
        '  read_file(filename="b"):\n  | B\n'
        '  read_file(filename="a"):\n  ! no such file\n'
    )


def test_live_outputs_of_parallel_calls_do_not_run_into_each_other() -> None:
    events: list[StreamEvent] = [
        *call("1", "shell", command="a"),
        *call("2", "shell", command="b"),
        turn(),
        ToolOutputDelta("1", "shell", "stdout", "from a"),
        ToolOutputDelta("2", "shell", "stdout", "from b\n"),
        ToolOutputDelta("1", "shell", "stdout", "more of a\n"),
    ]
    assert rendered(events).splitlines()[2:] == [
        '  shell(command="a"):',
        "  | from a",
        '  shell(command="b"):',
        "  | from b",
        '  shell(command="a"):',
        "  | more of a",
    ]


def test_ids_that_come_again_in_the_next_turn_are_other_calls() -> None:
    one = [*call("0", "shell", command="a"), turn()]
    two = [*call("0", "shell", command="b"), turn()]
    events: list[StreamEvent] = [
        *one,
        ToolOutputDelta("0", "shell", "stdout", "live\n"),
        ToolResult("0", "shell", False, "live"),
        *two,
        ToolResult("0", "shell", False, "not live"),
    ]
    assert rendered(events) == (
        '-> shell(command="a")\n  | live\n-> shell(command="b")\n  | not live\n'
    )


def test_arguments_that_come_interleaved_are_completed_at_the_end_of_the_turn() -> None:
    events: list[StreamEvent] = [
        ToolUseStart(0, "1", "a"),
        ToolUseStart(1, "2", "b"),
        ToolInputDelta(0, "1", '{"x": 1}'),
        ToolInputDelta(1, "2", '{"y": 2}'),
        turn(),
    ]
    text = rendered(events)
    assert "-> a(x=1)\n" in text and "(y=2)" in text


def test_long_values_are_cut_and_say_how_long_they_are() -> None:
    line = describe_call("write_file", {"content": "x" * 5000, "mode": 420})
    assert len(line) < 400
    assert "(5,002 characters), mode=420" in line.replace("... ", "")


def test_nothing_is_cut_where_somebody_decides() -> None:
    assert "x" * 5000 in describe_call("write_file", {"content": "x" * 5000}, limit=None)


def test_arguments_show_what_they_hide() -> None:
    line = describe_call("shell", {"command": "ls \x1b[8m\u202e;\nrm"})
    assert line == r'shell(command="ls \u001b[8m\u202e;\nrm")'


def test_arguments_that_are_no_object_are_shown_as_they_came() -> None:
    events: list[StreamEvent] = [
        ToolUseStart(0, "1", "shell"),
        ToolInputDelta(0, "1", '{"command": "l'),
        turn(),
    ]
    assert rendered(events) == '-> shell({"command": "l)\n'


@pytest.mark.parametrize(
    ("content", "last"),
    [
        ("\n".join("x" * 9 for n in range(1000)), "  | ... 1,000 lines in all"),
        ("\n".join("x" * 9 for n in range(10_000)), "  | ... 10,000 lines in all"),
        ("x" * 1_000_000, "  | ... 1,000,000 characters in all"),
    ],
)
def test_long_results_are_cut_and_say_how_much_there_is(content: str, last: str) -> None:
    text = rendered([*call("1", "t"), turn(), ToolResult("1", "t", False, content)])
    assert text.splitlines()[-1] == last and len(text) < 25_000 and text.count("\n") <= 62


def test_arguments_that_are_nested_too_deeply_are_shown_as_they_came() -> None:
    deep = '{"x": ' + "[" * 200_000
    text = rendered([ToolUseStart(0, "1", "t"), ToolInputDelta(0, "1", deep), turn()])
    assert text.startswith('-> t({"x": [[[') and len(text) < 400


def test_an_empty_result_is_still_a_line() -> None:
    events: list[StreamEvent] = [*call("1", "t"), turn(), ToolResult("1", "t", False, "")]
    assert rendered(events) == "-> t()\n  | (no output)\n"


def test_media_are_named_and_not_printed() -> None:
    events: list[StreamEvent] = [
        TextDelta(0, "Here:"),
        ImageOutput(0, b"\x89PNG", "image/png"),
        TextDelta(0, "ok"),
    ]
    assert rendered(events) == "Here:\n  | [image/png, 4 bytes]\nok\n"


def test_a_failure_leaves_the_cursor_at_the_start_of_a_line() -> None:
    events: list[StreamEvent] = [TextDelta(0, "half an ans"), Error(RuntimeError("gone"))]
    assert rendered(events) == "half an ans\n"
    assert rendered([ToolUseStart(0, "1", "shell")]) == "-> shell()\n"


def test_a_run_that_used_nothing_has_no_footer_when_it_failed() -> None:
    end = SessionEndEvent(StopReason.error, Usage(0, 0))
    assert rendered([Error(RuntimeError("gone")), end]) == ""
    assert rendered([SessionEndEvent(StopReason.error, USAGE)]).startswith("-- 1,200 tokens")


def test_reasoning_is_set_apart_from_the_answer() -> None:
    events: list[StreamEvent] = [
        ReasoningDelta(0, "Hm."),
        ReasoningDelta(0, " So."),
        TextDelta(0, "Yes."),
    ]
    assert rendered(events) == "(thinking) Hm. So.\nYes.\n"


def test_colour_is_closed_in_every_piece() -> None:
    renderer = Renderer(COLOUR)
    events: list[StreamEvent] = [
        ReasoningDelta(0, "Hm."),
        *call("1", "shell", command="make"),
        turn(),
        ToolOutputDelta("1", "shell", "stdout", "one\ntwo"),
        ToolResult("1", "shell", True, "no"),
        SessionEndEvent(StopReason.end_turn, USAGE),
    ]
    for event in events:
        piece = renderer.feed(event)
        assert piece.count(COLOUR.reset) == piece.count("\x1b") / 2


texts = st.text(st.sampled_from("ab\n\r\x1b[31m]0;\x07\u202e"), max_size=12)
ids = st.sampled_from(["1", "2"])
anything = st.lists(
    st.builds(TextDelta, st.just(0), texts)
    | st.builds(ReasoningDelta, st.just(0), texts)
    | st.builds(ToolUseStart, st.just(0), ids, texts)
    | st.builds(ToolInputDelta, st.just(0), ids, texts)
    | st.builds(ToolOutputDelta, ids, texts, texts, texts)
    | st.builds(ToolResult, ids, texts, st.booleans(), texts)
    | st.just(turn())
    | st.just(SessionEndEvent(StopReason.end_turn, USAGE))
)


@given(anything)
def test_no_order_of_events_breaks_it_or_lets_a_control_through(events: list[StreamEvent]) -> None:
    text = rendered(events)
    assert "\x1b" not in text and "\r" not in text and "\u202e" not in text
    assert not text or text.endswith("\n")


@pytest.mark.parametrize("count", [1, 5])
def test_the_footer_counts_calls(count: int) -> None:
    events = [e for n in range(count) for e in [*call(str(n), "t"), turn()]]
    text = rendered([*events, SessionEndEvent(StopReason.end_turn, USAGE)])
    assert f", {count} call{'s' * (count > 1)}, " in text
