"""Places that no general rule frees: secrets, and what decides what runs next.

They are told by their names, in any case of letters, since some file systems have only one.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator
from typing import Literal, TypeAlias

__all__ = ("Holding", "belongs_to", "first_below")

Holding: TypeAlias = Literal["secrets", "protected"]

_MAX_LOOKED_AT = 1500
_PASSED_OVER = frozenset(
    ".git node_modules .venv venv __pycache__ .mypy_cache .ruff_cache .pytest_cache target".split()
)

# Names with all that lies below them, and with what follows a slash in them.
_SECRET_TREES = r"""
\.env \.ssh \.gnupg \.aws \.azure \.kube \.password-store \.secrets? \.git-credentials \.netrc
_netrc \.pgpass \.npmrc \.pypirc \.my\.cnf \.htpasswd \.vault-token \.boto \.s3cfg \.dockercfg
\.config/(?:gcloud|gh|op|sops|hub|git/credentials) \.docker/config\.json
\.cargo/credentials(?:\.toml)? \.gem/credentials \.terraform\.d/credentials[^/]*
"""
_SECRET_NAMES = r"""
\.env.* id_(?:rsa|dsa|ecdsa|ed25519)(?:[._-].*)? .*\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk)
(?:.*[._-])?(?:credentials?|secrets?)(?:\.(?:json|ya?ml|toml|ini|txt|env|xml|cfg|conf|properties))?
(?:client_secret|service[_-]account|application_default_credentials).*\.json auth\.json
(?:.*\.)?tfvars .*\.tfstate(?:\.backup)? \.(?:bash|zsh|python|psql|mysql|node_repl|sqlite)_history
"""
_SECRET_PLACES = r"""
/etc/(?:g?shadow-?|sudoers|sudoers\.d|krb5\.keytab|ssh/ssh_host_[^/]*) /run/secrets
/var/run/secrets /proc/[^/]+/(?:environ|mem|maps|cmdline|task) /proc/(?:kcore|kmsg)
/dev/(?:k?mem|sd[^/]*|nvme[^/]*|vd[^/]*|dm-[^/]*|xvd[^/]*|disk)
"""
_PROTECTED_TREES = r"""
\.git/(?:hooks|info|modules|worktrees|config(?:\.worktree)?) \.config/git \.husky \.githooks
\.config/(?:fish|zsh|bash|environment\.d|autostart|systemd|nvim|emacs|code) \.ssh \.gnupg \.axio
\.(?:vscode|idea|zed|fleet|devcontainer|cursor|claude|nvim|vim|emacs\.d) \.local/bin
\.local/share/(?:applications|systemd) \.github/(?:workflows|actions) \.gitea/workflows
\.forgejo/workflows \.gitlab \.circleci \.buildkite \.woodpecker library/launch(?:agents|daemons)
\.cargo/config(?:\.toml)? \.agents/skills axio/(?:config\.toml|mcp\.json)
axio-tui/(?:permissions\.jsonl|trusted\.json|axio\.db[^/]*)
"""
_PROTECTED_NAMES = r"""
\.git \.gitmodules \.gitattributes \.gitconfig \.pre-commit-config\.ya?ml lefthook.*\.ya?ml
\.(?:profile|login|logout|inputrc|envrc|xprofile|xinitrc|xsession|pam_environment) \.env.*
\.(?:bash|zsh|csh|tcsh|ksh|fish|z)(?:rc|_?profile|env|login|_?logout|_login|_aliases)
\.(?:vimrc|nvimrc|exrc|gvimrc|emacs|dir-locals\.el) .*\.code-workspace \.editorconfig
\.gitlab-ci.*\.ya?ml \.woodpecker\.ya?ml \.(?:travis|drone|appveyor|cirrus)\.ya?ml
(?:appveyor|azure-pipelines.*|bitbucket-pipelines|cloudbuild|buildspec)\.ya?ml jenkinsfile.*
\.mcp\.json (?:agents|claude|gemini)\.md crontab (?:site|user)customize\.py .*\.pth
\.(?:npmrc|yarnrc|yarnrc\.yml|pypirc|curlrc|wgetrc|screenrc|tmux\.conf|gdbinit|lldbinit|pdbrc)
"""
_PROTECTED_PLACES = r"""
/(?:etc|boot|bin|sbin|lib|lib64|usr|sys|proc|dev) /var/spool/(?:cron|at)[^/]*
"""


def _compiled(trees: str, places: str, names: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    below = rf"(?:/(?:{'|'.join(trees.split())})|\A(?:{'|'.join(places.split())}))(?:/|\Z)"
    return re.compile(below, re.I), re.compile("|".join(names.split()), re.I | re.S)


_PATTERNS = {
    "secrets": _compiled(_SECRET_TREES, _SECRET_PLACES, _SECRET_NAMES),
    "protected": _compiled(_PROTECTED_TREES, _PROTECTED_PLACES, _PROTECTED_NAMES),
}


def belongs_to(holding: Holding, place: str) -> bool:
    """True if a resolved path is one of these."""
    tree, name = _PATTERNS[holding]
    last = place.rpartition("/")[2]
    if last.endswith(".pub"):  # the half of a key that is for others
        return holding == "protected" and tree.search(place) is not None
    return tree.search(place) is not None or name.fullmatch(last) is not None


def first_below(holding: Holding, directory: str) -> str:
    """One of these that lies below a directory; "" if none is seen.

    So many entries are looked at, nearest first, and what package managers and caches own is passed
    over: it is no proof that there is none.
    """
    return next((place for place in _below(directory) if belongs_to(holding, place)), "")


def _below(directory: str) -> Iterator[str]:
    pending = deque([directory])
    left = _MAX_LOOKED_AT
    while pending:
        try:
            with os.scandir(pending.popleft()) as entries:
                for entry in entries:
                    left -= 1
                    if left < 0:
                        return
                    yield entry.path
                    if entry.name not in _PASSED_OVER and entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
        except OSError:
            continue
