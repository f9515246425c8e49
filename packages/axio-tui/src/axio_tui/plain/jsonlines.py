"""Events as JSON objects, one a line: the output of `axio run --json`.

`type` is the event's class name in snake case (`session_end` for `SessionEndEvent`), the other
members are its fields. Bytes become Base64, a failure its class and message. Everything beyond
ASCII is escaped, so that a line is a line for every reader and holds no terminal control.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from typing import Any

from axio.blocks import ContentBlock, to_dict
from axio.events import StreamEvent
from axio.types import JSONObject
from axio_tui.errors import explain

__all__ = ("to_line", "to_record")


def to_line(event: StreamEvent, transport: object = None) -> str:
    return json.dumps(to_record(event, transport), default=str) + "\n"


def to_record(event: StreamEvent, transport: object = None) -> JSONObject:
    name = type(event).__name__.removesuffix("Event")
    record: JSONObject = {"type": re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()}
    for field in dataclasses.fields(event):
        record[field.name] = _plain(getattr(event, field.name), transport)
    return record


def _plain(value: Any, transport: object) -> Any:
    if isinstance(value, BaseException):
        return {"class": type(value).__name__, "message": explain(value, transport)}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, ContentBlock):
        return to_dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value
