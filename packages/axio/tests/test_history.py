"""The rules of a history, on histories that were made, broken and mended at random."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from axio.blocks import ContentBlock, ReasoningBlock, TextBlock, ToolResultBlock, ToolUseBlock
from axio.exceptions import HistoryError
from axio.history import UNKNOWN_OUTCOME, check, open_turn, repair, safe_cut, unique_id
from axio.messages import Message

IDS = ("a", "b", "c", "d")


def call(id: str = "a", input: Any = None) -> ToolUseBlock:
    return ToolUseBlock(id, "tool", {} if input is None else input)


def result(id: str = "a", text: str = "ok") -> ToolResultBlock:
    return ToolResultBlock(id, text)


def user(*blocks: ContentBlock | str) -> Message:
    return Message("user", [TextBlock(b) if isinstance(b, str) else b for b in blocks])


def assistant(*blocks: ContentBlock | str) -> Message:
    return Message("assistant", [TextBlock(b) if isinstance(b, str) else b for b in blocks])


@st.composite
def histories(draw: st.DrawFn) -> list[Message]:
    """Valid ones: turns with and without calls, results followed by text or not."""
    messages: list[Message] = []
    for turn in draw(st.lists(st.lists(st.sampled_from(IDS), unique=True, max_size=4), max_size=6)):
        messages.append(user(draw(st.text(min_size=1, max_size=3))))
        if draw(st.booleans()):
            messages.append(Message("system", [TextBlock("note")]))
        thought = ReasoningBlock("", "p", {"s": 1})
        words: list[ContentBlock] = [thought] if draw(st.booleans()) else []
        if not turn:
            messages.append(assistant(*words, "answer"))
            continue
        messages.append(assistant(*words, *(call(id) for id in turn)))
        rest = [TextBlock("and this")] if draw(st.booleans()) else []
        messages.append(user(*(result(id) for id in turn), *rest))
    return messages


ANY_BLOCK: st.SearchStrategy[ContentBlock] = st.one_of(
    st.builds(TextBlock, st.sampled_from(("x", "y"))),
    st.builds(ToolUseBlock, st.sampled_from(IDS), st.just("tool"), st.just({})),
    st.builds(ToolUseBlock, st.sampled_from(IDS), st.just("tool"), st.just([])),
    st.builds(ToolResultBlock, st.sampled_from(IDS), st.sampled_from(("1", "2"))),
)
ANY_MESSAGE = st.builds(
    Message,
    st.sampled_from(("user", "assistant", "system")),
    st.lists(ANY_BLOCK, max_size=5),
)


@given(histories())
def test_a_history_of_whole_turns_is_valid(history: list[Message]) -> None:
    assert check(history) == []


@given(histories())
def test_repair_leaves_a_valid_history_as_it_is(history: list[Message]) -> None:
    mended = repair(history)
    assert len(mended) == len(history)
    assert all(a is b for a, b in zip(mended, history, strict=True))


@settings(max_examples=400)
@given(st.lists(ANY_MESSAGE, max_size=8))
def test_repair_makes_any_history_valid_and_has_nothing_left_to_do(history: list[Message]) -> None:
    before = [Message(m.role, list(m.content)) for m in history]
    mended = repair(history)
    assert check(mended) == []
    assert repair(mended) == mended
    assert history == before, "the argument was changed"
    assert mended == repair(before), "not deterministic"


@settings(max_examples=200)
@given(histories(), st.randoms(use_true_random=False))
def test_repair_keeps_every_text_and_every_result_that_has_a_call(
    history: list[Message], rng: random.Random
) -> None:
    broken = [Message(m.role, list(m.content)) for m in history]
    for _ in range(rng.randint(0, 3)):
        if broken:
            message = rng.choice(broken)
            if message.content:
                message.content.pop(rng.randrange(len(message.content)))
    texts = [b for m in broken for b in m.content if isinstance(b, TextBlock)]
    mended = repair(broken)
    assert [b for m in mended for b in m.content if isinstance(b, TextBlock)] == texts
    assert [m.content for m in mended if m.role == "assistant"] == [
        m.content for m in broken if m.role == "assistant" and m.content
    ], "calls and reasoning are never dropped"


@given(histories(), st.data())
def test_what_is_checked_from_any_whole_turn_on_is_what_a_full_check_finds(
    history: list[Message], data: st.DataObject
) -> None:
    start = safe_cut(history, data.draw(st.integers(0, len(history))))
    broken = [*history, assistant(call("z"))]
    assert check(broken, start) == check(broken)


@given(histories(), st.data())
def test_a_safe_cut_leaves_two_valid_halves(history: list[Message], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(history)))
    cut = safe_cut(history, at)
    assert cut <= at
    assert check(history[:cut]) == []
    assert check(history[cut:]) == []


def test_a_cut_outside_of_the_history_is_refused() -> None:
    with pytest.raises(HistoryError, match="cannot cut 1 messages at 2"):
        safe_cut([user("hi")], 2)


@pytest.mark.parametrize(
    ("history", "complaint"),
    [
        ([assistant(call())], "has no result"),
        ([assistant(call()), user("hm")], "no result for the call 'a' here"),
        ([assistant(call()), assistant("x")], "no result for the call 'a' here"),
        ([user(result())], "a result without a call"),
        ([assistant(call()), user(result(), result())], "a result without a call"),
        ([assistant(call(), call("b")), user(result("b"), result("a"))], "order of the calls"),
        ([assistant(call()), user("hm", result())], "before other content"),
        ([assistant(call(), call()), user(result(), result())], "two calls with the id"),
        ([assistant(result())], "a result in a assistant message"),
        ([user(call())], "a call in a user message"),
        ([user()], "empty message"),
        ([assistant(call(input=[1])), user(result())], "not an object"),
        ([Message("tool", [TextBlock("x")])], "unknown role"),  # type: ignore[arg-type]
        (
            [assistant(call()), Message("system", [TextBlock("n")]), user(result())],
            "no result for the call 'a' here",
        ),
    ],
)
def test_each_broken_rule_is_named(history: list[Message], complaint: str) -> None:
    assert any(complaint in problem.text for problem in check(history))
    assert check(repair(history)) == []


def test_a_missing_result_says_that_the_outcome_is_unknown() -> None:
    mended = repair([assistant(call("a"), call("b")), user(result("b"))])
    assert mended[1].content == [ToolResultBlock("a", UNKNOWN_OUTCOME, True), result("b")]


def test_results_that_stand_later_are_moved_to_their_call() -> None:
    mended = repair([assistant(call("a")), user("wait"), user(result("a", "late"))])
    assert mended == [assistant(call("a")), user(result("a", "late"), "wait")]


def test_two_calls_with_one_id_keep_their_own_results() -> None:
    mended = repair([assistant(call("a"), call("a")), user(result("a", "1"), result("a", "2"))])
    assert mended == [
        assistant(call("a"), call("a_2")),
        user(result("a", "1"), result("a_2", "2")),
    ]


def test_a_made_up_id_does_not_take_the_result_of_a_call_that_has_it() -> None:
    calls = [call("a"), call("a"), call("a_2")]
    mended = repair([assistant(*calls), user(result("a", "1"), result("a_2", "3"))])
    answers = [b.content for b in mended[1].content if isinstance(b, ToolResultBlock)]
    assert answers == ["1", UNKNOWN_OUTCOME, "3"]


def test_readers_stop_before_a_turn_whose_tools_are_running() -> None:
    assert open_turn([]) == 0
    assert open_turn([user("hi")]) == 1
    assert open_turn([user("hi"), assistant("x", call())]) == 1
    assert open_turn([user("hi"), assistant(call()), user(result())]) == 3


def test_repeated_ids_are_numbered_from_two_and_never_taken() -> None:
    taken: set[str] = set()
    for expected in ("a", "a_2", "a_3", "a_4", "a_5"):
        assert unique_id("a", taken) == expected
        taken.add(expected)
    for gaps in (["a", "a_2", "a_4"], ["a", *(f"a_{n}" for n in range(2, 40, 2))]):
        assert unique_id("a", gaps) not in gaps


def test_thousands_of_calls_with_one_id_take_a_few_looks_each() -> None:
    class Counted(set[str]):
        looks = 0

        def __contains__(self, id: object) -> bool:
            self.looks += 1
            return super().__contains__(id)

    taken = Counted()
    for _ in range(4000):
        taken.add(unique_id("a", taken))
    assert len(taken) == 4000
    assert taken.looks < 4000 * 30
