"""Allowed commands do nothing that a rule denies: they are run to see it.

Commands are generated: a program or a path that is denied, in many spellings, in all places where a
shell or a program could find it, with options at random. Each that the rules allow runs in dash and
in bash, where the program leaves a mark and the file holds a text that must not appear.
"""

from __future__ import annotations

import os
import random
import re
import resource
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from axio.tool import Tool
from axio_tui_guards import Rule
from axio_tui_guards.calls import read_call
from axio_tui_guards.judging import judge
from axio_tui_guards.usages import USAGES

SHELLS = [path for name in ("dash", "bash") if (path := shutil.which(name))]
NOBODY = 65534 if os.geteuid() == 0 else None
CANARIES = {"secret": "the text that must not appear", "work/vault": "what the vault must keep"}


async def _shell(command: str) -> str:
    return "ran"


SHELL: Tool[Any] = Tool(name="shell", handler=_shell)


class Room:
    """A folder to work in, a program called `rm` in it, and a secret beside it."""

    def __init__(self, folder: Path) -> None:
        self.work = folder / "work"
        self.secret = folder / "secret"
        self.mark = folder / "mark"
        self._folder = folder
        self._clean = self._made()

    def _made(self) -> dict[str, str]:
        shutil.rmtree(self._folder, ignore_errors=True)
        for directory in ("work/sub", "secret", "work/vault", "work/keep", "work/held", "bin"):
            (self._folder / directory).mkdir(parents=True)
        for name, text in {
            "rm": '#!/bin/sh\necho "$@" >> "$MARK"\n',
            "../bin/rm": '#!/bin/sh\necho "$@" >> "$MARK"\n',
            "script": "rm y\n",
            "list": f"{self.secret}/key\0",
            "lines": f"{self.secret}/key\n",
            "in": "a b\n",
            "y": "y\n",
            "sub/x.py": "x = 1\n",
            "key": "another key\n",
            "keep/key": "yet another key\n",
            **{f"../{place}/key": f"{canary}\n" for place, canary in CANARIES.items()},
        }.items():
            (self.work / name).write_text(text)
        for program in ("rm", "script", "../bin/rm"):
            (self.work / program).chmod(0o755)
        (self.work / "rm-link").symlink_to("rm")
        (self.work / "out").symlink_to("../secret")
        (self.work / "leaf").symlink_to("../secret/key")
        (self.work / "held/out").symlink_to(self.secret)
        (self.work / "held/vault").symlink_to(self.work / "vault")
        with tarfile.open(self.work / "held.tar", "w") as archive:
            archive.add(self.work / "held", "packed")
        if NOBODY is not None:
            for path in (self._folder, *self._folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        os.chdir(self.work)
        return self._state()

    def _state(self) -> dict[str, str]:
        state = {}
        for path in sorted(self._folder.rglob("*")):
            name = str(path.relative_to(self._folder))
            if path.is_symlink():
                state[name] = f"-> {os.readlink(path)}"
            elif path.is_file():
                text = path.read_text(errors="replace")
                state[name] = f"{path.stat().st_mode:o} {text}"
            else:
                state[name] = f"{path.stat().st_mode:o}"
        return state

    def harm(self, shell: str, text: str, secret: str) -> str:
        """The harm that a real shell does with this text to a secret, or by "rm"; "" for none."""
        environment = {
            "PATH": f"{self._folder / 'bin'}:/usr/bin:/bin",
            "MARK": str(self.mark),
            "HOME": str(self.work),
        }
        try:
            done = subprocess.run(
                [shell, "-c", text],
                cwd=self.work,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=3,
                user=NOBODY,
                preexec_fn=_limited,
            )
            output = (done.stdout + done.stderr).decode(errors="replace")
        except subprocess.TimeoutExpired as error:
            output = (error.stdout or b"").decode(errors="replace")
        state = self._state()
        found = self._found(state, output, secret)
        if state != self._clean:
            self._clean = self._made()
        return found

    def _found(self, state: dict[str, str], output: str, secret: str) -> str:
        if secret == "mark":
            return "ran rm" if "mark" in state else ""
        canary = CANARIES[secret.removesuffix("/key")]
        if canary in output:
            return "showed the secret"
        below = sorted(
            name for name in {*state, *self._clean} if f"{name}/".startswith(f"{secret}/")
        )
        for name in below:
            if state.get(name) != self._clean.get(name):
                return f"changed {name}"
        copied = (n for n, text in state.items() if canary in text and n not in below)
        return next((f"copied to {name}" for name in copied), "")


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (2, 2))


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:  # which others may enter, unlike pytest's
        Path(folder).chmod(0o755)
        with pytest.MonkeyPatch.context() as patched:
            made = Room(Path(folder) / "room")
            patched.setenv("HOME", str(made.work))
            patched.delenv("XDG_CONFIG_HOME", raising=False)
            yield made
        os.chdir(before)


