"""Which call a piece belongs to, however a server addresses it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given, strategies as st

from axio.events import StreamEvent, ToolInputDelta, ToolUseStart
from axio.wire.calls import Calls
from support.odd_streams import calls_of as outcome


class Piece(NamedTuple):
    """One piece as a server sends it."""

    place: int | None = None
    id: str = ""
    name: str = ""
    text: str = ""
    item: str = ""


def gathered(*pieces: Piece) -> list[tuple[str, str]]:
    calls, events = Calls(), list[StreamEvent]()
    for piece in pieces:
        calls.piece(events, *piece)
    assert calls.close(events) is None
    assert len({call.index for call in calls.all}) == len(calls.all)
    return outcome(events)


A, B = '{"of":"A"}', '{"of":"B"}'


@pytest.mark.parametrize(
    "pieces",
    [
        # the place says it
        [Piece(0, "a", "look"), Piece(0, text=A), Piece(1, "b", "look"), Piece(1, text=B)],
        [Piece(0, "a", "look"), Piece(1, "b", "look"), Piece(1, text=B), Piece(0, text=A)],
        [Piece(3, "a", "look", A), Piece(7, "b", "look", B)],
        [Piece(0, "a", "look", A), Piece(1, "a", "look", B)],
        # one place for all, and the ids say it
        [Piece(0, "a", "look", A), Piece(0, "b", "look", B)],
        [
            Piece(0, "a", "look"),
            Piece(0, "a", text=A),
            Piece(0, "b", "look"),
            Piece(0, "b", text=B),
        ],
        [
            Piece(0, "a", "look"),
            Piece(0, "b", "look"),
            Piece(0, "a", text=A),
            Piece(0, "b", text=B),
        ],
        [
            Piece(0, "a", "look"),
            Piece(0, "b", "look"),
            Piece(0, "b", text=B),
            Piece(0, "a", text=A),
        ],
        # one place for all and no ids: complete arguments say it
        [Piece(0, "", "look", A), Piece(0, "", "look", B)],
        [Piece(0, "", "look"), Piece(0, text=A), Piece(0, "", "look"), Piece(0, text=B)],
        [Piece(0, "", "look"), Piece(0, text=A), Piece(0, "", "look", B[:4]), Piece(0, text=B[4:])],
        # no places
        [Piece(None, "a", "look", A), Piece(None, "b", "look", B)],
        [Piece(None, "a", "look"), Piece(None, "b", "look", B), Piece(None, "a", text=A)],
        [Piece(None, "", "look", A), Piece(None, "", "look", B)],
        [
            Piece(None, "a", "look", A[:3]),
            Piece(text=A[3:]),
            Piece(None, "b", "look"),
            Piece(text=B),
        ],
        # the item says it, not the place
        [
            *(Piece(0, "a", "look", item="x"), Piece(0, "b", "look", item="y")),
            *(Piece(0, text=A[:5], item="x"), Piece(0, text=B, item="y")),
            Piece(0, text=A[5:], item="x"),
        ],
        # a place that is new, with an id that is known
        [Piece(0, "a", "look"), Piece(1, "a", text=A), Piece(2, "b", "look", B)],
        [Piece(0, "a", "look", A[:3]), Piece(1, "a", "look", A[3:]), Piece(2, "b", "look", B)],
    ],
)
def test_two_calls_stay_two_with_their_own_arguments(pieces: list[Piece]) -> None:
    assert gathered(*pieces) == [("look", A), ("look", B)]


@pytest.mark.parametrize(
    "pieces",
    [
        # a new id in every piece
        [Piece(0, "a", "look"), Piece(0, "b", text=A[:4]), Piece(0, "c", text=A[4:])],
        [Piece(None, "a", "look"), Piece(None, "b", text=A[:4]), Piece(None, "c", text=A[4:])],
        [Piece(0, "a", "look"), Piece(0, "b", "look", A[:4]), Piece(0, "c", "look", A[4:])],
        # the id comes late, or the name
        [Piece(0, "", "look"), Piece(0, "a", text=A)],
        [Piece(0, "", "look"), Piece(0, "a", "look", A)],
        [Piece(0, "a"), Piece(0, "", "look"), Piece(0, text=A)],
        [Piece(0, text=A), Piece(0, "", "look"), Piece(0, "a")],
        [Piece(0, "a", "", A[:2]), Piece(0, "", "look", A[2:])],
        # the name comes in every piece, also behind the last argument
        [Piece(0, "a", "look", A[:4]), Piece(0, "", "look", A[4:]), Piece(0, "", "look")],
        [Piece(0, "a", "look", A[:4]), Piece(0, "a", "look", A[4:]), Piece(0, "a", "look")],
        [Piece(None, "", "look", A[:4]), Piece(None, "", "look", A[4:])],
        # the name comes in pieces, or grows
        [Piece(0, "a", "lo"), Piece(0, "", "ok"), Piece(0, text=A)],
        [Piece(0, "a", "lo"), Piece(0, "a", "ok", A)],
        [Piece(0, "", "lo"), Piece(0, "", "look"), Piece(0, text=A)],
        [Piece(0, "a", "look<|channel|>commentary", A)],
        # the same is told again
        [Piece(0, "a", "look", A), Piece(0, "a", "look", A)],
        # the arguments go to a place where nothing begins
        [Piece(2, "a", "look"), Piece(3, text=A)],
        [Piece(0, "a", "look", A[:6]), Piece(1, text=A[6:])],
        # a nameless piece of another's id at this place
        [Piece(0, "a", "look", A[:6]), Piece(0, "zzz", text=A[6:])],
    ],
)
def test_one_call_stays_one_with_all_its_arguments(pieces: list[Piece]) -> None:
    assert gathered(*pieces) == [("look", A)]


def test_a_call_without_arguments_takes_none_that_are_another_s() -> None:
    assert gathered(Piece(0, "a", "now"), Piece(0, "b", "look", A)) == [("now", ""), ("look", A)]
    assert gathered(Piece(0, "a", "now"), Piece(1, "b", "now")) == [("now", ""), ("now", "")]
    assert gathered(Piece(None, "", "now"), Piece(None, "", "look", A)) == [
        ("now", ""),
        ("look", A),
    ]


def test_arguments_behind_complete_ones_spoil_them_rather_than_being_dropped() -> None:
    assert gathered(Piece(0, "a", "look", A), Piece(0, text="{}")) == [("look", A + "{}")]


def test_arguments_whose_call_never_gets_a_name_are_told_as_a_call_without() -> None:
    assert gathered(Piece(0, "a", text=A)) == [("", A)]
    assert gathered(Piece(0, "a", "look", A), Piece(1, text=B)) == [("look", A), ("", B)]
    assert gathered(Piece(text=A)) == []


def test_arguments_that_may_be_of_several_calls_are_given_to_none() -> None:
    calls, events = Calls(), list[StreamEvent]()
    for piece in (Piece(0, "a", "look"), Piece(1, "b", "look"), Piece(2, text=A)):
        calls.piece(events, *piece)
    problem = calls.close(events)
    assert problem is not None and "not clear" in problem


def test_ids_are_made_where_there_are_none_and_kept_where_there_are() -> None:
    calls, events = Calls(), list[StreamEvent]()
    for piece in (Piece(0, "", "look", A), Piece(0, "", "look", B), Piece(1, "own", "look")):
        calls.piece(events, *piece)
    made, other, own = (call.id for call in calls.all)
    assert own == "own" and made != other
    assert all(0 < len(id) <= 40 for id in (made, other))


def test_names_that_had_to_be_changed_come_back_as_they_were() -> None:
    events: list[StreamEvent] = []
    Calls({"a_b_1": "a.b"}).piece(events, 0, "x", "a_b_1")
    assert events == [ToolUseStart(0, "x", "a.b")]


def test_half_a_character_in_an_id_or_a_name_is_no_trouble() -> None:
    events: list[StreamEvent] = []
    Calls().piece(events, 0, "x\ud83d", "look\ude00")
    assert events == [ToolUseStart(0, "x\ufffd", "look\ufffd")]


# ── what a server says begins, and how it ends ────────────────────────────────────────────────


def begun(*names: str, **options: Any) -> tuple[Calls, list[StreamEvent]]:
    calls, events = Calls(), list[StreamEvent]()
    for number, name in enumerate(names):
        calls.begin(events, 0, f"id{number}", name, **options)
    return calls, events


def test_what_begins_is_another_call_at_any_place() -> None:
    calls, events = begun("look", "look", "now")
    assert outcome(events) == [("look", ""), ("look", ""), ("now", "")]
    calls.piece(events, 0, text=A)
    assert outcome(events)[2] == ("now", A)


def test_a_call_that_begins_twice_before_its_end_begins_again() -> None:
    calls, events = begun("look")
    calls.piece(events, 0, text='{"half')
    calls.begin(events, 0, "id0", "look")
    calls.piece(events, 0, text=A)
    assert outcome(events) == [("look", A)]
    calls.begin(events, 0, "id0", "look")  # now that it is whole, it is another one
    assert len(calls.all) == 2


def test_a_call_begins_once_its_item_has_a_name() -> None:
    calls, events = Calls(), list[StreamEvent]()
    calls.begin(events, 0, "", "", "x")
    assert (events, calls.begun) == ([], False)
    calls.begin(events, 0, "late", "look", "x")
    calls.piece(events, 5, text=A, item="x")
    assert outcome(events) == [("look", A)]


def test_an_answer_that_is_begun_anew_replaces_its_calls() -> None:
    calls, events = begun("look")
    first = calls.all[0]
    calls.piece(events, 0, text=A)
    calls.restart()
    assert calls.begin(events, 0, "other", "now") is first
    calls.piece(events, 0, text=B)
    assert calls.close(events) is None
    assert outcome(events) == [("now", B)]


def test_an_answer_that_is_begun_anew_without_its_call_is_useless() -> None:
    calls, events = begun("look")
    calls.restart()
    problem = calls.close(events)
    assert problem is not None and "begun anew" in problem


@pytest.mark.parametrize(
    ("streamed", "whole", "told"),
    [
        ("", A, A),
        (A, A, A),
        (A[:4], A, A),
        ('{"of":"Z"', A, A),
        (B, A, A),
        (A, ' { "of" : "A" } ', A),  # the same value
        (A, "", A),
        (A, "{}", A),
        (A, "[]", A),
        (A, "null", A),
        (A, '{"of', A),
        (A[:4], "{}", A[:4]),
        ("", "{}", "{}"),
        ("", '{"of', '{"of'),
    ],
)
def test_the_last_word_completes_or_replaces_what_was_streamed(
    streamed: str, whole: str, told: str
) -> None:
    calls, events = begun("look")
    calls.add(calls.all[0], streamed, events)
    calls.finish(calls.all[0], whole, events)
    assert outcome(events) == [("look", told)]


# ── generated ─────────────────────────────────────────────────────────────────────────────────

TEXTS = st.text(st.sampled_from('ab{}[]":,\\ \u00e9\U0001f44b'), max_size=6)
ARGUMENTS = st.builds(
    json.dumps,
    st.dictionaries(TEXTS, st.one_of(TEXTS, st.integers(0, 9), st.lists(TEXTS, max_size=2))),
    ensure_ascii=st.booleans(),
)
CALLS = st.lists(st.tuples(st.sampled_from(["look", "now"]), ARGUMENTS), min_size=1, max_size=4)


def cut(draw: Callable[..., Any], text: str) -> list[str]:
    edges = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[a:b] for a, b in zip([0, *edges], [*edges, len(text)], strict=True)]


def interleaved(draw: st.DrawFn, streams: list[list[Piece]]) -> list[Piece]:
    """All pieces, those of each stream in their order."""
    order = draw(st.permutations([n for n, pieces in enumerate(streams) for _ in pieces]))
    waiting = [iter(pieces) for pieces in streams]
    return [next(waiting[n]) for n in order]


@st.composite
def with_places(draw: st.DrawFn) -> tuple[list[tuple[str, str]], list[Piece]]:
    """Each call has a place; its id and its name come anywhere among its arguments, each perhaps
    more than once, the id perhaps as another one each time."""
    calls = draw(CALLS)
    streams = []
    for place, (name, text) in enumerate(calls):
        pieces = [Piece(place, text=part) for part in cut(draw, text)]
        fickle = draw(st.booleans())
        for number, at in enumerate(draw(st.lists(st.integers(0, len(pieces)), max_size=3))):
            pieces.insert(at, Piece(place, f"id{place}.{number if fickle else 0}"))
        pieces.insert(draw(st.integers(0, len(pieces))), Piece(place, name=name))
        streams.append(pieces)
    return calls, interleaved(draw, streams)


@given(with_places())
def test_places_are_enough_in_any_order(case: tuple[list[tuple[str, str]], list[Piece]]) -> None:
    calls, pieces = case
    assert sorted(gathered(*pieces)) == sorted(calls)


@st.composite
def with_addresses(draw: st.DrawFn) -> tuple[list[tuple[str, str]], list[Piece]]:
    """Each call is opened by its name and told by an id or an item in every piece; the place is
    right, missing, or the same for all."""
    calls = draw(CALLS)
    by_item = draw(st.booleans())
    places = draw(st.sampled_from(["own", "missing", "shared"]))
    streams = []
    for number, (name, text) in enumerate(calls):
        place = {"own": number, "missing": None, "shared": 0}[places]
        item = f"item{number}" if by_item else ""
        opening = Piece(place, f"id{number}", name, "", item)
        address = Piece(place, "" if by_item else f"id{number}", "", "", item)
        rest = [address._replace(text=part) for part in cut(draw, text)]
        streams.append([opening, *rest])
    return calls, interleaved(draw, streams)


@given(with_addresses())
def test_ids_and_items_are_enough_in_any_order(
    case: tuple[list[tuple[str, str]], list[Piece]],
) -> None:
    calls, pieces = case
    assert sorted(gathered(*pieces)) == sorted(calls)


@given(st.data(), CALLS, st.booleans(), st.booleans())
def test_one_after_the_other_needs_no_address_at_all(
    data: st.DataObject, calls: list[tuple[str, str]], counted: bool, repeats: bool
) -> None:
    pieces = []
    for name, text in calls:
        parts = [part for part in cut(data.draw, text) if part]
        for number, part in enumerate(parts):
            named = name if repeats or number == 0 else ""
            pieces.append(Piece(0 if counted else None, "", named, part))
    assert gathered(*pieces) == calls


IDS = st.sampled_from(["", "x", "y"])
PIECES = st.builds(
    Piece,
    place=st.sampled_from([None, 0, 1]),
    id=IDS,
    name=IDS,
    text=st.sampled_from(["", A, A[:5], A[5:], "}", " ", "\ud83d"]),
    item=st.sampled_from(["", "x"]),
)


@given(st.lists(PIECES))
def test_no_byte_of_the_arguments_is_lost(pieces: list[Piece]) -> None:
    calls, events = Calls(), list[StreamEvent]()
    for piece in (Piece(0, "x", "look", "{"), *pieces):
        calls.piece(events, *piece)
    problem = calls.close(events)
    for event in events:
        if isinstance(event, ToolInputDelta):
            event.partial_json.encode()
    told = "".join(text for _, text in outcome(events))
    sent = "{" + "".join(piece.text for piece in pieces)
    again = any(piece.id and piece.name and piece.text == A for piece in pieces)
    if problem is None and not again:  # else the same may have been told twice
        assert len(told) == len(sent)


def test_the_last_word_holds_both_halves_of_a_character() -> None:
    calls, events = Calls(), list[StreamEvent]()
    call = calls.begin(events, 0, "a", "look")
    calls.add(call, '{"of":"\ud83d', events)
    calls.finish(call, '{"of":"\U0001f600"}', events)
    assert outcome(events) == [("look", '{"of":"\U0001f600"}')]


@pytest.mark.parametrize("late", [Piece(0, "a", text=A[5:]), Piece(1, "a", text=A[5:])])
def test_an_id_that_comes_late_counts_as_if_it_had_come_at_once(late: Piece) -> None:
    begun = [Piece(0, name="look"), Piece(0, "a", text=A[:5]), Piece(0, "b", "look")]
    assert gathered(*begun, late, Piece(0, "b", text=B)) == [("look", A), ("look", B)]


def test_a_name_of_nothing_but_a_template_is_told_as_it_is() -> None:
    assert gathered(Piece(0, "a", "<|channel|>", A)) == [("<|channel|>", A)]
