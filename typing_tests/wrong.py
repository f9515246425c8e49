"""Wrong use that type checkers must refuse: each line's remark is needed, or mypy complains.

(mypy's `warn_unused_ignores` is on; pyright has the same as `reportUnnecessaryTypeIgnoreComment`.)
"""

from __future__ import annotations

from axio import Agent, MemoryContextStore, Message, TextBlock, TextDelta, Usage
from axio.testing import StubTransport

agent = Agent(system="", transport=StubTransport([]))
agent.run_stream(1, MemoryContextStore())  # type: ignore[call-overload]
agent.run_stream("hello")  # type: ignore[call-overload]
Agent(system="", transport=object())  # type: ignore[arg-type]
Message("robot", [TextBlock("hello")])  # type: ignore[arg-type]
TextDelta("0", "text")  # type: ignore[arg-type]
Usage("1", 2)  # type: ignore[arg-type]
TextDelta(0, "text").delta = "other"  # type: ignore[misc]