def allowed(text: str, rules: Iterable[Rule]) -> bool:
    return judge(read_call(SHELL, {"command": text}), rules).effect == "allow"


# ── denied programs ───────────────────────────────────────────────────────────────────────────

RM = r"""
rm
r\m
"r"m
$'rm'
$'\x72m'
$"rm"
{rm,y}
{r,}m
r?
r[m]
[r]m
?m
@(rm)
+(r)m
$(echo rm)
`echo rm`
${x:-rm}
${x-rm}
"${x:=rm}"
$x
${x}
$r${m}
${!n}
${x@E}
${x/a/r}m
${a[0]}
$1
$PWD/rm
./rm
./rm-link
/bin/../bin/rm
~/rm
""".strip().splitlines()

CARRIERS = (Path(__file__).parent / "carriers.txt").read_text().strip("\n")
"""Each runs, or seems to run, what stands for `{}`."""

AROUND = r"""
{}
true; {}
true && {}
echo a | {}
{} | cat
({})
{ {}; }
if true; then {}; fi
for i in 1; do {}; done
echo "$({})"
x=$({}); echo "$x"
cd . && {}
{} 2>/dev/null
{} > /dev/null 2>&1
echo 'a b' "c"; {}
""".strip().splitlines()


def _joined(lines: str) -> list[str]:
    """The carriers, each of which is a line or more until it is complete."""
    found: list[str] = []
    open_end = ""
    for line in lines.split("\n"):
        if open_end:
            found[-1] += f"\n{line}"
            if line.strip() == open_end:
                open_end = ""
            continue
        found.append(line)
        here = re.search(r"<<-?['\"\\]?(\w+)", line)
        open_end = here[1] if here and "<<<" not in line else ""
    return found


def of_programs(chance: random.Random) -> str:
    """A text that tries to run `rm`."""
    if chance.random() < 0.25:
        return _mutated(chance, _CARRIERS).replace("{}", "rm y")
    text = chance.choice(RM) + chance.choice(("", " y", " -rf y", " $x", ' "a b"'))
    for _ in range(chance.choice((1, 1, 2))):
        text = chance.choice(_CARRIERS).replace("{}", text)
    return chance.choice(AROUND).replace("{}", text)


_CARRIERS = _joined(CARRIERS)
_TOKEN = re.compile(r"\w+|[ \t]+|\n|[^\w\s]")
_INSERTED = tuple(
    "; & | ( ) { } < > $ ' \" ` \\ # ! = [ ] * ? ~ - && || $( ${ $(( )) ;; \n".split(" ")
)


def _mutated(chance: random.Random, texts: list[str]) -> str:
    """One of the texts, or two of them in one, with some pieces changed."""
    pieces = _TOKEN.findall(chance.choice(texts))
    if chance.random() < 0.5:
        other = _TOKEN.findall(chance.choice(texts))
        at = chance.randrange(len(pieces) + 1)
        pieces[at:at] = other[chance.randrange(len(other) + 1) :]
    for _ in range(chance.choice((1, 1, 2, 3))):
        at = chance.randrange(len(pieces) + 1)
        kind = chance.random()
        if kind < 0.4:
            pieces[at:at] = [chance.choice(_INSERTED)]
        elif kind < 0.8:
            del pieces[at : at + 1]
        else:
            pieces[at:at] = [chance.choice(pieces or ["x"])]
    return "".join(pieces)


