"""i3: an answer of 20,000 deltas over the Responses wire, decoding alone.

The floor is our own decoder of chat completions, which has as many deltas to read. Each comes with
what OpenAI really sends along: ids, numbers, padding.
"""

from __future__ import annotations

import json
from functools import cache, partial
from typing import Any

from axio.types import StopReason, Usage
from axio_transport_openai.decode import ChatDecoder
from axio_transport_openai.responses import ResponsesDecoder
from benchmarks.bench_i_openai_stream import DELTAS, READ, chunks
from benchmarks.measure import Figure, Item, Sample, timed


@cache
def pieces() -> list[bytes]:
    item = "msg_0fabc13af1ee0049006a691dfebdc881a1ae18d027c313d8ce"
    sent: list[dict[str, Any]] = [
        {
            "type": "response.output_text.delta",
            "content_index": 0,
            "delta": "word ",
            "item_id": item,
            "logprobs": [],
            "obfuscation": "6SrG2MJzwXsyrz",
            "output_index": 0,
            "sequence_number": number,
        }
        for number in range(DELTAS)
    ]
    usage = {"input_tokens": 10, "output_tokens": DELTAS}
    response = {"status": "completed", "output": [], "usage": usage}
    sent.append({"type": "response.completed", "response": response})
    body = b"".join(
        f"event: {event['type']}\ndata: {json.dumps(event, separators=(',', ':'))}\n\n".encode()
        for event in sent
    )
    return [body[start : start + READ] for start in range(0, len(body), READ)]


def decoding(make: Any, body: Any) -> Sample:
    read = body()
    decoder = make()
    with timed(DELTAS) as timer:
        found = [event for piece in read for event in decoder.feed(piece)]
    *deltas, end = found
    assert (len(deltas), end.stop_reason) == (DELTAS, StopReason.end_turn)
    assert end.usage == Usage(10, DELTAS)
    return timer.sample


def items() -> list[Item]:
    return [
        Item(
            "i3 decoding Responses",
            {
                "axio": partial(decoding, ResponsesDecoder, pieces),
                "floor": partial(decoding, ChatDecoder, chunks),
            },
            [Figure("µs CPU a delta", 1e6, goal=1.3)],
        )
    ]
