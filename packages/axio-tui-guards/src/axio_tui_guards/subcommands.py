"""Programs whose first word behind their options says what they do: `git push`, `docker run`.

A word further on is no subcommand (`git commit -m push` pushes nothing), and one that is known here
is plainly no other. Names joined by `=` mean the same. Behind `?` stand those that run something
else with some of their options, and so are only plain without any.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from axio_tui_guards.shell_words import Word
from axio_tui_guards.usage import Usage, read_table

__all__ = ("SUBCOMMANDS", "Subcommands", "runs_an_argument", "without_texts")

_OPTIONS = read_table(r"""
git: -C=d --git-dir=r --work-tree=r -p,--paginate -P,--no-pager --bare --no-replace-objects \
 --no-optional-locks --literal-pathspecs --namespace=t -c=x --config-env=x --exec-path=x : c
docker,podman: -H,--host=x -D,--debug -l,--log-level=t -c,--context=x --config=x : c
npm: -s,--silent -q,--quiet --prefix=d -w,--workspace=t --workspaces : c
pnpm,yarn: -s,--silent -C,--dir=d --cwd=d -r,--recursive -w,--workspace-root : c
pip,pip3: -q,--quiet -v,--verbose --isolated --no-input --disable-pip-version-check --no-color : c
cargo: -q,--quiet -v,--verbose --locked --offline --frozen --color=t : c
go: -C=d : c
uv,poetry: -q,--quiet -v,--verbose --no-cache --directory=d --project=d : c
kubectl: -n,--namespace=t --context=t --cluster=t --user=t : c
systemctl: -q,--quiet --no-pager --user --system --now : c
apt,apt-get: -y,--yes -q,--quiet --no-install-recommends : c
gh: : c
""")

_KNOWN = {
    "git": "status log diff show add=stage commit branch checkout switch restore reset stash tag "
    "merge push init blame=annotate describe rev-parse ls-files clean mv rm cherry-pick revert "
    "reflog shortlog cat-file rev-list show-ref apply format-patch gc notes config worktree"
    "? fetch pull clone grep rebase remote ls-remote archive",
    "docker,podman": "ps images logs inspect version info stop start restart kill rm rmi pull push "
    "build tag diff events history port rename stats top wait login logout search commit cp load "
    "save import export create attach exec run pause unpause",
    "npm": "test=t=tst run=run-script=rum=urn start stop restart "
    "install=i=in=ins=inst=insta=instal=isnt=isnta=isntal=add ci=clean-install=ic=install-clean "
    "ls=list=la=ll view=v=info=show outdated audit version publish pack init=create=innit exec=x "
    "update=up=upgrade=udpate uninstall=un=unlink=remove=rm=r prune config=c whoami cache fund",
    "pnpm": "test=t=tst run=run-script install=i add remove=rm=uninstall=un list=ls outdated why "
    "start publish exec dlx update=up=upgrade",
    "yarn": "install add remove upgrade why info list test start publish",
    "pip,pip3": "install download uninstall freeze inspect list show check config cache index "
    "wheel "
    "hash help debug",
    "cargo": "build=b check=c test=t run=r doc=d clean update fmt clippy add remove=rm search "
    "publish "
    "install uninstall tree metadata bench init new fetch vendor version",
    "go": "build test run vet fmt mod get install list env version doc clean",
    "uv": "run sync add remove lock pip venv python tool build publish init tree version",
    "poetry": "install add remove run update lock show build publish shell init check version",
    "kubectl": "get describe logs apply delete create exec run scale rollout config top explain "
    "edit "
    "patch label annotate cp expose drain cordon uncordon version",
    "systemctl": "status start stop restart reload enable disable is-active is-enabled list-units "
    "list-unit-files daemon-reload show cat mask unmask kill",
    "apt,apt-get": "update upgrade install remove purge autoremove list search show",
    "gh": "pr issue repo run workflow release auth api gist search browse status",
}


@dataclass(frozen=True, slots=True)
class Subcommands:
    """The subcommands of one program."""

    options: Usage
    groups: dict[str, frozenset[str]]
    """Each known one with all names of the same."""
    plain_alone: frozenset[str]
    """Those that are plain only without options."""

    def same_as(self, name: str) -> frozenset[str]:
        """All names of a subcommand."""
        return self.groups.get(name, frozenset((name,)))

    def is_plain(self, name: str, rest: Sequence[Word]) -> bool:
        """True if it is certain that it does nothing that is another's."""
        if name in self.plain_alone:
            return all(w.literal and w.text[:1] != "-" and "::" not in w.text for w in rest)
        return name in self.groups


def _read(options: Usage, known: str) -> Subcommands:
    plain, _, alone = known.partition("?")
    groups: dict[str, frozenset[str]] = {}
    for group in (*plain.split(), *alone.split()):
        names = frozenset(group.split("="))
        groups |= dict.fromkeys(names, names)
    return Subcommands(options, groups, frozenset(alone.split()))


SUBCOMMANDS = {
    program: _read(_OPTIONS[program], known)
    for programs, known in _KNOWN.items()
    for program in programs.split(",")
}


# Options behind which stands a text, and neither a path nor a program.
_TEXTS = {
    ("git", "commit"): frozenset(("-m", "-am", "--message")),
    ("git", "tag"): frozenset(("-m", "--message")),
    ("git", "merge"): frozenset(("-m",)),
    ("gh", "pr"): frozenset(("--title", "--body")),
    ("pytest", ""): frozenset(("-k", "-m")),
}


def without_texts(words: Sequence[Word]) -> Iterator[Word]:
    """The words of a command without those that are known to be texts."""
    name = words[0].text
    second = words[1].text if len(words) > 1 else ""
    options = _TEXTS.get((name, second)) or _TEXTS.get((name, "")) or ()
    before = ""
    for word in words:
        if not (before in options and word.single):
            yield word
        before = word.text if word.literal else ""


# Options behind which stands a program, of programs that may do anything; "" for any argument.
_PROGRAMS = {
    **dict.fromkeys(("ssh", "scp", "sftp", "rsync", "watch", "script", "parallel"), ("",)),
    **dict.fromkeys(("python", "python3"), ("-c",)),
    **dict.fromkeys(("perl", "ruby", "node", "lua"), ("-e", "-E", "-p", "--eval", "--print")),
    **dict.fromkeys(("vi", "vim", "nvim", "ex", "less", "more", "man"), ("+", "-c", "-P", "--")),
    **dict.fromkeys(("split", "csplit"), ("--f",)),
}


def runs_an_argument(words: Sequence[Word]) -> str:
    """Why one of the words may be a program; "" if none is known to be."""
    name = words[0].text.rpartition("/")[2]
    options = _PROGRAMS.get(name, ())
    for word in words[1:]:
        if options and word.text.startswith(options):
            return f"{word.text!r} may tell {name} what to run"
    subcommands = SUBCOMMANDS.get(name)
    if subcommands is None:
        return ""
    reading = subcommands.options.read(words[1:])
    settings = next(
        (f"{word.text!r} is a setting" for k, word in reading.arguments if k == "x"), ""
    )
    first, *rest = reading.rest or (Word(""),)
    plain = not reading.rest or (first.literal and subcommands.is_plain(first.text, rest))
    return reading.unclear or settings or ("" if plain else f"{name} {first.text} may run others")