# ── denied paths ──────────────────────────────────────────────────────────────────────────────

PLACES = """
{d}/key
{d}
{d}/new
{a}/{n}/key
{a}/{n}
{d}//./key
./{d}/key
sub/../{d}/key
{d}/../{n}/key
{d}/k*
{d}/*
{d}/ke?
{d}/[k]ey
{d}/{key,x}
{{d}/key,x}
$'{d}/key'
"{d}/key"
'{d}/key'
"$PWD/{d}/key"
$PWD/{d}/key
${PWD}/{d}/key
$OLDPWD{d}/key
~/{d}/key
$HOME/{d}/key
"$x/key"
$x/key
$x
${x:-y}
$(echo {d}/key)
`echo {d}/key`
/proc/self/cwd/{d}/key
/proc/self/root/{a}/{n}/key
/proc/$$/cwd/{d}/key
/proc/thread-self/cwd/{d}/key
/dev/fd/../../cwd/{d}/key
file://{a}/{n}/key
FILE:///{a}/{n}/key
file://localhost{a}/{n}/key
file://{a}/{n}/ke[y-y]
file://{a}/{n}/{key,x}
file://{a}/%{n}/key
@{d}/key
=@{d}/key
x=@{d}/key
<{d}/key
x@{d}/key
in:{d}/key
in,{d}/key
=={d}/key
out/key
out
leaf
.
..
*
*/key
sub/../..
list
lines
""".strip().splitlines()

