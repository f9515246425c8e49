"""Recorded Responses, damaged at random: each ends in an `IterationEnd` or in a typed error."""

from __future__ import annotations

import pytest

from axio_transport_openai.responses import ResponsesDecoder
from support.mutations import survive
from support.parts import requires
from support.recordings import recordings

LARGEST = 9_000  # bytes: the last event repeats the whole answer, so these are larger


def bodies() -> list[bytes]:
    requires("streams")
    return [r.body for r in recordings("openai-responses")]


def test_no_damage_leads_to_anything_but_an_end_or_a_typed_error() -> None:
    ends = survive(bodies(), ResponsesDecoder, 20_000, seed=5, largest=LARGEST)
    # Damage of all kinds was met, or the mutations do not bite.
    assert min(ends[kind] for kind in ("end_turn", "TruncatedStream", "ProtocolError")) > 100


@pytest.mark.heavy
@pytest.mark.timeout(3600)
def test_a_million_damaged_answers() -> None:
    """`python -m pytest -m heavy packages/axio-transport-openai`: some minutes."""
    for seed in range(50):
        survive(bodies(), ResponsesDecoder, 20_000, seed=1000 + seed, largest=LARGEST)
