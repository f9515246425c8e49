"""More about a failure than the error says."""

from __future__ import annotations

from axio.exceptions import StreamError
from axio.transport import model_of
from axio_tui.connect import known_models, listed
from axio_tui.equip import Equipment
from axio_tui.harmless import visible

__all__ = ("hint_for",)


async def hint_for(failure: BaseException, parts: Equipment) -> str:
    """The models that the server has, where it was asked for one that it has not; else ""."""
    transport = parts.agent.transport
    model = model_of(transport)
    if model is None or not isinstance(failure, StreamError) or failure.status not in (400, 404):
        return ""
    known = await known_models(parts.choice, transport)
    if not known or model.id in known:
        return ""
    return f"no model {visible(model.id)!r} there, only {listed(known, model.id)}"
