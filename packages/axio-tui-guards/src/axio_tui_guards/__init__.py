"""Guards for the tools of an agent. They fail closed: what they cannot judge, a person does."""

from __future__ import annotations

from axio_tui_guards.llm_guard import LLMGuard
from axio_tui_guards.path_guard import PathGuard

__all__ = ("LLMGuard", "PathGuard")
