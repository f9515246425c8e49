"""The environment of a command: this program's, without its keys, and with no person at a terminal.

A command is written by a model, which may have read what a stranger wrote. So what is a credential
by its name stays out, unless it is passed by name:

    LocalWorkspace(pass_variables=["GITHUB_TOKEN"])     for one workspace
    AXIO_PASS_VARIABLES=GITHUB_TOKEN,NPM_TOKEN          for all that are told nothing else

Editors, pagers and questions wait for a person. Programs are told that there is none, so that they
go on, or fail, at once. A variable that is passed by name is left as it is in this, too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

PASS_VARIABLES = "AXIO_PASS_VARIABLES"

_CREDENTIAL = re.compile(
    r"(^|_)(KEY|APIKEY|TOKEN|SECRET|CREDENTIALS?|PASSPHRASE|PASS|PAT|AUTH)(_?\d+)?$"
    r"|API_?KEY|ACCESS_KEY|PRIVATE_KEY|SECRET|PASSWORD|PASSWD|_PWD$|CONNECTION_STRING|^AWS_",
    re.IGNORECASE,
)

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
    return _CREDENTIAL.search(name) is not None


def passed_by_default() -> list[str]:
    """The names that `AXIO_PASS_VARIABLES` lists, with commas or blanks between them."""
    return re.split(r"[,\s]+", os.environ.get(PASS_VARIABLES, ""))


def for_command(environment: Mapping[str, str], passed: Iterable[str]) -> dict[str, str]:
    """Return what a command gets of `environment`; the names `passed` are left as they are."""
    passed = frozenset(passed)
    kept = {
        name: value
        for name, value in environment.items()
        if name in passed or not (is_credential(name) or name in _TERMINALS)
    }
    settings = {name: value for name, value in _NO_PERSON.items() if name not in passed}
    return {**_DEFAULTS, **kept, **settings}
