"""Programs whose first word behind their options says what they do: `git push`, `docker run`.

A word further on is no subcommand (`git commit -m push` pushes nothing), and one that is known here
is plainly no other. Names joined by `=` mean the same. Behind `?` stand those that run something
else with some of their options, and so are only plain without any; behind `!` those that run what
their words, a script or a file of the project says, and so may run any other.
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

_READS_CONFIG = frozenset("get list -l --list --get --get-all --get-regexp".split())

_KNOWN = {
    "git": "status log diff show add=stage commit branch checkout switch restore reset stash tag "
    "merge push blame=annotate describe rev-parse ls-files clean mv rm cherry-pick revert "
    "reflog shortlog cat-file rev-list show-ref apply format-patch gc notes worktree"
    "? fetch pull clone grep rebase remote ls-remote archive init",
    "docker,podman": "ps images logs inspect version info stop start restart kill rm rmi pull push "
    "build tag diff events history port rename stats top wait login logout search commit cp load "
    "save import export create attach pause unpause ! exec run",
    "npm": "ls=list=la=ll view=v=info=show outdated audit whoami cache fund prune "
    "uninstall=un=unlink=remove=rm=r config=c ! test=t=tst run=run-script=rum=urn start stop "
    "install=i=in=ins=inst=insta=instal=isnt=isnta=isntal=add ci=clean-install=ic=install-clean "
    "restart version publish pack init=create=innit exec=x update=up=upgrade=udpate",
    "pnpm": "remove=rm=uninstall=un list=ls outdated why ! test=t=tst run=run-script install=i add "
    "start publish exec dlx update=up=upgrade",
    "yarn": "remove why info list ! install add upgrade test start publish",
    "pip,pip3": "uninstall freeze inspect list show check config cache index hash help debug "
    "! install download wheel",
    "cargo": "clean update fmt add remove=rm search uninstall tree metadata init new fetch vendor "
    "version ! build=b check=c test=t run=r doc=d clippy bench install publish",
    "go": "fmt mod list version doc clean ? build vet get install env ! test run",
    "uv": "remove lock venv python init tree version ! run sync add pip tool build publish",
    "poetry": "remove lock show init check version ! install add run update build publish shell",
    "kubectl": "get describe logs apply delete create scale rollout config top explain patch label "
    "annotate cp expose drain cordon uncordon version ! exec run edit",
    "systemctl": "status start stop restart reload enable disable is-active is-enabled list-units "
    "list-unit-files daemon-reload show cat mask unmask kill",
    "apt,apt-get": "update list search show autoremove ! upgrade install remove purge",
    "gh": "pr issue repo run workflow release auth gist search browse status ! api",
}


@dataclass(frozen=True, slots=True)
class Subcommands:
    """The subcommands of one program."""

    options: Usage
    groups: dict[str, frozenset[str]]
    """Each known one with all names of the same."""
    plain_alone: frozenset[str]
    """Those that are plain only without options."""
    running: frozenset[str]
    """Those that may run any other."""

    def same_as(self, name: str) -> frozenset[str]:
        """All names of a subcommand."""
        return self.groups.get(name, frozenset((name,)))

    def is_plain(self, name: str, rest: Sequence[Word]) -> bool:
        """True if it is certain that none of its words is another subcommand or program."""
        if name in self.plain_alone:
            return all(w.literal and w.text[:1] != "-" and "::" not in w.text for w in rest)
        if (self.options, name) == (_OPTIONS["git"], "config"):
            return bool(rest) and rest[0].literal and rest[0].text in _READS_CONFIG
        return name in self.groups


def _read(options: Usage, known: str) -> Subcommands:
    known, _, running = known.partition("!")
    plain, _, alone = known.partition("?")
    groups: dict[str, frozenset[str]] = {}
    for group in (*plain.split(), *alone.split(), *running.split()):
        names = frozenset(group.split("="))
        groups |= dict.fromkeys(names, names)
    runs = frozenset(name for group in running.split() for name in groups[group.split("=")[0]])
    return Subcommands(options, groups, frozenset(alone.split()), runs)


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
