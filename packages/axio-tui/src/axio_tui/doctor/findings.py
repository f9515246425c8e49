"""`examine`: many checks at the same time, each of which may fail or hang by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from axio_tui.harmless import one_line

__all__ = ("LIMIT", "Check", "Finding", "State", "examine", "is_well")

State: TypeAlias = Literal["ok", "warning", "broken"]
"""Broken: something that is needed does not work. A warning is about what can be done without."""

LIMIT = 4.0
"""Seconds that a check may take."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: a thing, how it is, and what to do about it."""

    state: State
    name: str
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """`look` may block, raise and end the program: it is called in a thread of its own."""

    name: str
    look: Callable[[], Iterable[Finding]]
    limit: float = LIMIT


@dataclass(slots=True)
class _Running:
    check: Check
    done: threading.Event = field(default_factory=threading.Event)
    findings: list[Finding] = field(default_factory=list)

    def start(self) -> None:
        # A daemon: the program ends without those that hang.
        threading.Thread(target=self._look, name=self.check.name, daemon=True).start()

    def _look(self) -> None:
        try:
            findings = list(self.check.look())
        except BaseException as error:
            words = f"the check failed: {type(error).__name__}: {one_line(_text(error), 200)}"
            findings = [Finding("warning", self.check.name, words)]
        self.findings = findings
        self.done.set()

    def result(self, deadline: float) -> list[Finding]:
        if self.done.wait(max(0.0, deadline - time.monotonic())):
            return self.findings
        words = f"no answer within {self.check.limit:g} s"
        return [Finding("warning", self.check.name, words, "axio doctor --limit N waits longer")]


def examine(checks: Sequence[Check]) -> list[Finding]:
    """The findings of all, in the order of the checks. It takes as long as the longest limit."""
    begin = time.monotonic()
    running = [_Running(check) for check in checks]
    for one in running:
        one.start()
    return [finding for one in running for finding in one.result(begin + one.check.limit)]


def is_well(findings: Iterable[Finding]) -> bool:
    """True if nothing that is needed is broken."""
    return all(finding.state != "broken" for finding in findings)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:  # a class of others
        return ""
