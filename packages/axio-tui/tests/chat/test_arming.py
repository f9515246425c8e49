"""From when on keys answer a question."""

from __future__ import annotations

from hypothesis import given, strategies as st

from axio_tui.chat.arming import QUIET, SEEN, WANTED, Arming


def test_a_question_is_armed_when_it_was_seen_and_the_keys_are_quiet() -> None:
    arming = Arming()
    assert not arming.is_armed(100.0, is_empty=True)
    arming.key(100.0)
    arming.seen(100.0)
    assert not arming.is_armed(100.0 + SEEN, is_empty=True)
    assert arming.is_armed(100.0 + QUIET, is_empty=True)
    assert not arming.is_armed(100.0 + QUIET, is_empty=False)


def test_a_person_who_asks_for_it_may_have_written_something() -> None:
    arming = Arming()
    arming.seen(100.0)
    arming.want(110.0)
    assert not arming.is_armed(110.0, is_empty=False)
    assert arming.is_armed(110.0 + WANTED, is_empty=False)


def test_a_key_behind_the_one_that_asked_for_it_takes_the_wish_back() -> None:
    arming = Arming()
    arming.seen(100.0)
    arming.want(110.0)
    arming.key(110.1)
    assert not arming.is_armed(120.0, is_empty=False)


def test_a_question_that_cannot_be_seen_is_not_armed() -> None:
    arming = Arming()
    arming.seen(100.0)
    arming.unseen()
    assert not arming.is_armed(200.0, is_empty=True)
    arming.seen(200.0)
    assert not arming.is_armed(200.1, is_empty=True)


@given(
    st.lists(st.floats(0, QUIET * 0.99), min_size=1),
    st.floats(0, 5),
)
def test_who_types_on_without_a_pause_never_answers(gaps: list[float], shown: float) -> None:
    arming = Arming()
    arming.key(0.0)
    now = 0.0
    is_shown = False
    for gap in gaps:
        now += gap
        if not is_shown and now >= shown:
            arming.seen(now)
            is_shown = True
        assert not arming.is_armed(now, is_empty=True)
        arming.key(now)
