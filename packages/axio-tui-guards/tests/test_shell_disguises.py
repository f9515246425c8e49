"""100 ways to run `rm` without saying so, in a table, and generated ones: none gets through.

Each text of the table is first run by a real shell, where `rm` is a program that leaves a mark.
"""

from __future__ import annotations

import asyncio
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from axio.exceptions import GuardError
from axio.permission import AllowAllGuard, PermissionGuard
from axio.tool import Tool
from axio_tui_guards import Rule, RuleGuard
from axio_tui_guards.programs import Program, Revealer
from axio_tui_guards.shell_words import Word


async def handler(**kwargs: Any) -> str:
    return "ran"


SHELL: Tool[Any] = Tool(name="shell", handler=handler)

# Texts are separated by lines of dashes. Those after "bash:" only bash runs.
DISGUISES = r"""
rm -rf y
---
 rm y
---
	rm y
---
true; rm y
---
true;rm y
---
true && rm y
---
false || rm y
---
true & rm y; wait
---
echo y | rm y
---
true
rm y
---
true # comment
rm y
---
echo '# not a comment
'; rm y
---
cd . && rm -rf y
---
cd / ; cd - >/dev/null; rm y
---
(rm y)
---
( ( rm y ) )
---
{ rm y; }
---
{ rm y
}
---
! rm y
---
"rm" y
---
'rm' y
---
r"m" y
---
"r"'m' y
---
r\m y
---
\rm y
---
""rm y
---
rm'' y
---
x=1 rm y
---
x= rm y
---
>out rm y
---
<in rm y
---
2>&1 rm y
---
rm>out y
---
>out 2>&1 </dev/null rm y
---
env rm y
---
env -i "PATH=$PATH" "MARK=$MARK" rm y
---
env x=1 z=2 rm y
---
env -u HOME rm y
---
env env env rm y
---
/usr/bin/env rm y
---
nohup rm y
---
nice rm y
---
nice -n 5 rm y
---
timeout 5 rm y
---
timeout -s KILL 5 rm y
---
setsid -w rm y
---
stdbuf -oL rm y
---
command rm y
---
command -p env rm y; PATH=$PATH rm y
---
exec rm y
---
exec >out; rm y
---
eval rm y
---
eval 'rm y'
---
eval "r"m y
---
eval "eval 'eval rm y'"
---
sh -c 'rm y'
---
sh -c "rm y"
---
sh -ec 'rm y'
---
sh -c 'sh -c "rm y"'
---
bash -c 'rm y'
---
/bin/sh -c 'rm y'
---
sh -c '"$@"' sh rm y
---
sh -c '$0 y' rm
---
sh <<E
rm y
E
---
sh <<'E'
rm y
E
---
sh <<-E
	rm y
	E
---
sh -s <<E
rm y
E
---
cat <<E
$(rm y)
E
---
cat <<E
`rm y`
E
---
cat <<A; rm y
text
A
---
cat <<A && cat <<B
$(true)
A
$(rm y)
B
---
cat <<'A'
A B
A
rm y
---
echo 'rm y' | sh
---
printf 'rm y' | sh -s
---
printf '%s\n' rm | while read x; do $x y; done
---
echo rm y | xargs env
---
echo y | xargs rm
---
echo y | xargs -n1 rm
---
echo y | xargs -I{} rm {}
---
echo rm | xargs -I{} sh -c '{} y'
---
echo y | xargs sh -c 'rm "$@"' sh
---
find . -maxdepth 0 -exec rm {} \;
---
find . -maxdepth 0 -exec rm {} +
---
find . -maxdepth 0 -exec sh -c 'rm {}' \;
---
find . -maxdepth 0 -name '*' -exec env rm {} ';'
---
echo $(rm y)
---
echo "$(rm y)"
---
echo `rm y`
---
echo "`rm y`"
---
echo "a $(echo "b $(rm y)")"
---
echo $(echo $(echo $(rm y)))
---
x=$(rm y)
---
x="$(rm y)" true
---
: "${x:-$(rm y)}"
---
: ${x:=`rm y`}
---
echo $((1 + $(rm y; echo 1)))
---
echo > "$(rm y; echo out)"
---
x=rm; $x y
---
x=r; z=m; $x$z y
---
x='rm y'; eval "$x"
---
x='rm y'; $x
---
set -- rm y; "$@"
---
set -- rm; $1 y
---
${x:-rm} y
---
${x-r}m y
---
$(echo rm) y
---
`echo rm` y
---
$(printf 'r%s' m) y
---
if true; then rm y; fi
---
if rm y; then true; fi
---
if false; then true; elif rm y; then true; fi
---
if false; then true; else rm y; fi
---
while rm y; do break; done
---
while true; do rm y; break; done
---
until rm y; do true; done
---
for x in 1; do rm y; done
---
for x in rm; do $x y; done
---
for x in 1
do rm y
done
---
for x in $(rm y); do true; done
---
case a in a) rm y;; esac
---
case a in b) true;; *) rm y; esac
---
case a in (a) rm y;; esac
---
case $(rm y) in *) true;; esac
---
f() { rm y; }; f
---
f() ( rm y ); f
---
f()
{
rm y
}
f
---
echo() { rm y; }; echo
---
f() { "$@"; }; f rm y
---
f() { if true; then rm y; fi; }; f
---
trap 'rm y' EXIT
---
trap 'rm y' 0; exit
---
alias ls=rm
ls y
---
PATH=$PATH:. ; rm y
---
IFS=x; x=rmxy; $x
---
. ./script
---
./script
---
sh ./script
---
sh script
---
cat script | sh
---
sh < script
---
python3 -c 'import os; os.system("rm y")'
---
perl -e 'system("rm y")'
---
awk 'BEGIN { system("rm y") }'
---
awk 'BEGIN { "rm y" | getline }'
---
echo y | sed 's/.*/rm y/e'
---
git -c alias.x='!rm y' x
---
tar cf /dev/null --checkpoint=1 --checkpoint-action=exec='rm y' script
---
sort --compress-program=rm -S 1k script script; rm y
---
echo a\
b; rm y
---
r\
m y
---
echo "a" \
; rm y
---
if\
 true; then rm y; fi
---
!\
 rm y
---
echo "$\
(rm y)"
---
echo 'it'\''s'; rm y
---
echo "a\"b"; rm y
---
echo a'
'b; rm y
---
echo \# ; rm y
---
echo a#b; rm y
---
echo a > out; rm y
---
echo ${#x}; rm y
---
echo $x; rm y # '
---
echo '$('; rm y
---
echo "\$("; rm y
---
echo ')' ; rm y
---
echo "}" && { rm y; }
---
[ 1 = 1 ] && rm y
---
test -n x && rm y
---
(cd . ; (cd . && rm y))
---
{ { { rm y; } } }
---
sh -c 'eval "$(echo rm y)"'
---
echo 'cm0geQ==' | base64 -d | sh
---
printf '\162\155 y' | sh
---
$(printf '\162\155') y
---
$PWD/r? y
---
./rm-link y
---
bash:
---
! ! rm y
---
$'rm' y
---
$'\x72m' y
---
$'\162m' y
---
{rm,y}
---
{r,}m y
---
rm y &> out
---
true |& rm y
---
sh <<< 'rm y'
---
cat <(rm y)
---
[[ 1 = 1 ]] && rm y
---
(( 1 )) && rm y
---
x[$(rm y)1]=1
---
x='a[$(rm y)]'; echo $((x))
---
function f { rm y; }; f
---
coproc rm y; wait
---
builtin command rm y
---
time rm y
---
time { rm y; }
---
if time rm y; then true; fi
---
a=(rm y); "${a[@]}"
---
a=rm; b=a; ${!b} y
---
a='$(rm y)'; : "${a@P}"
---
shopt -s expand_aliases
alias z=rm
z y
---
hash -p "$PWD/rm" ls; ls y
---
printf -v z rm; $z y
---
read -r z <<< rm; $z y
---
declare z=rm; $z y
---
BASH_ENV=./script bash -c true
---
exec -a ls rm y
---
select x in a; do rm y; break; done <<< 1
---
mapfile -t -C 'rm y;' -c 1 <<< a
---
trap 'rm y' DEBUG; true
"""


