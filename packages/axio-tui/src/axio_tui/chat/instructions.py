"""AGENTS.md: how a project wants to be worked on (agents.md), for the system prompt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from axio_tui.chat.trust import read_inside
from axio_tui.harmless import plain

__all__ = ("LIMIT", "Instructions", "instructions_of")

NAME = "AGENTS.md"
LIMIT = 48 << 10
"""Bytes of all files together: a model reads them with every request."""


@dataclass(frozen=True, slots=True)
class Instructions:
    """A text for the system prompt, empty without any, and one line for each thing that is wrong.

    A model is told of what was cut off."""

    text: str = ""
    problems: tuple[str, ...] = ()


def instructions_of(folders: Iterable[Path]) -> Instructions:
    """The files of the folders, which are trusted and resolved, the root of the project first."""
    parts: list[str] = []
    problems: list[str] = []
    left = LIMIT
    for folder in folders:
        path = folder / NAME
        try:
            data, size = read_inside(folder, NAME, max(left, 0))
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(f"{path} is left out: {error.strerror}")
            continue
        text, wrong = _decoded(data)
        if wrong:
            problems.append(f"{path} is not UTF-8: what is none stands as \ufffd")
        cut = size > len(data)
        if cut:
            words = f"{path} is cut: {len(data):,} of {size:,} bytes are used"
            problems.append(f"{words}, all such files together may have {LIMIT >> 10} KiB")
            text += f"\n[cut here: the file has {size:,} bytes]"
        left -= len(data)
        if text.strip():
            parts.append(f"## {path}\n\n{text.strip()}\n")
    if not parts:
        return Instructions(problems=tuple(problems))
    head = "# The project's own instructions\n\nWhere they differ, the later ones are nearer.\n"
    return Instructions("\n".join(["\n" + head, *parts]), tuple(problems))


def _decoded(data: bytes) -> tuple[str, bool]:
    """The text without marks that only a machine sees; True if it is not wholly UTF-8."""
    text = data.decode("utf-8-sig", "replace")
    # The limit may cut a character: up to three bytes of it at the end are no fault of the file.
    return plain(text), "\ufffd" in text.rstrip("\ufffd") or text.endswith("\ufffd\ufffd")
