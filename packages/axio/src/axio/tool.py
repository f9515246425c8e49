"""A tool: an async function with a name, a schema, guards and limits.

A call goes through fixed stations: semaphore, arguments, guards, handler inside `CONTEXT`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing, nullcontext
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import KW_ONLY, dataclass, field
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isroutine
from time import monotonic
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    ParamSpec,
    TypeAlias,
    TypeVar,
    cast,
    get_type_hints,
)

from axio.exceptions import Deferred, GuardError, HandlerError
from axio.permission import APPROVED, PermissionGuard
from axio.schema import (
    SCHEMA_JSON_TYPE_MAP,
    AutomaticSchema,
    JSONSchema,
    Validator,
    build_tool_schema,
    compile_signature,
    hint_from_json_schema,
)
from axio.semaphore import Semaphore
from axio.types import ToolName

__all__ = (
    "CONTEXT",
    "SCHEMA_JSON_TYPE_MAP",
    "Example",
    "JSONSchema",
    "Tool",
    "hint_from_json_schema",
    "in_thread",
    "options_of",
    "tool_options",
)

if TYPE_CHECKING:
    # With a default (new in Python 3.13), so that a tool without a context needs no annotation.
    from typing_extensions import TypeVar as DefaultTypeVar

    T = DefaultTypeVar("T", default=Any)
else:
    T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")
H = TypeVar("H", bound=Callable[..., Any])

Example: TypeAlias = tuple[str, Mapping[str, Any]]
"""A request in a person's words, and the arguments that fulfil it."""

OutputChunk: TypeAlias = tuple[float, str, str]
"""Seconds since the start of the call, channel, text."""

_EMPTY: MappingProxyType[str, Any] = MappingProxyType({})

CONTEXT: ContextVar[Any] = ContextVar("axio.CONTEXT", default=_EMPTY)
"""`Tool.context` of the tool whose handler is running."""


