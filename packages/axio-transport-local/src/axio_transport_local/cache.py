"""The model's memory of the tools it has read, kept on disk for the next process."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ("KEPT", "StateCache", "cache_folder")

KEPT = 4
"""So many sets of tools are remembered; each takes up to 50 MB."""

GRACE = 60.0
"""Seconds that a file without an entry is left alone: another process may be writing its entry."""

logger = logging.getLogger("axio_transport_local")


def cache_folder() -> Path | None:
    """The folder for this package among the user's caches, made if need be; None if it cannot."""
    home = Path.home()
    if sys.platform == "darwin":
        base = home / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or "")
        base = base if base.is_absolute() else home / ".cache"
    folder = base / "axio" / "local"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        logger.warning("the offline model has no cache and starts slowly: %s", error)
        return None
    return folder


class Kept(NamedTuple):
    """An entry: the name of its state file in the folder, and what was measured with it."""

    state: str
    leaning: dict[str, float]


class StateCache:
    """Entries in a folder that several processes may use at once.

    An entry is a JSON file with the name and the digest of its state file; it is replaced in one
    step and never changed. What is not as it was written counts as not there. Failing to write is
    no error.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, key: str) -> Kept | None:
        """The entry, if all of it is as it was written."""
        path = self._entry(key)
        try:
            entry = json.loads(path.read_bytes())
            state = self.folder / Path(entry["state"]).name
            leaning = {str(name): float(value) for name, value in entry["leaning"].items()}
            if entry["digest"] != [_digest(state), _digest_of(leaning)]:
                raise ValueError("it is not what was written")
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            logger.warning("an entry of the offline model's cache is made anew: %s", error)
            return None
        return Kept(state.name, leaning)

    def store(self, key: str, leaning: Mapping[str, float], save: Callable[[str], None]) -> None:
        """Write an entry; `save` makes the state file of a name in the folder."""
        draft = self.folder / f"{key}-{os.getpid()}.draft"
        try:
            save(draft.name)
            digest = _digest(draft)
            state = self.folder / f"{key}-{digest[:16]}.state"
            os.replace(draft, state)
            entry = {
                "state": state.name,
                "leaning": dict(leaning),
                "digest": [digest, _digest_of(leaning)],
            }
            draft.write_text(json.dumps(entry))
            os.replace(draft, self._entry(key))
            self._prune()
        except OSError as error:
            logger.warning("the offline model cannot write its cache: %s", error)
        finally:
            draft.unlink(missing_ok=True)

    def _entry(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _prune(self) -> None:
        """Remove all but the entries that were used last, and what has long belonged to none."""
        entries = sorted(self.folder.glob("*.json"), key=_age)
        for path in entries[KEPT:]:
            path.unlink(missing_ok=True)
        wanted = {path.stem for path in entries[:KEPT]}
        for path in (*self.folder.glob("*.state"), *self.folder.glob("*.draft")):
            owner = path.name.split("-")[0]
            if (owner not in wanted or path.suffix == ".draft") and _age(path) > GRACE:
                path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    """Seconds since a file was written or used; a file that is gone is as good as new."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_of(leaning: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(dict(leaning), sort_keys=True).encode()).hexdigest()
