"""The events of one run: the place that programs import `AgentStream` from."""

from axio.run.stream import AgentStream

__all__ = ("AgentStream",)
