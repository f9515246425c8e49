"""The environment of a command: this program's, without its keys, and with no person at a terminal.

A command is written by a model, which may have read what a stranger wrote. So what is a credential
by its name, or by its value, stays out unless it is passed by name:

    LocalWorkspace(pass_variables=["GITHUB_TOKEN"])     for one workspace
    AXIO_PASS_VARIABLES=GITHUB_TOKEN,NPM_TOKEN          for all that are told nothing else

Editors, pagers and questions wait for a person. Programs are told that there is none, so that they
go on, or fail, at once. A variable that is passed by name is left as it is in this, too.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping

PASS_VARIABLES = "AXIO_PASS_VARIABLES"

_CREDENTIAL = re.compile(
    r"API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|SECRET|PASSWORD|PASSWD|CREDENTIAL|CONNECTION_STRING"
    r"|(^|_)(KEYS?|TOKEN|PASSPHRASE|BEARER|JWT|COOKIES?|AUTHORIZATION)\d*(_|$)"
    r"|TOKEN\d*$|(^|_)(PASS|PAT|AUTH)(_?\d+)?$|^(PASS|PAT)_|_PWD$|^AWS_"
)
"""For the words of a name in capitals, with `_` between them."""

_BETWEEN_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^a-zA-Z0-9]+")

_KEY = re.compile(
    r"(Bearer |Basic )?((sk|pk|rk|gsk|xai|nvapi|pplx|tvly|fw|r8|hf|gh[opsur]|github_pat|glpat|npm"
    r"|pypi|dop_v1|xox[abeprs]|xapp|whsec)[-_][\w-]{16,}|(AKIA|ASIA|AIza|ya29\.|SG\.)[\w.-]{12,}"
    r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*)"
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY")
_TELLING_LENGTH = 16
"""A credential of so many characters is known again in other values."""

_NO_PERSON = {
    **dict.fromkeys(("EDITOR", "VISUAL", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR"), "true"),
    **dict.fromkeys(("PAGER", "GIT_PAGER", "MANPAGER", "SYSTEMD_PAGER", "GH_PAGER"), "cat"),
    "TERM": "dumb",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",  # nor by a window; without it git looks for another program
    "SSH_ASKPASS_REQUIRE": "never",
}
_DEFAULTS = {"DEBIAN_FRONTEND": "noninteractive"}
_TERMINALS = ("GPG_TTY", "SSH_TTY", "SSH_ASKPASS")
"""Ways to the person who started this program."""


def is_credential(name: str) -> bool:
    """True for what is a key, a token or a password by the name of its variable."""
    words = _BETWEEN_WORDS.sub("_", unicodedata.normalize("NFKC", name))
    return _CREDENTIAL.search(words.upper()) is not None


def is_key(value: str) -> bool:
    """True for what has the form of a key, under any name."""
    return _KEY.fullmatch(value.strip()) is not None or _PRIVATE_KEY.search(value) is not None


def passed_by_default() -> list[str]:
    """The names that `AXIO_PASS_VARIABLES` lists, with commas or blanks between them."""
    return re.split(r"[,\s]+", os.environ.get(PASS_VARIABLES, ""))


def for_command(environment: Mapping[str, str], passed: Iterable[str]) -> dict[str, str]:
    """Return what a command gets of `environment`; the names `passed` are left as they are."""
    passed = frozenset(passed)
    others = {name: value for name, value in environment.items() if name not in passed}
    hidden = {name for name, value in others.items() if is_credential(name) or is_key(value)}
    secrets = {
        others[name]
        for name in hidden
        if len(others[name]) >= _TELLING_LENGTH and not others[name].startswith("/")  # but a path
    }
    hidden.update(_TERMINALS)
    hidden.update(name for name, value in others.items() if any(s in value for s in secrets))
    kept = {
        name: value if name in passed else _without_person(name, value)
        for name, value in environment.items()
        if name in passed or name not in hidden
    }
    settings = {name: value for name, value in _NO_PERSON.items() if name not in passed}
    return {**_DEFAULTS, **kept, **settings}


def _without_person(name: str, value: str) -> str:
    """As in `_NO_PERSON`: many programs have an editor or a pager of their own."""
    if name.upper().endswith("EDITOR"):
        return "true"
    return "cat" if name.upper().endswith("PAGER") else value
