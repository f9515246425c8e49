"""The function behind a tool: what can be one, and what it notes for the tool made of it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isroutine
from typing import Any, ParamSpec, TypeAlias, TypeVar

from axio.schema.signature import unbound
from axio.types import ToolName

__all__ = ("Example", "in_thread", "options_of", "refuse_sync", "tool_options")

P = ParamSpec("P")
R = TypeVar("R")
H = TypeVar("H", bound=Callable[..., Any])

Example: TypeAlias = tuple[str, Mapping[str, Any]]
"""A request in a person's words, and the arguments that fulfil it."""


def refuse_sync(handler: Any, name: ToolName) -> None:
    """Raise `TypeError` unless this is an async function or generator, or a partial of one."""
    if not (_is_async(handler) and isroutine(unbound(handler))):
        raise TypeError(
            f"the handler of tool {name!r} must be an async function, got {handler!r}; "
            "axio.tool.in_thread makes one of an ordinary function"
        )


def _is_async(function: Any) -> bool:
    return iscoroutinefunction(function) or isasyncgenfunction(function)


def tool_options(
    *,
    concurrency: int | None = None,
    examples: Sequence[Example] = (),
    timeout: float | None = None,
    eager: bool = False,
    read_only: bool = False,
    idempotent: bool = False,
) -> Callable[[H], H]:
    """Note on a coroutine function what the `Tool` made of it by discovery shall have."""
    options = {
        "concurrency": concurrency,
        "examples": tuple(examples),
        "timeout": timeout,
        "eager": eager,
        "read_only": read_only,
        "idempotent": idempotent,
    }

    def note(handler: H) -> H:
        handler._tool_options = options  # type: ignore[attr-defined]
        return handler

    return note


def options_of(handler: Callable[..., Any]) -> dict[str, Any]:
    """The notes of `tool_options` or `_tool_concurrency` on a handler, as arguments for `Tool`."""
    options = dict(getattr(handler, "_tool_options", ()))
    concurrency = getattr(handler, "_tool_concurrency", None)
    if concurrency is not None:
        options["concurrency"] = concurrency
    return options


def in_thread(function: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    """A coroutine function that runs an ordinary function in a worker thread.

    Context variables are passed on. A thread cannot be stopped: after a cancel or a timeout the
    function runs to its end unheard. For a tool that shall be pickled it must be found under its
    name, as one that `@in_thread` decorates is.
    """
    if _is_async(function):
        raise TypeError(f"{function!r} is async: it needs no thread")

    @wraps(unbound(function))
    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        import asyncio

        return await asyncio.to_thread(work, *args, **kwargs)

    def work(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except StopIteration as exc:
            # As in a coroutine (PEP 479); a future takes none, and would be waited for for ever.
            raise RuntimeError("function raised StopIteration") from exc

    call.__wrapped__ = function  # A partial hides what it has bound.
    return call
