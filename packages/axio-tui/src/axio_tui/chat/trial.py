"""A trial of a transport with one small request, and words on what came of it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal, TypeAlias

from axio.blocks import TextBlock
from axio.events import Error, IterationEnd, ReasoningDelta, TextDelta, ToolUseStart
from axio.exceptions import AxioError, ConnectionFailed, StreamError
from axio.messages import Message
from axio_tui.config.saved import ACCOUNT
from axio_tui.errors import CommandError, WrongUse, explain

__all__ = ("PATIENCE", "Step", "Trial", "failed", "try_out")

PATIENCE = 60.0
"""Seconds for the first sign of an answer: a server on this machine may have to load the model."""

Step: TypeAlias = Literal["", "settings", "model"]
"""The step to do again; "" if neither would help."""

_ANSWERS = (TextDelta, ReasoningDelta, ToolUseStart, IterationEnd)


@dataclass(frozen=True, slots=True)
class Trial:
    """`words` tell what came; without `works` they say what is wrong, and `step` what to redo."""

    works: bool
    words: str
    step: Step = ""


async def try_out(transport: Any, name: str = "", patience: float = PATIENCE) -> Trial:
    """Ask for one word, and stop at the first sign of an answer. Nothing is tried again.

    `name` is what `--transport` takes for it.
    """
    once = getattr(transport, "without_retries", None)
    asked = once() if callable(once) else transport
    messages = [Message("user", [TextBlock("Answer with the one word: ready")])]
    began = monotonic()
    try:
        async with asyncio.timeout(patience):
            stream = asked.stream(messages, [], "")
            if hasattr(stream, "aclose"):
                async with aclosing(stream) as events:
                    came = await _first(events)
            else:
                came = await _first(stream)
    except TimeoutError:
        return Trial(False, f"no answer came within {patience:.0f} s", "settings")
    except Exception as error:  # of a transport of others too
        return failed(error, transport, name)
    if not came:
        return Trial(False, "an answer came that has nothing in it", "model")
    return Trial(True, f"it has answered after {monotonic() - began:.1f} s")


async def _first(events: Any) -> bool:
    async for event in events:
        if isinstance(event, Error):
            raise event.exception
        if isinstance(event, _ANSWERS):
            return True
    return False


def failed(error: Exception, transport: object = None, name: str = "") -> Trial:
    """The trial that has ended with this error. A key is never in its words."""
    words = explain(error, transport)
    if isinstance(error, StreamError):
        return _refused(error, words, name)
    if isinstance(error, WrongUse):
        return Trial(False, words, "model" if "no model" in words else "settings")
    if isinstance(error, CommandError | OSError | AxioError):
        return Trial(False, words, "settings")
    return Trial(False, f"the transport has failed: {words}")


def _refused(error: StreamError, words: str, name: str) -> Trial:
    text = f"{error} {error.code or ''}".lower()
    if error.code == "token_refresh" or (error.status in (401, 403) and name == ACCOUNT):
        return Trial(False, f"the sign-in is not valid any more: {words}", "settings")
    if error.status in (401, 403):
        return Trial(False, f"the key was refused: {words}", "settings")
    if error.status == 404:
        if "model" in text:
            return Trial(False, f"there is no such model: {words}", "model")
        return Trial(False, f"nothing is at this address, or no such model: {words}", "settings")
    if error.status == 402 or "quota" in text or "billing" in text:
        return Trial(False, f"the key is right, but nothing is left to spend: {words}")
    if error.status == 429:
        return Trial(False, f"the key is right, but too much was asked just now: {words}")
    if error.status in (400, 422):
        return Trial(False, f"the request was refused: {words}", "model")
    if isinstance(error, ConnectionFailed):
        return Trial(False, f"the server cannot be reached: {words}", "settings")
    return Trial(False, words, "settings" if error.status is None else "")