@dataclass(frozen=True, slots=True)
class Tool(Generic[T]):
    """What a model may call.

    `handler` is a coroutine function, or an async generator function whose items are the live
    output: texts, or (channel, text) pairs. A coroutine function may carry such a generator as its
    attribute `stream`, and `format_stream_result(chunks)` to make the result of its output.

    `schema` is built from the handler's signature unless given; one that is given decides alone.
    `context` is what the handler finds in `CONTEXT`. `timeout` is in seconds for the handler, not
    for guards that wait for a person. `read_only` says that a call changes nothing; `eager`, that
    it may start before the model's turn has ended, and be wasted. `examples` are pairs of a request
    and its arguments.
    """

    name: ToolName
    handler: Callable[..., Any]
    description: str = ""
    guards: tuple[PermissionGuard, ...] = ()
    concurrency: int | None = None
    context: T = field(default_factory=lambda: cast(T, _EMPTY), compare=False, repr=False)
    schema: MappingProxyType[str, Any] = field(
        default_factory=lambda: _EMPTY, compare=False, repr=False
    )
    _: KW_ONLY
    examples: Sequence[Example] = field(default=(), compare=False, repr=False)
    timeout: float | None = field(default=None, compare=False, repr=False)
    eager: bool = field(default=False, compare=False, repr=False)
    read_only: bool = field(default=False, compare=False, repr=False)
    _semaphore: Semaphore | None = field(init=False, compare=False, repr=False)
    _validator: Validator = field(init=False, compare=False, repr=False)
    _generates: bool = field(init=False, compare=False, repr=False)
    supports_streaming: bool = field(init=False, compare=False, repr=False)
    """Whether a call produces output while it runs."""
    # `Tool[X](...)` tries to set it and expects the refusal that only a field of ours gives.
    __orig_class__: Any = field(default=None, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        handler = self.handler
        is_async = iscoroutinefunction(handler) or isasyncgenfunction(handler)
        if not (is_async and isroutine(handler)):  # a functools.partial is async, but no function
            raise TypeError(
                f"the handler of tool {self.name!r} must be an async function, got {handler!r}; "
                "axio.tool.in_thread makes one of an ordinary function"
            )
        if self.timeout is not None and self.timeout <= 0:
            raise ValueError(f"timeout of tool {self.name!r} must be above 0, got {self.timeout}")
        set_field = object.__setattr__
        if not self.description:
            set_field(self, "description", handler.__doc__ or "")
        set_field(self, "guards", tuple(self.guards))
        set_field(self, "examples", tuple(self.examples))
        semaphore = None if self.concurrency is None else Semaphore(self.concurrency)
        set_field(self, "_semaphore", semaphore)

        generates = isasyncgenfunction(handler)
        set_field(self, "_generates", generates)
        streams = generates or callable(getattr(handler, "stream", None))
        set_field(self, "supports_streaming", streams)

        hints = get_type_hints(handler, include_extras=True)
        schema = self.schema.copy() or AutomaticSchema(build_tool_schema(handler, hints), handler)
        # dataclasses.replace() hands the automatic schema on as if somebody had written it.
        automatic = isinstance(schema, AutomaticSchema) and schema.is_of(handler)
        validator = compile_signature(handler, hints, None if automatic else schema)
        set_field(self, "_validator", validator)
        set_field(self, "schema", MappingProxyType(schema))

    @property
    def input_schema(self) -> JSONSchema:
        """The schema as a plain dict of the caller's own."""
        return deepcopy(dict(self.schema))

    def __call__(self, /, **kwargs: Any) -> Coroutine[Any, Any, Any]:
        """Run one call; `GuardError` or `HandlerError` when it fails."""
        return self._call(kwargs) if self._semaphore is None else self._call_in_turn(kwargs)

    async def _call_in_turn(self, kwargs: dict[str, Any]) -> Any:
        async with self._semaphore or nullcontext():
            return await self._call(kwargs)

    async def _call(self, kwargs: dict[str, Any]) -> Any:
        if self._generates:
            return await self._collect(kwargs)
        kwargs = self._validator.bind(kwargs)
        if self.guards:
            kwargs = await self._ask_guards(kwargs)
        context = self.context
        # Most tools have none, and setting what is there already is dearer than all checks.
        token = None if CONTEXT.get() is context else CONTEXT.set(context)
        try:
            if self.timeout is None:
                return await self.handler(**kwargs)
            return await self._in_time(self.handler(**kwargs), _in_seconds(self.timeout))
        except HandlerError:
            raise
        except Exception as exc:
            raise _failure(exc) from exc
        finally:
            if token is not None:
                CONTEXT.reset(token)
            elif CONTEXT.get() is not context:  # The handler has set another one.
                CONTEXT.set(context)

    async def _in_time(self, work: Awaitable[R], deadline: float) -> R:
        import asyncio

        limit = asyncio.timeout_at(deadline)
        try:
            async with limit:
                return await work
        except TimeoutError as exc:
            if not limit.expired():  # It is one of the handler's own.
                raise
            raise HandlerError(f"tool {self.name!r} took longer than {self.timeout:g} s") from exc

    async def _collect(self, kwargs: dict[str, Any]) -> Any:
        start = monotonic()
        chunks = [(monotonic() - start, *pair) async for pair in self._stream(kwargs)]
        return self.format_stream_result(chunks)

    async def _ask_guards(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        for guard in self.guards:
            try:
                kwargs = await guard(self, **kwargs)
            except Deferred:
                if APPROVED.get() != self.name:
                    raise
            except GuardError:
                raise
            except Exception as exc:
                raise GuardError(str(exc) or type(exc).__name__) from exc
            if not isinstance(kwargs, Mapping):
                raise GuardError(
                    f"{type(guard).__name__} must return the arguments to allow a call, "
                    f"got {type(kwargs).__name__}"
                )
        if APPROVED.get() is not None:
            APPROVED.set(None)  # It was for this call, not for what the handler calls.
        return self._validator.keep(kwargs)

    async def call_streaming(self, /, **kwargs: Any) -> AsyncGenerator[tuple[str, str], None]:
        """Run one call, yielding (channel, text) as the handler produces it.

        A handler that does not stream gives one pair, ("output", str(result)).
        """
        limit = self._semaphore or nullcontext()
        async with limit, aclosing(self._stream(kwargs)) as source:
            async for pair in source:
                yield pair

    async def _stream(self, kwargs: dict[str, Any]) -> AsyncGenerator[tuple[str, str], None]:
        if not self.supports_streaming:
            yield "output", str(await self._call(kwargs))
            return
        kwargs = await self._ask_guards(self._validator.bind(kwargs))
        handler = self.handler
        source = handler(**kwargs) if self._generates else handler.stream(**kwargs)  # type: ignore[attr-defined]
        deadline = None if self.timeout is None else _in_seconds(self.timeout)
        try:
            while True:
                # Set anew for each step: between two steps other code runs in this context.
                token = CONTEXT.set(self.context)
                try:
                    step = anext(source)
                    item = await (step if deadline is None else self._in_time(step, deadline))
                except StopAsyncIteration:
                    return
                except HandlerError:
                    raise
                except Exception as exc:
                    raise _failure(exc) from exc
                finally:
                    CONTEXT.reset(token)
                yield ("output", item) if isinstance(item, str) else item
        finally:
            await source.aclose()

    def format_stream_result(self, chunks: list[OutputChunk]) -> str:
        """The result of a call that produced `chunks`."""
        formatter = getattr(self.handler, "format_stream_result", None)
        if callable(formatter):
            return cast(str, formatter(chunks))
        return "".join(text for _, _, text in chunks)


def _in_seconds(timeout: float) -> float:
    import asyncio  # Here, so that no program pays for it that only defines tools.

    return asyncio.get_running_loop().time() + timeout


def _failure(exc: Exception) -> HandlerError:
    try:
        words = str(exc)
    except Exception:  # An error that cannot even be shown is still one of its kind.
        words = ""
    return HandlerError(words or type(exc).__name__)


def tool_options(
    *,
    concurrency: int | None = None,
    examples: Sequence[Example] = (),
    timeout: float | None = None,
    eager: bool = False,
    read_only: bool = False,
) -> Callable[[H], H]:
    """Note on a coroutine function what the `Tool` made of it by discovery shall have."""
    options = {
        "concurrency": concurrency,
        "examples": tuple(examples),
        "timeout": timeout,
        "eager": eager,
        "read_only": read_only,
    }

    def note(handler: H) -> H:
        handler._tool_options = options  # type: ignore[attr-defined]
        return handler

    return note


def options_of(handler: Callable[..., Any]) -> dict[str, Any]:
    """What `tool_options`, or `_tool_concurrency`, left on a handler, as arguments for `Tool`."""
    options = dict(getattr(handler, "_tool_options", ()))
    concurrency = getattr(handler, "_tool_concurrency", None)
    if concurrency is not None:
        options["concurrency"] = concurrency
    return options


def in_thread(function: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    """A coroutine function that runs an ordinary function in a worker thread.

    Context variables are passed on. A thread cannot be stopped: after a cancel or a timeout the
    function runs to its end unheard.
    """

    @wraps(function)
    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        import asyncio

        return await asyncio.to_thread(work, *args, **kwargs)

    def work(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except StopIteration as exc:
            # As in a coroutine (PEP 479); a future takes none, and would be waited for for ever.
            raise RuntimeError("function raised StopIteration") from exc

    return call
