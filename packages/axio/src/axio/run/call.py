"""A call of a tool: its arguments as they come, why it may not run, and its result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from axio.blocks import ToolResultBlock, ToolUseBlock, unshared
from axio.types import ToolCallID, ToolName

if TYPE_CHECKING:
    import asyncio

    from axio.run.inner import InnerCalls

__all__ = ("ApprovedCall", "Call", "InnerCall", "RepeatedCall", "join_surrogates")

_ECHO = 200  # characters of broken arguments that the model gets to see again

_SPACE = " \t\n\r"  # of JSON; str.strip() takes more


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _finite(number: str) -> float:
    value = float(number)
    return value if isfinite(value) else _refuse(number)


# json.loads puts four layers around this, which cost more than short arguments do.
_decoder = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)
_scan = _decoder.scan_once  # type: ignore[attr-defined]


class Call:
    """A call the model makes. `problem` says why it is not run.

    `id` is unique in the session, `wire_id` is the one that the provider gave, at `index` of its
    response. `started` is true once the call has been handed to its tool, or answered without it.
    """

    __slots__ = (
        *(
            "begun",
            "fragments",
            "id",
            "index",
            "input",
            "inside",
            "name",
            "outer",
            "output",
            "problem",
        ),
        *("result", "started", "task", "wire_id"),
    )

    approved = False
    """True if a person has said yes to it."""

    again = False
    """True if it may have run before."""

    made: Mapping[ToolCallID, tuple[ToolUseBlock, ToolResultBlock]] = MappingProxyType({})
    """The calls that its tool has made before, with their results."""

    task: asyncio.Task[None]
    """The task in which its handler runs, where that has to wait."""

    def __init__(
        self, id: ToolCallID, name: ToolName, index: int, wire_id: ToolCallID = ""
    ) -> None:
        self.id = id
        self.name = name
        self.index = index
        self.wire_id = wire_id
        self.fragments: list[str] = []
        self.input: dict[str, Any] = {}
        self.problem: str | None = None
        self.started = False
        self.begun = False
        """True once it counts as begun, where that is noted; its result is then noted too."""
        self.outer: Call | None = None
        """The call whose tool makes this one."""
        self.inside: InnerCalls | None = None
        """The calls that its tool makes."""
        self.output: list[tuple[float, str, str]] | None = None
        """The output of a streaming tool so far: seconds, channel and text."""
        self.result: ToolResultBlock | None = None

    def parse(self, cut: bool) -> None:
        """Read the arguments. With `cut` the response was cut off, so no text means lost text."""
        raw = "".join(self.fragments)
        text = raw.strip(_SPACE)
        if not text and not cut:
            return
        try:
            value, end = _scan(text, 0)
            if end != len(text):
                raise json.JSONDecodeError("Extra data", text, end)
            if isinstance(value, dict):
                self.problem = None
                escaped = "\\u" in text or not text.isascii()
                self.input = join_surrogates(value) if escaped else value
                return
            reason = "are not a JSON object"
        except (StopIteration, ValueError) as exc:
            if isinstance(exc, StopIteration):
                exc = json.JSONDecodeError("Expecting value", text, exc.value)
            reason = "were cut off by the output limit" if cut else f"are not valid JSON ({exc})"
        except RecursionError:
            reason = "are nested too deeply"
        echo = raw if len(raw) <= _ECHO else raw[:_ECHO] + f"... ({len(raw)} characters)"
        self.problem = (
            f"The arguments of this call {reason}, so it was not run. Received: {echo!r}. "
            f"Call {self.name} again with its arguments as one valid JSON object"
            + (", and shorter." if cut else ".")
        )

    def arguments(self) -> dict[str, Any]:
        """`input` for a handler, which may change it: the history stays as it is."""
        return unshared(self.input) if self.input else {}

    def is_complete(self) -> bool:
        """True if the fragments so far are a whole JSON object."""
        try:
            return isinstance(json.loads("".join(self.fragments)), dict)
        except (ValueError, RecursionError):
            return False


class RepeatedCall(Call):
    """A call that a run before this one may have begun, and so may those inside it."""

    __slots__ = ()

    again = True


class ApprovedCall(RepeatedCall):
    """A call that waited for a person, who has said yes to it, or for calls inside it."""

    __slots__ = ("made",)

    approved = True


class InnerCall(Call):
    """A call that the tool of another one makes."""

    __slots__ = ("again", "approved")


def join_surrogates(value: Any) -> Any:
    """`value` with the halves of surrogate pairs in its texts joined, lone ones replaced.

    Providers cut text between the two halves of a character; half of one cannot be stored.
    """
    if isinstance(value, str):
        if value.isascii():
            return value
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return value
    if isinstance(value, dict):
        return {join_surrogates(key): join_surrogates(item) for key, item in value.items()}
    return [join_surrogates(item) for item in value] if isinstance(value, list) else value
