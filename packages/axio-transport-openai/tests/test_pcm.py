"""Speech at one rate as speech at another."""

from __future__ import annotations

import math
import struct
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from axio_transport_openai.pcm import Resampler


def pcm(samples: list[int]) -> bytes:
    return struct.pack(f"<{len(samples)}h", *samples)


def samples(data: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(data) // 2}h", data))


def test_between_two_samples_runs_a_straight_line() -> None:
    resampler = Resampler(16_000, 24_000)
    assert samples(resampler.feed(pcm([0, 300, 600, 900]))) == [0, 200, 400, 600, 800]
    assert samples(resampler.feed(pcm([1200]))) == [1000]


def test_the_extremes_stay_in_range() -> None:
    loud = [-32768, 32767] * 50
    assert set(samples(Resampler(8_000, 24_000).feed(pcm(loud)))) >= {-32768, 32767}


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_a_tone_keeps_its_pitch(rate: int) -> None:
    tone = [round(10_000 * math.sin(math.tau * 200 * n / rate)) for n in range(rate)]
    heard = samples(Resampler(rate, 24_000).feed(pcm(tone)))
    assert abs(len(heard) - 24_000) <= 3
    expected = [10_000 * math.sin(math.tau * 200 * n / 24_000) for n in range(len(heard))]
    assert max(abs(a - b) for a, b in zip(heard, expected, strict=True)) < 150


@given(
    st.lists(st.integers(-32768, 32767), max_size=40),
    st.sampled_from([8_000, 16_000, 44_100, 96_000]),
    st.lists(st.integers(0, 80), max_size=6),
)
def test_pieces_make_no_difference(speech: list[int], rate: int, cuts: list[int]) -> None:
    data = pcm(speech)
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    resampler = Resampler(rate, 24_000)
    pieces = [resampler.feed(data[a:b]) for a, b in pairwise(bounds)]
    assert b"".join(pieces) == Resampler(rate, 24_000).feed(data)