AROUND_PATHS = """
{}
{}
{}
x={d}; {}
cd {d}; {}
cd {d} && {} key
cd sub && {}
cd sub; cd ..; {}
cd ..; {}
(cd {d}); {}
for x in {d}; do {}; done
for x in {d}/*; do {} "$x"; done
while read -r x; do {} "$x"; done < lines
cat lines | while read x; do {} "$x"; done
x=$(cat lines); {} "$x"
{} < {p}
{} <> {p}
{} > {p}
{} >> {p}
{} >| {p}
{} &> {p}
{} 2> {p}
cat < {p}
{} <<< {p}
echo {p} | xargs {}
cat lines | xargs {}
xargs {} < lines
xargs -a lines {}
xargs -I% {} % < lines
find . -exec {} \\;
find .. -name key -exec {} \\;
find {d} -type f
find {p} -newer in
find . -newer {p}
find . -samefile {p}
find -L . -name key -exec {} {{}} +
grep -r text .
grep -rh text ..
grep -R text .
ls -R {d}
tar cf - {p}
tar cf - .
tar cf t . && tar xOf t
tar chf t out && tar xOf t
ln -s {d} z; cat z/key
ln {p} z; cat z
ln -sf {d} sub; {} sub/key
cp -r {d} z; cat z/key
cp -r . ../z
cp -rL out z
mv {d} z; cat z/key
mv z {p}
mv ../secret z
mv held z; {} z/out/key z/vault/key
mv held z; cd z/out; {} key
mv held sub; cat sub/held/out/key sub/held/vault/key
mv -t sub held; cat sub/held/out/key sub/held/vault/key
cp -a held z; {} z/out/key z/vault/key
cp -r held z && {} z/out/key z/vault/key
cp -RP held sub; cat sub/held/out/key sub/held/vault/key
ln -s held z; {} z/out/key z/vault/key
ln -s .. z; cat z/secret/key z/work/vault/key
ln -s held z; cat < z/out/key; cat < z/vault/key
tar -xf held.tar; {} packed/out/key packed/vault/key
tar -x -f held.tar; cat packed/out/key packed/vault/key
tar -xf held.tar -C sub; cat sub/packed/out/key sub/packed/vault/key
{ sleep 0.2; cat z/out/key z/vault/key; } & mv held z; wait
f() { cat z/out/key z/vault/key; }; mv held z; f
for i in 1 2; do cat z/out/key z/vault/key; mv held z; done
trap '{} z/out/key z/vault/key' EXIT; mv held z
trap 'cat<z/out/key; cat<z/vault/key' EXIT; mv held z
grep -d recurse text ..
grep -drecurse what .
grep -hd recurse t {d}
grep --directories=recurse text ..
diff .. {d}
diff . {d}
diff {d} keep
diff keep {d}
echo 'url=file://{a}/{n}/key' > .curlrc; curl -s http://127.0.0.1:9
printf 'upload-file={p}\n' > .curlrc; curl -s file://{a}/work/z; cat z
cp -r held sub; ln -s sub/held z; cat z/out/key z/vault/key
mv held sub; ln -s sub/held; cat held/out/key held/vault/key
mkdir .config; echo 'url=file://{a}/{n}/key' > .config/curlrc; curl -s http://127.0.0.1:9
CURL_HOME=sub; echo 'url=file://{a}/{n}/key' > sub/.curlrc; CURL_HOME=sub curl -s http://127.0.0.1:9
TAR_OPTIONS='-C {d}' tar -cO key
TAR_OPTIONS=-C{d} tar -c -f t key; tar -xOf t
env TAR_OPTIONS=-C{d} tar -c -f - key
export TAR_OPTIONS=-C{d}; tar -c -f - key
GREP_OPTIONS=-r grep text ..
test -f {p} && {}
[[ -f {p} ]] && {}
if [ -r {p} ]; then {}; fi
{ {}; } < {p}
({}) < {p}
f() { {} "$1"; }; f {p}
set -- {p}; {} "$@"
env -C {d} {} key
env {} {p}
timeout 1 {} {p}
sh -c '{} {p}'
sh -c '{} "$1"' x {p}
eval {} {p}
echo "$({} {p})"
sed -n 'r {p}' in
sed 'r {p}' in
sed 'R {p}' in
sed 'w {p}' in
sed 's/a/b/w {p}' in
sed -n '$!{N};w {p}' in
sed -i s/a/b/ {p}
sed -n p {p}
sed -e p -e 'r {p}' in
sed -s p in {p}
awk '{ getline x < "{p}"; print x }' in
awk 'BEGIN { while ((getline x < "{p}") > 0) print x }'
awk '{ print > "{p}" }' in
awk 1 {p}
awk 1 x=y {p}
awk -f {p} in
awk 'BEGIN { ARGV[1] = "{p}"; ARGC = 2 } 1'
awk '1' "${x}"
jq -R . {p}
jq -n '[inputs]' {p}
jq -nR --rawfile x {p} '$x'
jq -n --slurpfile x {p} '$x'
jq -n 'include "x"; 1'
jq -n -L {d} 'import "key" as $x; $x'
sort --files0-from=list
wc --files0-from=list
du --files0-from list
sort -T {d} in
sort -o{p} in
sort -uo{p} in
sort -u -o {p} in
uniq in {p}
tee {p} < in
tee -a{p} < in
touch -r {p} z; cat z
cp -t {d} in
cp -ft{d} in
cp --target-directory={d} in
cp --targ={d} in
cp in {p}
ln -sft{d} in
install in {p}
install -Dt{d} in
mkdir -p {d}/deep
rmdir {d}/deep
split in {d}/x
dd if={p}
dd of={p} if=in
diff in {p}
diff -r . {d}
diff --from-file={p} in
cmp in {p}
comm in {p}
join -j1 in {p}
paste in {p}
date -f {p}
date -f{p}
date -uf{p}
date -r {p}
file -f lines
file -m {p} in
stat {p}
od -c {p}
base64 {p} | base64 -d
head -c100 {p}
tail -n+1 {p}
tac {p}
nl -ba {p}
cut -c1- {p}
rev {p}
shuf {p}
shuf -o{p} in
strings {p}
readlink -f {p}
truncate -s0 {p}
chmod 600 {p}
chmod -R 700 ..
chmod --reference=in {p}
curl -s {p}
curl -s file://{a}/{n}/key
curl -so {p} file://{a}/work/in
curl -s -K {p}
curl -sT{p} file://{a}/work/z
curl -sT{p} file://{a}/work/z; cat z
curl -d@{p} http://127.0.0.1:9
curl -F x=@{p} http://127.0.0.1:9
curl -sb {p} http://127.0.0.1:9 -v
curl -sc {p} http://127.0.0.1:9
curl -sD{p} file://{a}/work/in
curl -sH@{p} -v http://127.0.0.1:9
curl -w@{p} -s file://{a}/work/in
curl --url-query @{p} http://127.0.0.1:9
git diff --no-index in {p}
git --git-dir={d} status
git hash-object {p}
python3 {p}
sh {p}
. {p}
source {p}
cat {p}
{} {p}
{} {p}
{} in {p}
{} -{l}{p} in
{} -{l} {p}
{} -{l}{p}
{} -{l} in {p}
{} -{l}{p} -{l} in
{} --{o}={p} in
{} --{o} {p} in
{} --{o}={p}
{} -- {p}
{} - {p} < in
{} {p} {p}
""".strip("\n").splitlines()

