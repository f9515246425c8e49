"""`edit`: a text in the editor of the person, while the application waits behind it."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from textual.app import App, SuspendNotSupported

__all__ = ("EditorFailed", "edit", "editor_of")


class EditorFailed(Exception):
    """The editor could not be used; the message says why. The text is as it was."""


def editor_of(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The command of the editor, with its arguments. Raises `EditorFailed`."""
    command = environment.get("VISUAL") or environment.get("EDITOR") or "vi"
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise EditorFailed(f"$VISUAL or $EDITOR cannot be read: {error}") from error
    return words or ["vi"]


async def edit(app: App[Any], text: str) -> str:
    """The text as the person leaves it. Runs go on meanwhile, and nothing is painted."""
    argv = editor_of()
    name = os.path.basename(argv[0])
    with tempfile.TemporaryDirectory(prefix="axio-") as folder:
        path = _written(folder, text)
        try:
            with app.batch_update(), app.suspend(), _without_interrupts():
                status = await _run([*argv, path])
        except SuspendNotSupported as error:
            raise EditorFailed("this terminal cannot be left for an editor") from error
        if isinstance(status, OSError):
            raise EditorFailed(f"{name} cannot be started: {status.strerror}")
        if status:
            raise EditorFailed(f"{name} has failed with {status}: the text is as it was")
        return _read(path)


async def _run(argv: list[str]) -> int | OSError:
    """The exit status. Nothing is raised: the application would not come back from behind."""
    try:
        process = await asyncio.create_subprocess_exec(*argv)
    except OSError as error:
        return error
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()


def _written(folder: str, text: str) -> str:
    """A file in the folder, which is for its owner alone, as `mkdtemp` makes it."""
    path = os.path.join(folder, "prompt.md")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().removesuffix("\n")
    except OSError as error:
        raise EditorFailed(f"the text cannot be read: {error.strerror}") from error


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ctrl+C is for the editor. Ignored, it would be ignored by the editor too."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
