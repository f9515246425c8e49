"""Guards for the tools of an agent. They fail closed: what they cannot judge, a person does."""

from __future__ import annotations

from axio_tui_guards.asking import Reply
from axio_tui_guards.audit import AuditLog
from axio_tui_guards.decisions import Decision, Decisions
from axio_tui_guards.llm_guard import LLMGuard
from axio_tui_guards.path_guard import PathGuard
from axio_tui_guards.policy import default_policy
from axio_tui_guards.question import Question
from axio_tui_guards.rule_guard import RuleGuard
from axio_tui_guards.rules import Rule

__all__ = (
    "AuditLog",
    "Decision",
    "Decisions",
    "LLMGuard",
    "PathGuard",
    "Question",
    "Reply",
    "Rule",
    "RuleGuard",
    "default_policy",
)

__version__ = "1.0.0a1"
