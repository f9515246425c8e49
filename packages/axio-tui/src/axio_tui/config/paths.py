"""The folders of the command, as the XDG base directory specification has them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = (
    "config_file",
    "config_folder",
    "data_folder",
    "database_file",
    "home_folder",
    "locked",
    "own_folder",
)


def data_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Of the database and of what a person has allowed."""
    return _base(environment, "XDG_DATA_HOME", ".local/share") / "axio-tui"


def config_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Of the configuration and of secrets."""
    return _base(environment, "XDG_CONFIG_HOME", ".config") / "axio"


def config_file(environment: Mapping[str, str] = os.environ) -> Path:
    """The settings of a person, in TOML."""
    return config_folder(environment) / "config.toml"


def database_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Conversations, and what pickers and plug-ins save."""
    return data_folder(environment) / "axio.db"


def own_folder(folder: Path) -> Path:
    """The folder, made if it is missing, with all above it, for its owner alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Change what is in a folder of the user, which is made if it is missing, while no other
    program does so."""
    descriptor = os.open(own_folder(folder), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _base(environment: Mapping[str, str], variable: str, default: str) -> Path:
    # The specification: a relative path is to be ignored.
    given = environment.get(variable, "")
    return Path(given) if os.path.isabs(given) else home_folder() / default


def home_folder() -> Path:
    """The home of the user; one that cannot be there for a user without any."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(os.devnull)
