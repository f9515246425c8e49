"""Recorded answers, damaged at random: every one ends in an `IterationEnd` or in a typed error."""

from __future__ import annotations

import pytest

from axio_transport_anthropic.decode import MessagesDecoder
from support.mutations import survive
from support.parts import requires
from support.recordings import recordings


def bodies() -> list[bytes]:
    requires("streams")
    return [recording.body for recording in recordings("anthropic-messages")]


def test_no_damage_leads_to_anything_but_an_end_or_a_typed_error() -> None:
    ends = survive(bodies(), MessagesDecoder, 20_000, seed=5)
    # Damage of all kinds was met, or the mutations do not bite.
    assert min(ends[kind] for kind in ("end_turn", "TruncatedStream", "ProtocolError")) > 100


@pytest.mark.heavy
@pytest.mark.timeout(3600)
def test_a_million_damaged_answers() -> None:
    """`python -m pytest -m heavy packages/axio-transport-anthropic`: about three minutes."""
    for seed in range(50):
        survive(bodies(), MessagesDecoder, 20_000, seed=1000 + seed)
