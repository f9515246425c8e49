"""The configuration: what is wrong in it and on which line, keys by their source, and trust."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from axio.plugins import TRANSPORT_GROUP
from axio_tui.chat.trust import Trust, brought_to, trusted_project
from axio_tui.config import keyring
from axio_tui.config.file import read_config
from axio_tui.config.load import with_stored
from axio_tui.config.paths import config_file, database_file
from axio_tui.config.saved import ACCOUNT
from axio_tui.config.secrets import KEYS, Secrets
from axio_tui.config.values import Config
from axio_tui.doctor.findings import Finding, State
from axio_tui.errors import words_of_others
from axio_tui.parts import Parts, disabled_in

__all__ = ("config_here", "look_at_config", "look_at_keys", "look_at_trust", "parts_here")

_NAMED = 20


def config_here(environment: Mapping[str, str] = os.environ) -> Config:
    """The settings that hold in the current folder. A file that is broken stays as it is."""
    projects = trusted_project(Path.cwd()).configs
    return with_stored({}, projects, read_config(config_file(environment)), environment)


def parts_here(report: Callable[[str], object] = lambda line: None) -> Parts:
    """The installed parts without those that are switched off here."""
    return Parts(report, off=disabled_in(config_here()))


def look_at_config() -> Iterator[Finding]:
    path = config_file()
    problems = config_here().problems
    for problem in problems[:_NAMED]:
        state: State = "broken" if problem.limits else "warning"
        what = "nothing runs before it is mended" if problem.limits else "it is left out: mend it"
        yield Finding(state, "configuration", _told(problem.text), what)
    if len(problems) > _NAMED:
        yield Finding("warning", "configuration", f"{len(problems) - _NAMED} more problems")
    if not problems:
        yield Finding("ok", "configuration", f"{path}{'' if path.exists() else ' is not there'}")


def _told(problem: str) -> str:
    """The place stays as it is; what stands there may be anything."""
    for place in (str(config_file()), str(database_file()), os.getcwd()):
        if problem.startswith(place):
            return place + words_of_others(problem.removeprefix(place))
    return words_of_others(problem)


def look_at_keys() -> Iterator[Finding]:
    """Where the key of each provider is. The keys themselves are in no finding."""
    problems: list[str] = []
    secrets = Secrets(say=problems.append)
    sources = secrets.sources()
    installed = parts_here().names(TRANSPORT_GROUP)
    for name, source in sources.items():
        if name in installed:
            yield Finding("ok", f"key of {name}", f"in {source}")
        elif name in KEYS:
            words = f"in {source}, but axio has no transport {name}"
            yield Finding("warning", f"key of {name}", words, "install the package for it")
    if ACCOUNT in installed and (account := _account()) is not None:
        yield account
    if not sources:
        words = f"none is known ({', '.join(KEYS.values())})"
        yield Finding("ok", "keys", words, "axio config set-key PROVIDER keeps one")
    for problem in problems:
        yield Finding("warning", "keys", words_of_others(problem))


def look_at_keyring() -> Iterator[Finding]:
    """A keyring that is used has to answer; one that holds nothing of ours is not asked."""
    used = [name for name, source in Secrets().sources().items() if source == "the keyring"]
    for name in used:
        problems: list[str] = []
        if "api_key" in Secrets(say=problems.append).of(name):
            yield Finding("ok", "keyring", f"it gives the key of {name}")
        else:
            words = problems[0] if problems else f"it gives no key of {name}"
            advice = f"unlock it, or axio config set-key {name}"
            yield Finding("broken", "keyring", words_of_others(words), advice)
    if not used:
        there = "installed" if keyring.is_installed() else "the package is not installed"
        yield Finding("ok", "keyring", f"{there}; no key is in it")


def _account() -> Finding | None:
    try:
        from axio_transport_codex.tokens import default_path
    except ImportError:
        return None
    path = Path(default_path())
    if path.exists():
        return Finding("ok", f"account of {ACCOUNT}", f"signed in, in {path}")
    how = "python -m axio_transport_codex login"
    return Finding("ok", f"account of {ACCOUNT}", "not signed in", how)


def look_at_trust() -> Iterator[Finding]:
    """The files that this folder brings, and if they are used."""
    trust = Trust()
    brought = brought_to(Path.cwd())
    for one in brought:
        state = trust.state(one)
        words = f"{one.folder}: {', '.join(one.names)}: {_TRUST[state]}"
        advice = "axio config trust" if state in ("unknown", "changed") else ""
        yield Finding("warning" if advice else "ok", "folder", words, advice)
        for problem in one.problems:
            yield Finding("warning", "folder", problem)
    if trust.problem:
        yield Finding("warning", "folder", trust.problem)
    if not brought:
        yield Finding("ok", "folder", f"{os.getcwd()}: it brings nothing that needs trust")


_TRUST = {
    "trusted": "trusted",
    "refused": "refused, so none of it is used",
    "unknown": "not asked about yet, so none of it is used",
    "changed": "changed since it was trusted, so none of it is used",
}
