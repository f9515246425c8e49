"""Events as plain data for JSON, and back: for files, queues and browsers.

The data of an event are its fields and its `type`, the name of its class. Bytes are base64. Of an
error only the class and the message remain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, cast, get_args

from axio import exceptions
from axio.events import Error, NestedEvent, StreamEvent
from axio.exceptions import AxioError, message_of
from axio.schema import converter, json_value
from axio.types import JSONObject, JSONValue

__all__ = ("event_from_dict", "event_to_dict")

_EVENTS: MappingProxyType[str, type[Any]] = MappingProxyType(
    {kind.__name__: kind for kind in get_args(StreamEvent)}
)


def event_to_dict(event: StreamEvent) -> JSONObject:
    """The event as data."""
    kind = type(event).__name__
    if isinstance(event, Error):
        error = event.exception
        return {"type": kind, "exception": f"{type(error).__name__}: {message_of(error)}"}
    if isinstance(event, NestedEvent):
        inner = event_to_dict(event.event)
        return {"type": kind, "tool_use_id": event.tool_use_id, "name": event.name, "event": inner}
    return {"type": kind, **cast(JSONObject, json_value(event, _form))}


def _form(value: object) -> JSONValue:
    """Infinity, which models write in arguments, stays what it is for Python's `json`."""
    return value if isinstance(value, float) else json_value(value)


def event_from_dict(data: Mapping[str, Any]) -> StreamEvent:
    """The event that `event_to_dict` wrote; ValueError for what it did not write.

    An exception that is not one of axio's comes back as a RuntimeError with its name.
    """
    kind = data.get("type")
    if not isinstance(kind, str) or kind not in _EVENTS:
        raise ValueError(f"Unknown event type: {kind!r}")
    try:
        if kind == "Error":
            return Error(_exception(data["exception"]))
        if kind == "NestedEvent":
            inner = event_from_dict(data["event"])
            return NestedEvent(data["tool_use_id"], data["name"], inner)
        return cast(StreamEvent, _reader(kind)(data))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not the data of a {kind}: {error!r}") from error


@cache
def _reader(kind: str) -> Callable[[Any], Any]:
    return converter(_EVENTS[kind])


def _exception(text: str) -> Exception:
    name, _, words = text.partition(": ")
    kind = getattr(exceptions, name, None)
    if isinstance(kind, type) and issubclass(kind, AxioError):
        return kind(words)
    return RuntimeError(text)
