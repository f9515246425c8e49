"""The guards as `axio.guards` offers them, and how they ask."""

from __future__ import annotations

from axio_tui_guards.asking import ASK_LOCK, PromptFn, ask_user
from axio_tui_guards.llm_guard import LLMGuard
from axio_tui_guards.path_guard import PathGuard

__all__ = ("ASK_LOCK", "LLMGuard", "PathGuard", "PromptFn", "ask_user")
