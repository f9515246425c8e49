"""The findings as lines and as JSON, with no secret in either. Pure."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, replace

from axio.wire.secret import blotted
from axio_tui.doctor.findings import Finding, is_well
from axio_tui.harmless import visible

__all__ = ("to_json", "to_text", "without")

_LONGEST = 600
_STATE = 9  # columns of the states


def without(secrets: Collection[str], findings: Iterable[Finding]) -> list[Finding]:
    """The findings on lines of their own, with every one of the secrets blotted out."""

    def told(text: str) -> str:
        line = visible(" ".join(blotted(text, secrets).split()))
        return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."

    return [
        replace(one, name=told(one.name), found=told(one.found), advice=told(one.advice))
        for one in findings
    ]


def to_text(findings: Sequence[Finding], width: int | None = None) -> str:
    """A line for each: state, name, what was found, what to do. With a `width` what is longer goes
    on below, behind the states."""
    lines = _lines(findings)
    if width is None:
        return "\n".join(lines)
    hanging = " " * _STATE
    wide = max(width, 2 * _STATE)
    rows = (textwrap.wrap(line, wide, subsequent_indent=hanging) for line in lines)
    return "\n".join(row for wrapped in rows for row in wrapped)


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    width = min(24, max((len(one.name) for one in findings), default=0))
    for one in findings:
        advice = f"; to do: {one.advice}" if one.advice else ""
        yield f"{one.state:<{_STATE}}{one.name:<{width}}  {one.found}{advice}"


def to_json(findings: Sequence[Finding]) -> str:
    """One object; `ok` is false if something that is needed is broken."""
    return json.dumps({"ok": is_well(findings), "findings": [asdict(one) for one in findings]})
