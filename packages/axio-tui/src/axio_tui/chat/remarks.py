"""Remarks: what a transcript holds besides the messages of the history, to be kept beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

from axio.types import JSONObject
from axio_tui.chat.entries import Failure, Note, Reasoning, SubAgent, ToolCall

__all__ = ("Mark", "Remark", "Said", "marked", "remark_from_dict", "to_dict")


@dataclass(frozen=True, slots=True)
class Said:
    """An entry of its own, before the message at the index `at`."""

    at: int
    entry: Reasoning | Failure | Note


@dataclass(frozen=True, slots=True)
class Mark:
    """More about the call `call_id` of the message at the index `at`."""

    at: int
    call_id: str
    decision: str = ""
    agent: SubAgent | None = None


Remark: TypeAlias = Said | Mark

_ENTRIES: dict[str, type[Reasoning | Failure | Note]] = {
    "reasoning": Reasoning,
    "failure": Failure,
    "note": Note,
}
_NAMES = {kind: name for name, kind in _ENTRIES.items()}


def to_dict(remark: Remark) -> JSONObject:
    """The remark as JSON-able data."""
    if isinstance(remark, Mark):
        return {"type": "mark", **asdict(remark)}
    return {"type": _NAMES[type(remark.entry)], "at": remark.at, **asdict(remark.entry)}


def remark_from_dict(data: Mapping[str, Any]) -> Remark:
    """The remark that `to_dict` gave. ValueError for anything else."""
    fields = dict(data)
    try:
        kind, at = fields.pop("type"), int(fields.pop("at"))
        if kind != "mark":
            return Said(at, _ENTRIES[kind](**fields))
        agent = fields.pop("agent")
        return Mark(at, agent=None if agent is None else SubAgent(**agent), **fields)
    except (KeyError, TypeError) as error:
        raise ValueError(f"no remark of a conversation: {error}") from error


def marked(call: ToolCall, mark: Mark) -> ToolCall:
    """The call with what the mark says of it."""
    if mark.agent is not None:
        call = replace(call, agents=(*call.agents, mark.agent))
    return replace(call, decision=mark.decision) if mark.decision else call