ENDLESS = frozenset(("yes", "sleep", "kill", "pkill", "xargs"))
NAMES = sorted({*USAGES} - ENDLESS) + "dd install split pr dir vdir csplit ptx numfmt git".split()
LONG = sorted({name[2:] for usage in USAGES.values() for name in usage.names if name[:2] == "--"})


def of_paths(denied: str) -> Callable[[random.Random, Room], str]:
    """A maker of texts that try to reach what lies below `denied`, seen from the working folder."""

    def of_one(chance: random.Random, room: Room) -> str:
        around = chance.choice(AROUND_PATHS)
        program = chance.choice(("cat", "cp", chance.choice(NAMES), chance.choice(NAMES)))
        place = chance.choice(PLACES)
        letters = "".join(
            chance.choices("abcdefghiklmnopqrstuvwxzCDFILNORST", k=chance.choice((1, 1, 2, 3)))
        )
        text = around.replace("{}", program).replace("{p}", place)
        for mark, value in {
            "{d}": denied,
            "{a}": str((room.work / denied).parent.resolve()),
            "{n}": os.path.basename(denied),
            "{l}": letters,
            "{o}": chance.choice(LONG)[: chance.choice((None, 5))],
            "{{": "{",
        }.items():
            text = text.replace(mark, value)
        if chance.random() < 0.15:
            return _mutated(chance, [text])
        return text

    return of_one


# ── a denied file, whose name another file brings along ───────────────────────────────────────

NAMED_ALIKE = r"""
cp key vault
cp -f key vault/
cp key vault/.
cp -t vault key
cp -ft vault in key
cp in key vault
cp -r key vault
cp -r keep/. vault
cp -rT keep vault
cp keep/* vault
cp k?y vault
cp "$PWD/key" vault
cp keep/../key sub/../vault
cd vault; cp ../key .
cd vault && mv ../key .
mv key vault
mv -t vault key
mv -f keep/key vault
ln -f key vault
ln -sf ../key vault
ln -t vault -f key
cd vault; ln -f ../key
cd vault; ln -f ../keep/key
install key vault
install -t vault key
rsync key vault
cp --parents key vault
for x in key; do cp $x vault; done
for x in k*; do cp "$x" vault; done
x=key; cp "$x" vault
find . -name key -exec cp {} vault \;
find keep -name key -exec cp -t vault {} +
echo key | xargs cp -t vault
echo key | xargs -I% cp % vault
ls | xargs -I% cp % vault
cd vault; curl -sO file://{w}/key
curl -s --output-dir vault -O file://{w}/key
curl -sJO --output-dir vault file://{w}/key
curl -so vault/key file://{w}/key
tar -cf t key; tar -xf t -C vault
tar cf t key; tar xf t -C vault
tar -cf - key | tar -xf - -C vault
(cd keep && tar -cf - .) | (cd vault && tar -xf -)
split -b 99 --additional-suffix=y -a 1 in vault/ke
sort -o vault/key key
tee vault/key < key
dd if=key of=vault/key
cat key > vault/key
cd vault; cat ../key > key
cd vault; tee key < ../key
echo x >> vault/k*
sed -i s/a/b/ vault/*
touch vault/*
truncate -s0 vault/k*
mv vault z; cat z/key
cp -r vault z; cat z/key
ln -s vault z; cat z/key
cat vault/*
cat vault/k??
cd vault; cat *
cat vau*/key
grep -d recurse what vault
grep -r what vault
grep what vault/*
diff vault keep
diff keep vault
diff -r keep vault
rm -r vault
rm vault/*
find vault -delete
find vault -type f -exec cat {} +
chmod 600 vault/*
chmod -R 600 vault
tar -cf - vault
du -a vault
wc vault/*
head vault/*
""".strip("\n").splitlines()


