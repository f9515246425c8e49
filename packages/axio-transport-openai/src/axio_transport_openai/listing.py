"""The common part of the lists of models of Nebius and OpenRouter. Pure."""

from __future__ import annotations

from typing import Any

from axio.exceptions import ProtocolError
from axio.models import Capability, ModelRegistry, ModelSpec
from axio.types import JSONObject

__all__ = ("choose", "dollars_per_million", "entries", "number")


def entries(answer: Any) -> list[JSONObject]:
    """The models of a `GET /models` answer; entries without an id are left out."""
    rows = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        raise ProtocolError("the list of models is not one")
    return [row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)]


def choose(current: ModelSpec, models: ModelRegistry) -> ModelSpec:
    """The model of the same id as `current`, else the cheapest with tools, else the first."""
    if current.id in models:
        return models[current.id]
    with_tools = models.by_capability(Capability.tool_use).by_cost()
    return (with_tools or models).first() if models else current


def number(value: Any, default: int) -> int:
    """A count that may be missing, null, zero or text."""
    try:
        return int(value) or default
    except (TypeError, ValueError, OverflowError):
        return default


def dollars_per_million(price: Any) -> float:
    """A price in dollars per token, often as text; zero where there is none."""
    try:
        return float(price) * 1e6
    except (TypeError, ValueError):
        return 0.0
