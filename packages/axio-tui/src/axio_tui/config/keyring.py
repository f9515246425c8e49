"""The keyring of the system, asked through the package `keyring` in a process of its own.

A backend may wait for a dialog that nobody sees, print, or crash; here it costs some seconds at
most. The process has no terminal, and does not find modules in the current folder.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec

from axio.wire.secret import Token, blotted

__all__ = ("KeyringError", "forget", "is_installed", "keep", "look_up")

PATIENCE = 10.0

_PROGRAM = """
import json, os, signal, sys
signal.alarm(30)
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
request = json.load(sys.stdin)
place = "axio", request["name"]
try:
    import keyring
    if request["do"] == "keep":
        keyring.set_password(*place, request["value"])
        said = keyring.get_password(*place) == request["value"] or None
    elif request["do"] == "forget":
        said = keyring.delete_password(*place)
    else:
        said = keyring.get_password(*place)
    answer = {"said": said}
except BaseException as error:
    answer = {"error": f"{type(error).__name__}: {error}"}
json.dump(answer, answers)
answers.flush()
os._exit(0)
"""


class KeyringError(Exception):
    """The keyring does not work; the words say why."""


def is_installed() -> bool:
    """True if there is a package to ask."""
    return find_spec("keyring") is not None


def look_up(name: str) -> str | None:
    """The secret of this name; None if there is none. `KeyringError`."""
    said = _ask({"do": "look up", "name": name})
    return Token(said) if isinstance(said, str) else None


def keep(name: str, value: str) -> None:
    """Keep a secret, and see that it is kept. `KeyringError`."""
    if _ask({"do": "keep", "name": name, "value": value}, value) is not True:
        raise KeyringError("it does not give back what it was given")


def forget(name: str) -> None:
    """Forget a secret. `KeyringError`."""
    _ask({"do": "forget", "name": name})


def _ask(request: dict[str, str], secret: str = "") -> object:
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        out, _ = process.communicate(json.dumps(request).encode(), PATIENCE)
        answer = json.loads(out)
        if not isinstance(answer, dict):
            raise ValueError
    except subprocess.TimeoutExpired:
        raise KeyringError(f"it did not answer within {PATIENCE:.0f} s") from None
    except ValueError:  # nothing, or half of it
        raise KeyringError("it has crashed") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
    if "error" in answer:
        raise KeyringError(blotted(str(answer["error"])[:300], [secret]))
    return answer.get("said")
