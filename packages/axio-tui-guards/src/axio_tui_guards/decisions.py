"""The decisions of a person: made for a time, listed, explained, and taken back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args
from uuid import uuid4

from axio_tui_guards.rules import Rule, describe

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
    until: str | None = None
    """UTC, ISO 8601; it holds no more from then on."""
    uses: int | None = None
    """The number of calls that it is still good for; None for any number."""

    def explain(self) -> str:
        """All that it says, in one line for a person."""
        told = [f"{self.rule.effect} {describe(self.rule)} in this {self.lifetime}"]
        told += [f"until {self.until}"] if self.until else []
        told += [f"{self.uses} more times"] if self.uses is not None else []
        told += [f"since {self.created}"]
        told += [f"asked for {self.note}"] if self.note else []
        return ", ".join(told)

    def _is_over(self) -> bool:
        return self.until is not None and datetime.fromisoformat(self.until) <= datetime.now(UTC)


class Decisions:
    """All decisions, in a file when there is a path: one JSON object a line, readable by its owner.

    The file has to lie where the agent's tools cannot write. Several processes may share it: what
    one adds, uses up or revokes holds in the others from their next call on. Decisions for a run
    are not written. `ValueError` when the file holds anything else: what was refused there must not
    be forgotten.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self._path = None if path is None else Path(path)
        self._kept: dict[str, Decision] = {}
        self._tickets: set[str] = set()
        self._read = self._lines = 0  # bytes and lines of the file that are known
        self._file: tuple[int, int] | None = None
        self._catch_up(torn=False)

    def remember(
        self,
        rule: Rule,
        lifetime: Lifetime,
        scope: str,
        note: str = "",
        *,
        until: datetime | None = None,
        uses: int | None = None,
    ) -> Decision:
        """Add a decision; it is in the file when this returns."""
        if lifetime not in get_args(Lifetime):
            raise ValueError(f"lifetime must be one of {get_args(Lifetime)}, got {lifetime!r}")
        if uses is not None and uses < 1:
            raise ValueError(f"uses must be at least 1, got {uses}")
        if until is not None and until.tzinfo is None:
            raise ValueError(f"until must have a time zone, got {until}")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        end = None if until is None else until.astimezone(UTC).isoformat(timespec="seconds")
        decision = Decision(uuid4().hex, rule, lifetime, scope, note, now, end, uses)
        self._add(asdict(decision), lifetime)
        return decision

    def revoke(self, decision_id: str) -> None:
        """Take a decision back. `KeyError` when there is none with this id."""
        self._catch_up()
        self._add({"revoked": decision_id}, self._kept[decision_id].lifetime)

    def use(self, decision_id: str) -> bool:
        """Count a call against a decision; False when it is used up, over or revoked."""
        self._catch_up()
        decision = self._kept.get(decision_id)
        if decision is None or decision._is_over():
            return False
        ticket = uuid4().hex
        self._tickets.add(ticket)
        self._add({"used": decision_id, "ticket": ticket}, decision.lifetime)
        # The order in the file decides between processes: a ticket that was too late is left over.
        late = ticket in self._tickets
        self._tickets.discard(ticket)
        return not late

    def list(self) -> list[Decision]:
        """All that hold, oldest first."""
        self._catch_up()
        return [decision for decision in self._kept.values() if not decision._is_over()]

    def within(self, scopes: Mapping[Lifetime, str]) -> tuple[Decision, ...]:
        """Those that hold where run, session and project are these."""
        return tuple(one for one in self.list() if scopes.get(one.lifetime) == one.scope)

    def _add(self, record: dict[str, Any], lifetime: Lifetime) -> None:
        if self._path is None or lifetime == "run":
            self._apply(record)
        else:
            append_line(self._path, record)
            self._catch_up()

    def _catch_up(self, torn: bool = True) -> None:
        """Read what came to the file. A line that is cut short may be about to be completed."""
        if self._path is None:
            return
        try:
            with self._path.open("rb") as file:
                self._recognise(os.fstat(file.fileno()))
                file.seek(self._read)
                new = file.read()
        except FileNotFoundError:
            return
        whole = new[: new.rfind(b"\n") + 1] if torn else new
        self._read += len(whole)
        for line in whole.splitlines():
            self._lines += 1
            try:
                if line:
                    self._apply(json.loads(line))
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(
                    f"{self._path}, line {self._lines} is no decision ({error}); "
                    "mend or remove the file"
                ) from error

    def _recognise(self, status: os.stat_result) -> None:
        """Begin anew with a file that is not the one of before."""
        file = status.st_dev, status.st_ino
        if self._file not in (None, file) or status.st_size < self._read:
            self._kept = {key: one for key, one in self._kept.items() if one.lifetime == "run"}
            self._read = self._lines = 0
        self._file = file

    def _apply(self, record: dict[str, Any]) -> None:
        if "revoked" in record:
            self._kept.pop(record["revoked"], None)
        elif "used" in record:
            self._count(record["used"], record["ticket"])
        else:
            if record["lifetime"] not in get_args(Lifetime):
                raise ValueError(f"lifetime {record['lifetime']!r}")
            decision = Decision(**{**record, "rule": Rule(**record["rule"])})
            self._kept[decision.id] = decision

    def _count(self, decision_id: str, ticket: str) -> None:
        decision = self._kept.get(decision_id)
        if decision is not None:
            self._tickets.discard(ticket)
            if decision.uses is not None:
                left = replace(decision, uses=decision.uses - 1)
                self._kept[decision_id] = left
                if not left.uses:
                    del self._kept[decision_id]


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
