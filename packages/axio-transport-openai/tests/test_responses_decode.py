"""The decoder of Responses streams against recorded answers, and what no recording shows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from axio.events import (
    StreamEvent,
)
from axio.types import StopReason
from axio_transport_openai.responses import ResponsesDecoder
from support.parts import requires
from support.recordings import (
    Outcome,
    Recording,
    choppings,
    observed,
    recordings,
    wanted,
)

ANSWERS = [r for r in recordings("openai-responses") if r.status == 200]

# Its shell ran in the provider's container and its output is in the same answer, which ends in
# text. The expectation counts these calls as the caller's to run; an agent that did so would answer
# calls that are answered.
RAN_THERE = "openai-responses-openai-openai-shell-skills-1"


def decode(*chunks: bytes, **options: Any) -> list[StreamEvent]:
    decoder = ResponsesDecoder(**options)
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    events += decoder.close()
    assert decoder.done
    return events


@pytest.fixture(scope="module", autouse=True)
def _streams() -> None:
    requires("streams")


# ── recordings ────────────────────────────────────────────────────────────────────────────────


def test_there_are_recordings_of_all_kinds() -> None:
    features = {feature for recording in ANSWERS for feature in recording.features}
    assert len(ANSWERS) > 100
    assert features >= {
        "annotations",
        "args_without_deltas",
        "builtin_client_tool",
        "compaction",
        "encrypted_reasoning",
        "error_in_stream",
        "parallel_tool_calls",
        "phase",
        "refusal_text",
    }


def expected_outcome(recording: Recording) -> Outcome:
    outcome = wanted(recording)
    expected = recording.expected["tool_calls"]
    outcome.calls = [
        # Arguments of built-in tools are no text on the wire but an object.
        (call["id"], call["name"], call["arguments_raw"] or json.dumps(call["arguments"]))
        for call in expected
    ]
    if recording.name == RAN_THERE:
        outcome.calls, outcome.stop = [], StopReason.end_turn
    return outcome


@pytest.mark.parametrize("recording", ANSWERS, ids=lambda recording: recording.name)
def test_a_recording_decodes_to_its_outcome_however_it_is_cut(recording: Recording) -> None:
    for how, chunks in choppings(recording.body):
        assert observed(decode(*chunks)) == expected_outcome(recording), how
