"""Answers of real servers decode as they should, however they are cut."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from axio_transport_openai.decode import ChatDecoder
from support.parts import requires
from support.recordings import (
    Outcome,
    Recording,
    borders,
    choppings,
    observed,
    recordings,
    single_bytes,
    two_pieces,
    wanted,
)

STREAMS = [recording for recording in recordings("openai-chat") if recording.status == 200]
SMALL = [recording for recording in STREAMS if len(recording.body) < 4096][::4][:20]
LONG = 150
"""Events. Cutting at each border of a stream takes the square of their number."""


def names(recordings: Iterable[Recording]) -> list[str]:
    return [recording.name for recording in recordings]


def decoded(chunks: Iterable[bytes]) -> Outcome:
    decoder = ChatDecoder()
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return observed(events + decoder.close())


def test_the_recordings_are_there() -> None:
    requires("streams")
    assert len(STREAMS) >= 180
    assert len(SMALL) == 20


@pytest.mark.parametrize("recording", STREAMS, ids=names(STREAMS))
def test_each_stream_decodes_to_its_outcome_whole_and_cut_at_all_borders(
    recording: Recording,
) -> None:
    for how, chunks in choppings(recording.body):
        assert decoded(chunks) == wanted(recording), how


def check_each_border(recording: Recording) -> None:
    expected = wanted(recording)
    for how, chunks in two_pieces(recording.body, borders(recording.body)):
        assert decoded(chunks) == expected, how


SHORTER = [recording for recording in STREAMS if len(borders(recording.body)) < LONG]
LONGER = [recording for recording in STREAMS if len(borders(recording.body)) >= LONG]


@pytest.mark.parametrize("recording", SHORTER, ids=names(SHORTER))
def test_a_stream_may_be_cut_in_two_at_each_border(recording: Recording) -> None:
    check_each_border(recording)


@pytest.mark.heavy
@pytest.mark.parametrize("recording", LONGER, ids=names(LONGER))
def test_a_long_stream_may_be_cut_in_two_at_each_border(recording: Recording) -> None:
    check_each_border(recording)


@pytest.mark.parametrize("recording", SMALL, ids=names(SMALL))
def test_a_stream_may_be_cut_at_every_byte(recording: Recording) -> None:
    expected = wanted(recording)
    assert decoded(single_bytes(recording.body)) == expected
    for how, chunks in two_pieces(recording.body, range(len(recording.body))):
        assert decoded(chunks) == expected, how