def table() -> list[tuple[str, str]]:
    """Each text with the shell that runs it."""
    plain, bash = DISGUISES.split("\n---\nbash:\n---\n")
    texts = [("sh", text) for text in plain.strip("\n").split("\n---\n")]
    return texts + [("bash", text) for text in bash.strip("\n").split("\n---\n")]


def runs_rm(shell: str, text: str, folder: Path) -> bool:
    """True if a real shell, given the text, starts the program `rm`, which here only marks it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    program = folder / "rm"
    program.write_text('#!/bin/sh\necho "$@" >> "$MARK"\n')
    program.chmod(0o755)
    (folder / "rm-link").symlink_to("rm")
    (folder / "in").write_text("")
    (folder / "script").write_text("rm y\n")
    (folder / "script").chmod(0o755)
    mark = folder / "mark"
    env = {"PATH": f"{folder}:/usr/bin:/bin", "MARK": str(mark), "HOME": str(folder)}
    subprocess.run(
        [shutil.which(shell) or shell, "-c", text],
        cwd=folder,
        env=env,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    return mark.exists()


BLOCK = [Rule("allow"), Rule("deny", command="rm")]
"""Everything but one program."""

LISTED = [
    Rule("allow", command=command)
    for command in (
        "cat *, echo *, find *, ls *, printf *, sort *, env *, xargs *, grep *, f, y"
    ).split(", ")
]
"""Some programs and no other."""


async def nobody(question: str) -> str:
    return ""


def policies() -> list[RuleGuard]:
    return [RuleGuard(rules, prompt_fn=nobody) for rules in (BLOCK, LISTED)]


def through(
    guards: Iterable[PermissionGuard], texts: Iterable[str], run: Any = asyncio.run
) -> list[str]:
    """The texts that any of the guards lets pass."""

    async def try_all() -> list[str]:
        passed = []
        for text in texts:
            for guard in guards:
                try:
                    await guard(SHELL, command=text)
                except GuardError:
                    continue
                passed.append(text)
        return passed

    passed: list[str] = run(try_all())
    return passed


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_the_texts_of_the_table_do_run_the_program(tmp_path: Path) -> None:
    texts = table()
    assert len(set(texts)) >= 100
    innocent = [text for shell, text in texts if not runs_rm(shell, text, tmp_path / "room")]
    assert innocent == []


def test_no_disguise_of_the_table_gets_through() -> None:
    assert through(policies(), [text for _, text in table()]) == []


HARMLESS = [
    "ls",
    "ls -la | grep x && echo done",
    "echo 'rm -rf /'",
    'echo "a b" rm',
    "cd src && ls; echo $?",
    "find . -name '*.py' | sort | head -n 3",
    "if [ -f x ]; then cat x; else echo no; fi",
    "for f in a b; do cat $f; done",
    "cat <<X | grep x\nrm -rf /\nX",
    "echo `ls` $(cat x) ${y:-z} $((1 + 2))",
    "grep -r rm . 2>/dev/null || true",
    "LANG=C ls 2>&1",
    "sh -c 'ls x' && env LANG=C ls",
    "ls | xargs cat",
    "echo a # rm",
    "(cd a && ls) & wait",
    "case $x in a|b) ls;; *) echo rm;; esac",
]


def test_what_is_harmless_passes_unasked() -> None:
    allow_all_but_rm, _ = policies()
    assert through([allow_all_but_rm], HARMLESS) == HARMLESS


# ── generated ─────────────────────────────────────────────────────────────────────────────────

NAMES = st.sampled_from(["rm", "r\\m", "'r'm", '"rm"', "r''m", '"r""m"', "\\r\\m", "/bin/rm"])
ARGUMENTS = st.sampled_from(["", " y", " -rf y", ' "y z"', " y > out", " -- *", ' "$x"'])
AROUND = [
    "true; {}",
    "true && {}",
    "false || {}",
    "ls | {}",
    "{} | cat",
    "({}\n)",
    "{{ {}\n}}",
    "! {}",
    "if {}\nthen true; fi",
    "if true; then {}\nfi",
    "while {}\ndo break; done",
    "for i in 1 2; do {}\ndone",
    "case a in a) {}\n;; esac",
    "f() {{ {}\n}}; f",
    "echo $({}\n)",
    'echo "$({}\n)"',
    'echo "a $(ls; {}\n) b"',
    "x=$({}\n) true",
    "cd src && {}",
    "echo a > out; {}",
    "echo 'a b' \\\\ \"c\"; {}",
    'echo \\" ; {}',
    "echo '\"' ; {}",
    "cat <<X\n$({}\n)\nX",
    "cat <<'X'\n'\nX\n{}",
    "( {}\n) > out 2>&1",
    "{} &",
    "echo a#b; {}",
    "# c'\n{}",
    "echo ${{x:-1}}; {}",
    "echo $((2 > 1)); {}",
    ": \"${{x}}\" '}}'; {}",
    "{}\nls",
]
QUOTING = ["sh -c {}", "eval {}", "bash -c {}", "env sh -c {}", "trap {} EXIT", "sh -ec {} a b"]
PREFIXES = ["env ", "nice ", "nohup ", "command ", "exec ", "timeout 5 ", "env x=1 "]


@st.composite
def disguises(draw: Any) -> str:
    text = draw(NAMES) + draw(ARGUMENTS)
    text = "".join(draw(st.lists(st.sampled_from(PREFIXES), max_size=2))) + text
    for _ in range(draw(st.integers(0, 4))):
        if draw(st.booleans()):
            text = draw(st.sampled_from(AROUND)).format(text)
        else:
            text = draw(st.sampled_from(QUOTING)).format(shlex.quote(text))
    return str(text)


def check_generated(examples: int) -> None:
    guards = policies()
    with asyncio.Runner() as runner:

        @settings(max_examples=examples, suppress_health_check=list(HealthCheck), database=None)
        @given(disguises())
        def one(text: str) -> None:
            assert through(guards, [text], runner.run) == []

        one()


def test_no_generated_disguise_gets_through() -> None:
    check_generated(500)


@pytest.mark.heavy
def test_none_of_10000_generated_disguises_gets_through() -> None:
    check_generated(10_000)


# ── these tests bite ──────────────────────────────────────────────────────────────────────────


def test_with_the_guard_switched_off_every_disguise_passes() -> None:
    texts = [text for _, text in table()]
    assert through([AllowAllGuard()], texts) == texts


def first_word_only(text: str) -> list[Program]:
    try:
        return [Program(tuple(map(Word, shlex.split(text))))]
    except ValueError:
        return []


def pieces_only(text: str) -> list[Program]:
    """Cut at operators, and nothing looked into."""
    try:
        words = list(shlex.shlex(text, posix=True, punctuation_chars=True))
    except ValueError:
        return []
    starts = [
        word
        for before, word in zip([";", *words], words, strict=False)
        if set(before) <= set(";&|()")
    ]
    return [Program((Word(word),)) for word in starts]


@pytest.mark.parametrize("weaker", [first_word_only, pieces_only])
def test_with_a_weaker_reading_disguises_get_through(
    weaker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("axio_tui_guards.calls.programs_in", weaker)
    assert through(policies()[:1], [text for _, text in table()])


@pytest.mark.parametrize("name", ["env", "eval", "find", "xargs", "sh", "trap", "command"])
def test_without_the_knowledge_of_one_program_disguises_get_through(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Revealer.command

    def forgetful(revealer: Revealer, command: Any, variables: Any, depth: int) -> None:
        if command.words and command.words[0].text == name:
            revealer.add(Program(command.words), variables)
        else:
            take(revealer, command, variables, depth)

    monkeypatch.setattr(Revealer, "command", forgetful)
    assert through(policies()[:1], [text for _, text in table()])
