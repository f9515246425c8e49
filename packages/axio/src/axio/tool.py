"""A tool: an async function with a name, a schema, guards and limits.

A call goes through fixed stations: semaphore, arguments, guards, handler inside `CONTEXT`.
"""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import aclosing, nullcontext
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import KW_ONLY, dataclass, field, fields
from inspect import Parameter, isasyncgenfunction, signature
from time import monotonic
from types import FunctionType, MappingProxyType, MethodType, NoneType
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    TypeAlias,
    TypeVar,
    cast,
)

from axio.exceptions import Deferred, GuardError, HandlerError, message_of, wrong_kind
from axio.handlers import Example, in_thread, options_of, refuse_sync, tool_options
from axio.permission import APPROVED, BEGIN, PermissionGuard
from axio.schema import (
    SCHEMA_JSON_TYPE_MAP,
    AutomaticSchema,
    JSONSchema,
    Validator,
    arguments_schema,
    compile_signature,
    hint_from_json_schema,
)
from axio.schema.signature import unbound
from axio.semaphore import Semaphore
from axio.types import JSONObject, ToolName

__all__ = (
    "CONTEXT",
    "SCHEMA_JSON_TYPE_MAP",
    "AnyTool",
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
R = TypeVar("R")

OutputChunk: TypeAlias = tuple[float, str, str]
"""Seconds since the start of the call, channel, text."""

_EMPTY: MappingProxyType[str, Any] = MappingProxyType({})

CONTEXT: ContextVar[Any] = ContextVar("axio.CONTEXT", default=_EMPTY)
"""`Tool.context` of the tool whose handler is running."""


_KINDS: tuple[tuple[str, Any, str], ...] = (
    ("description", str, "a str"),
    ("guards", Iterable, "a tuple of guards"),
    ("concurrency", (int, NoneType), "an int"),
    ("schema", Mapping, "a JSON Schema as a dict"),
    ("timeout", (int, float, NoneType), "a number of seconds"),
)


@dataclass(frozen=True, slots=True)
class Tool(Generic[T]):
    """A function that a model may call.

    `handler` is a coroutine function, or an async generator function whose items are the live
    output: texts, or (channel, text) pairs. A coroutine function may carry such a generator as its
    attribute `stream`, and `format_stream_result(chunks)` to make the result of its output.

    `schema` is built from the handler's signature unless given; one that is given decides alone.
    `context` is what the handler finds in `CONTEXT`. `timeout` is in seconds for the handler, not
    for guards that wait for a person. `read_only` says that a call changes nothing; `eager`, that
    it may start before the model's turn has ended, and be wasted; `idempotent`, that it changes
    something but may be made again after a crash, as where the handler hands on
    `RUN.get().call_id` as a key. `examples` are pairs of a request and its arguments.
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
    idempotent: bool = field(default=False, compare=False, repr=False)
    _semaphore: Semaphore | None = field(init=False, compare=False, repr=False)
    _validator: Validator = field(init=False, compare=False, repr=False)
    _generates: bool = field(init=False, compare=False, repr=False)
    supports_streaming: bool = field(init=False, compare=False, repr=False)
    """True if a call produces output while it runs."""
    # `Tool[X](...)` tries to set it and expects the refusal that only a field of ours gives.
    __orig_class__: Any = field(default=None, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        handler = self.handler
        self._refuse_nonsense()
        set_field = object.__setattr__
        if not self.description:
            set_field(self, "description", unbound(handler).__doc__ or "")
        set_field(self, "guards", tuple(self.guards))
        set_field(self, "examples", tuple(self.examples))
        semaphore = None if self.concurrency is None else Semaphore(self.concurrency)
        set_field(self, "_semaphore", semaphore)

        generates = isasyncgenfunction(handler)
        set_field(self, "_generates", generates)
        streams = generates or callable(getattr(handler, "stream", None))
        set_field(self, "supports_streaming", streams)

        given = self._given_schema()
        set_field(self, "_validator", compile_signature(handler, given))
        schema = AutomaticSchema(arguments_schema(handler), handler) if given is None else given
        set_field(self, "schema", MappingProxyType(schema))
        for guard in self.guards:
            _refuse_guard(guard, self)

    def _refuse_nonsense(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"the name of a tool must be a str, got {self.name!r}")
        if not self.name:
            raise ValueError("a tool needs a name, by which the model calls it; got ''")
        refuse_sync(self.handler, self.name)
        for field_name, kind, wanted in _KINDS:
            value = getattr(self, field_name)
            if not isinstance(value, kind) or isinstance(value, bool):
                raise wrong_kind(f"{field_name} of tool {self.name!r}", wanted, value)
        if self.timeout is not None and not self.timeout > 0:
            raise ValueError(f"timeout of tool {self.name!r} must be above 0, got {self.timeout}")
        if self.eager and not self.read_only:
            raise ValueError(
                f"tool {self.name!r} is eager, so a call may start and be wasted: that needs "
                "read_only=True"
            )

    def _given_schema(self) -> JSONSchema | None:
        """The schema that was not built from this handler, if there is one."""
        given = self.schema.copy()
        # dataclasses.replace() hands the automatic schema on as if it had been given.
        automatic = isinstance(given, AutomaticSchema) and given.is_of(self.handler)
        return None if automatic or not given else given

    def __reduce__(self) -> Any:
        # Made anew from its arguments: semaphore, validator and read-only dicts cannot be copied.
        arguments = {f.name: getattr(self, f.name) for f in fields(self) if f.init}
        arguments["schema"] = self._given_schema() or {}
        read_only = ["schema"]
        if isinstance(self.context, MappingProxyType):
            arguments["context"] = dict(self.context)
            read_only.append("context")
        return _made_again, (type(self), arguments, read_only)

    @property
    def waits(self) -> bool:
        """True if a call may have to wait before its handler starts."""
        return bool(self.guards) or self._semaphore is not None

    @property
    def input_schema(self) -> JSONSchema:
        """The schema as a plain dict of the caller's own."""
        return deepcopy(dict(self.schema))

    def __call__(self, /, **kwargs: Any) -> Coroutine[Any, Any, Any]:
        """Run one call; `GuardError` or `HandlerError` when it fails."""
        return self._call(kwargs) if self._semaphore is None else self._call_in_turn(kwargs)

    async def _begin(self) -> None:
        """The guards have agreed, and it is the call's turn: the handler is about to start."""
        begin = BEGIN.get()
        if begin is not None:
            BEGIN.set(None)  # It was for this call, not for what the handler calls.
            await begin()

    async def _call_in_turn(self, kwargs: JSONObject) -> Any:
        async with self._semaphore or nullcontext():
            return await self._call(kwargs)

    async def _call(self, kwargs: JSONObject) -> Any:
        if self._generates:
            return await self._collect(kwargs)
        kwargs = self._validator.bind(kwargs)
        if self.guards:
            kwargs = await self._ask_guards(kwargs)
        if self.guards or self._semaphore is not None:  # As `waits`, which would be a call more.
            await self._begin()
        context = self.context
        # Most tools have none, and setting what is there already is dearer than all checks.
        token = None if CONTEXT.get() is context else CONTEXT.set(context)
        try:
            if self.timeout is None:
                return await self.handler(**kwargs)
            return await self._in_time(self.handler(**kwargs), _in_seconds(self.timeout))
        except HandlerError:
            raise
        except Deferred as exc:
            exc.has_begun = True
            raise
        except Exception as exc:
            raise HandlerError(message_of(exc)) from exc
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

    async def _collect(self, kwargs: JSONObject) -> Any:
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
                raise GuardError(message_of(exc)) from exc
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

        A handler that does not stream gives one pair, "output" and the text of its result.
        """
        limit = self._semaphore or nullcontext()
        async with limit, aclosing(self._stream(kwargs)) as source:
            async for pair in source:
                yield pair

    async def _stream(self, kwargs: JSONObject) -> AsyncGenerator[tuple[str, str], None]:
        if not self.supports_streaming:
            from axio.results import as_content, as_text  # Runs do not come here.

            yield "output", as_text(as_content(await self._call(kwargs)))
            return
        kwargs = await self._ask_guards(self._validator.bind(kwargs))
        if self.waits:
            await self._begin()
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
                except Deferred as exc:
                    exc.has_begun = True
                    raise
                except Exception as exc:
                    raise HandlerError(message_of(exc)) from exc
                finally:
                    CONTEXT.reset(token)
                yield self._pair(item)
        finally:
            await source.aclose()

    def _pair(self, item: Any) -> tuple[str, str]:
        match item:
            case str():
                return "output", item
            case (str(channel), str(text)):
                return channel, text
        raise HandlerError(
            f"tool {self.name!r} must yield text, or pairs of a channel and text; "
            f"got {type(item).__name__}"
        )

    def format_stream_result(self, chunks: list[OutputChunk]) -> str:
        """The result of a call that produced `chunks`."""
        formatter = getattr(self.handler, "format_stream_result", None)
        if callable(formatter):
            return cast(str, formatter(chunks))
        return "".join(text for _, _, text in chunks)


AnyTool: TypeAlias = Tool[Any]
"""A tool with a context of any type."""


def _made_again(cls: type[AnyTool], arguments: dict[str, Any], read_only: Sequence[str]) -> AnyTool:
    return cls(**{**arguments, **{name: MappingProxyType(arguments[name]) for name in read_only}})


def require_tools(tools: object) -> None:
    """TypeError for what is no list of tools, ValueError for two tools of one name in it."""
    if not isinstance(tools, Collection) or isinstance(tools, (str, bytes, Mapping)):
        raise wrong_kind("tools", "a list of tools", tools)
    for tool in tools:
        if isinstance(tool, FunctionType | MethodType):
            name = tool.__name__
            raise TypeError(
                f"{name} is a function, not a tool: write Tool(name={name!r}, handler={name})"
            )
        if isinstance(tool, type) or not hasattr(tool, "name"):
            raise wrong_kind("tools", "a list of tools", tools)
    refuse_twins(tools)


def refuse_twins(tools: Iterable[AnyTool]) -> None:
    """ValueError for two tools of one name: a call of the model could mean either."""
    names = [tool.name for tool in tools]
    if len(set(names)) < len(names):
        twin = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"two tools have the name {twin!r}; give each a name of its own")


def _refuse_guard(guard: PermissionGuard, tool: AnyTool) -> None:
    """Raise `TypeError` for a guard that no call of this tool could ask.

    It is called as `check(tool, **arguments)`, so none of the arguments may have the name by which
    it takes the tool.
    """
    if isinstance(guard, type) or not callable(guard):
        raise TypeError(f"a guard of tool {tool.name!r} must be an object to ask, got {guard!r}")
    check = getattr(guard, "check", guard)
    function = getattr(check, "__func__", check)
    try:
        parameters = [*signature(function).parameters.values()]
    except (TypeError, ValueError):  # Some callables do not tell.
        return
    taken = parameters[:1] if function is check else parameters[:2]  # a method, then the tool
    check_name = getattr(function, "__name__", "check")
    for parameter in taken:
        by_name = parameter.kind is Parameter.POSITIONAL_OR_KEYWORD
        if by_name and parameter.name in tool._validator.names:
            raise TypeError(
                f"{type(guard).__name__} cannot guard tool {tool.name!r}: both have a parameter "
                f"{parameter.name!r}; write {check_name}(self, tool, /, **arguments)"
            )


def _in_seconds(timeout: float) -> float:
    import asyncio  # Here, so that no program pays for it that only defines tools.

    return asyncio.get_running_loop().time() + timeout
