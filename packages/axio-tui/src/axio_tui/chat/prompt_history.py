"""`PromptHistory`: the prompts of a person in one project, in a file for their owner alone.

Several programs may add at the same time: none loses what another has added.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axio_tui.config.paths import own_folder

__all__ = ("PromptHistory",)

MAX_BYTES = 2_000_000
"""Of a file; beyond that the older half is forgotten."""
MAX_PROMPT = 50_000
"""Characters of one prompt. Of a longer one the pastes are not kept."""
_PASTES = re.compile("\x02[^\x03]*\x03")


class PromptHistory:
    """The prompts of `project`, kept in `folder`, as `Composer.Sent.kept` has them."""

    def __init__(self, folder: Path, project: str | os.PathLike[str]) -> None:
        self._folder = folder
        name = hashlib.sha256(os.fsencode(os.path.realpath(project))).hexdigest()[:24]
        self.path = folder / f"{name}.jsonl"

    def read(self) -> list[str]:
        """All prompts, oldest first, each once at its last place."""
        try:
            data = self.path.read_bytes()
        except OSError:
            return []
        prompts = list(_prompts(data))
        return list(dict.fromkeys(reversed(prompts)))[::-1]

    def add(self, kept: str) -> None:
        """Keep a prompt. It is written when this returns. OSError if it cannot be."""
        if len(kept) > MAX_PROMPT:
            kept = _PASTES.sub("[a paste that is not kept]", kept)
        if not kept.strip() or len(kept) > MAX_PROMPT:
            return
        line = f"{json.dumps({'prompt': kept})}\n".encode()
        own_folder(self._folder)
        with self._alone():
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                os.fchmod(file, 0o600)
                size = os.fstat(file).st_size
                is_torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
                os.write(file, b"\n" * is_torn + line)  # a program may have died in its line
            finally:
                os.close(file)
            if size + len(line) > MAX_BYTES:
                self._shorten()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other program adds meanwhile."""
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _shorten(self) -> None:
        data = self.path.read_bytes()[-MAX_BYTES // 2 :]
        new = self.path.with_suffix(".new")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data[data.find(b"\n") + 1 :])
        os.replace(new, self.path)


def _prompts(data: bytes) -> Iterator[str]:
    for line in data.split(b"\n"):
        try:
            prompt = json.loads(line)["prompt"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue  # empty, or cut by a program that died
        if isinstance(prompt, str):
            yield prompt
