"""Which tool the model would call next, as a probability for each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from axio_transport_local.grammar import one_of
from axio_transport_local.model import Model
from axio_transport_local.prompt import ask

__all__ = ("CONTENT_FREE", "calibration", "likelihoods")

CONTENT_FREE = ("N/A", "...", "request", "[MASK]")
"""Requests that ask for nothing: what the model makes of them is its leaning, not their meaning."""

WORTH_A_LOOK = 0.05
"""Names that begin with the same token are told apart if that token has such a share of all."""

_FLOOR = 1e-7


def likelihoods(model: Model, prefix: str, line: str, names: Sequence[str]) -> dict[str, float]:
    """Log probability, at least about -16, of each name as that of the call for `line`."""
    found = dict.fromkeys(names, _FLOOR)
    calls = {f"{name}(".encode(): name for name in names}
    _descend(model, prefix + ask(line), b"", calls, 1.0, found)
    return {name: math.log(probability) for name, probability in found.items()}


def calibration(model: Model, prefix: str, names: Sequence[str]) -> dict[str, float]:
    """The log of the mean probability of each name when nothing is asked.

    A model leans strongly to some names; see Zhao et al., "Calibrate Before Use" (2021).
    """
    free = [likelihoods(model, prefix, line, names) for line in CONTENT_FREE]
    return {
        name: math.log(sum(math.exp(each[name]) for each in free) / len(free)) for name in names
    }


def _descend(
    model: Model,
    prompt: str,
    typed: bytes,
    calls: Mapping[bytes, str],
    mass: float,
    found: dict[str, float],
) -> None:
    """Spread `mass` over the names of `calls`, all of which begin with `typed`, by their tokens."""
    written = typed.decode()
    grammar = one_of(call.decode().removeprefix(written) for call in calls)
    shared: list[tuple[bytes, float, dict[bytes, str]]] = []
    total = 0.0
    for token, probability in model.next_tokens(prompt + written, grammar).items():
        begun = {c: name for c, name in calls.items() if token and c.startswith(typed + token)}
        total += probability if begun else 0.0
        if len(begun) == 1:
            found[next(iter(begun.values()))] += mass * probability
        elif begun:
            shared.append((typed + token, probability, begun))
    for start, probability, begun in shared:
        if probability >= WORTH_A_LOOK * total and _whole(start):
            _descend(model, prompt, start, begun, mass * probability, found)
        else:
            for name in begun.values():
                found[name] += mass * probability / len(begun)


def _whole(text: bytes) -> bool:
    """True if `text` does not end within a character."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
