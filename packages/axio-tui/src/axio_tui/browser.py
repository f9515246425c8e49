"""A page in the browser of the person, opened without touching the terminal."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import threading
from collections.abc import Mapping

__all__ = ("open_page",)

_OPENERS = ("xdg-open", "open", "wslview")


def open_page(url: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Open a page of the web; False if there is nothing that opens it, and for other addresses.

    `BROWSER` names the program that does. It has no terminal: what it prints is not seen.
    """
    if not url.startswith(("https://", "http://")):
        return False
    command = _command(environment)
    if not command:
        return False
    words = [word.replace("%s", url) for word in command]
    nothing = subprocess.DEVNULL
    try:
        program = subprocess.Popen(
            words if words != command else [*command, url],
            stdin=nothing,
            stdout=nothing,
            stderr=nothing,
            start_new_session=True,
        )
    except OSError:
        return False
    threading.Thread(target=program.wait, daemon=True).start()  # until it has ended
    return True


def _command(environment: Mapping[str, str]) -> list[str]:
    named = environment.get("BROWSER", "").split(os.pathsep)[0]
    if named:
        try:
            return shlex.split(named)
        except ValueError:
            return []
    found = (shutil.which(name, path=environment.get("PATH")) for name in _OPENERS)
    return next(([path] for path in found if path), [])
