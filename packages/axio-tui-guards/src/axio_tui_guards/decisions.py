"""The decisions of a person: made for a time, listed, and taken back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args
from uuid import uuid4

from axio_tui_guards.rules import Rule

__all__ = ("Decision", "Decisions", "Lifetime")

Lifetime: TypeAlias = Literal["run", "session", "project"]


@dataclass(frozen=True, slots=True)
class Decision:
    """A rule that holds within one run, session or project, which `scope` names."""

    id: str
    rule: Rule
    lifetime: Lifetime
    scope: str
    note: str
    """The call it was about, without secrets, for a list that a person reads."""
    created: str
    """UTC, ISO 8601."""


class Decisions:
    """All decisions, in a file when there is a path: one JSON object a line, readable by its owner.

    The file has to lie where the agent's tools cannot write. Decisions for a run are not written.
    `ValueError` when the file holds anything else: what was refused there must not be forgotten.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self._path = None if path is None else Path(path)
        self._kept: dict[str, Decision] = {}
        if self._path is not None and self._path.exists():
            for number, line in enumerate(self._path.read_text("utf-8").splitlines(), 1):
                self._load(number, line)

    def _load(self, number: int, line: str) -> None:
        try:
            record = json.loads(line)
            if "revoked" in record:
                self._kept.pop(record["revoked"], None)
                return
            if record["lifetime"] not in get_args(Lifetime):
                raise ValueError(f"lifetime {record['lifetime']!r}")
            decision = Decision(**{**record, "rule": Rule(**record["rule"])})
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"{self._path}, line {number} is no decision ({error}); mend or remove the file"
            ) from error
        self._kept[decision.id] = decision

    def remember(self, rule: Rule, lifetime: Lifetime, scope: str, note: str = "") -> Decision:
        """Add a decision; it is in the file when this returns."""
        if lifetime not in get_args(Lifetime):
            raise ValueError(f"lifetime must be one of {get_args(Lifetime)}, got {lifetime!r}")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        decision = Decision(uuid4().hex, rule, lifetime, scope, note, now)
        if lifetime != "run":
            self._write(asdict(decision))
        self._kept[decision.id] = decision
        return decision

    def revoke(self, decision_id: str) -> None:
        """Take a decision back. `KeyError` when there is none with this id."""
        decision = self._kept[decision_id]
        if decision.lifetime != "run":
            self._write({"revoked": decision_id})
        del self._kept[decision_id]

    def list(self) -> list[Decision]:
        """All that hold, oldest first."""
        return [*self._kept.values()]

    def rules(self, scopes: Mapping[Lifetime, str]) -> tuple[Rule, ...]:
        """The rules that hold where run, session and project are these."""
        return tuple(
            decision.rule
            for decision in self._kept.values()
            if scopes.get(decision.lifetime) == decision.scope
        )

    def _write(self, record: dict[str, Any]) -> None:
        if self._path is not None:
            append_line(self._path, record)


def append_line(path: Path, record: dict[str, Any]) -> None:
    """Add one JSON object to a file that only its owner may read, in a single write.

    After a line that a crash cut short it begins a new one, so that no more than that is lost.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        line = b"\n" * torn + (json.dumps(record, default=repr) + "\n").encode()
        if os.write(descriptor, line) != len(line):
            raise OSError(f"{path} is full")
    finally:
        os.close(descriptor)
