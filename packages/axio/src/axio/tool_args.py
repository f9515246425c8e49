"""The arguments of a call while they stream in. It lives in `axio.schema.streaming`."""

from axio.schema.streaming import ESCAPES, State, ToolArgStream, ToolFieldEvent

__all__ = ("ESCAPES", "State", "ToolArgStream", "ToolFieldEvent")
