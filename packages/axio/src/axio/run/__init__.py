"""One run of an agent: the loop between a model, its tools and a history.

`run` is the run itself and the place to begin reading; `turn` and `call` hold what the model said,
`dispatch` runs the calls, `store` is the history while a run has it, `ending` is everything about
cancellation, `budget` about limits, `stream` is the consumer's side and `face` the tools' side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from axio.run.face import RUN, Run

if TYPE_CHECKING:
    from axio.run.stream import AgentStream

__all__ = ("RUN", "AgentStream", "Run")

if not TYPE_CHECKING:

    def __getattr__(name):
        """A stream needs asyncio, which is loaded when it is asked for."""
        if name == "AgentStream":
            from axio.run.stream import AgentStream

            return AgentStream
        raise AttributeError(f"module 'axio.run' has no attribute {name!r}")