def of_names(chance: random.Random, room: Room) -> str:
    """A text that tries to read or to change `vault/key`."""
    text = chance.choice(NAMED_ALIKE).replace("{w}", str(room.work))
    text = chance.choice(AROUND).replace("{}", text) if chance.random() < 0.4 else text
    return _mutated(chance, [text]) if chance.random() < 0.5 else text


# ── what is tried ─────────────────────────────────────────────────────────────────────────────


def _all_but(**denied: Any) -> list[Rule]:
    return [Rule("allow"), Rule("deny", **denied)]


def _inside(room: Room) -> list[Rule]:
    """Rules for all programs of the tables, that end at the working folder."""
    return [Rule("allow", command=f"{name} *", path=str(room.work)) for name in NAMES]


def harmful(room: Room, kind: str, count: int, seed: int) -> list[tuple[str, str, str]]:
    """Those of `count` texts that are allowed and do harm, with what they do."""
    chance = random.Random(seed)
    make: Callable[[random.Random, Room], str]
    secret = "secret"
    if kind == "programs":
        rules, make, secret = _all_but(command="rm"), lambda c, _: of_programs(c), "mark"
    elif kind == "beside":
        rules, make = _all_but(path="../secret"), of_paths("../secret")
    elif kind == "names":
        rules, make, secret = _all_but(path="vault/key"), of_names, "work/vault/key"
    elif kind == "below":
        rules, make, secret = _all_but(path="vault"), of_paths("vault"), "work/vault"
    else:
        rules, make = _inside(room), of_paths("../secret")
    found = []
    for _ in range(count):
        text = make(chance, room)
        if allowed(text, rules):
            found += [(sh, text, harm) for sh in SHELLS if (harm := room.harm(sh, text, secret))]
    return found


KINDS = ["programs", "beside", "below", "inside", "names"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_allowed_does_no_harm(room: Room, kind: str) -> None:
    assert harmful(room, kind, 500, seed=7) == []


@pytest.mark.heavy
@pytest.mark.parametrize("kind", KINDS)
def test_none_of_10000_that_are_allowed_does_harm(room: Room, kind: str) -> None:
    assert harmful(room, kind, 10_000, seed=11) == []


def test_the_room_notices_harm(room: Room) -> None:
    for text, harm in {
        "cat leaf": "showed the secret",
        "cat ../secret/key": "showed the secret",
        "cp ../secret/key z": "copied to work/z",
        "echo x > ../secret/key": "changed secret/key",
        "mkdir ../secret/deep": "changed secret/deep",
        "chmod 600 ../secret/key": "changed secret/key",
        "cat in; echo x > z": "",
    }.items():
        found = [room.harm(shell, text, "secret") for shell in SHELLS]
        assert found == [harm] * len(SHELLS), text
    assert [room.harm(shell, "rm y", "mark") for shell in SHELLS] == ["ran rm"] * len(SHELLS)
