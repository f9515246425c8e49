"""Everyday commands under rules that allow them: hardly any is asked about.

A question that is always answered with "y" is read by nobody when it matters.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from axio.tool import Tool
from axio_tui_guards import Rule
from axio_tui_guards.calls import read_call
from axio_tui_guards.judging import Judgement, judge

COMMANDS = r"""
ls
ls -la src
pwd
date
whoami
uname -a
cat README.md
cat README.md 2>/dev/null
head -n 20 README.md
tail -5 build.log
tail -n +3 build.log | head
wc -l src/app.py
wc -l src/*.py
grep -rn "def " src
grep -rn "import os" --include='*.py' . | head -20
grep -q main src/app.py && echo found
grep -c x README.md || true
find . -name '*.py'
find src -type f -name '*.py' -not -path './.venv/*' | sort
find . -maxdepth 2 -type d
find . -name '*.py' -exec grep -l main {} +
find . -name '*.pyc' -print0 | xargs -0 ls
sort build.log | uniq -c | sort -rn | head
cut -d: -f1 build.log
sed -n '1,20p' README.md
sed -i 's/old/new/g' src/app.py
sed 's/a/b/; s/c/d/' README.md
awk '{print $1}' build.log
awk -F: '{ n += $2 } END { print n }' build.log
jq '.name' package.json
jq -r '.scripts | keys[]' package.json
tr a-z A-Z < README.md
diff README.md build.log
stat README.md
file src/app.py
du -sh src
df -h
mkdir -p out/deep
touch out/new.txt
cp README.md out/
cp -r src out/copy
mv out/new.txt out/old.txt
ln -s README.md out/link
chmod +x src/app.py
echo hello > out/hello.txt
echo "a b" >> out/hello.txt
printf '%s\n' one two
cat <<'EOF' > out/here.txt
two lines
EOF
cat <<EOF | wc -l
a
b
EOF
cd src && ls
cd src && grep -n main app.py; cd ..
(cd src; pwd)
for f in src/*.py; do wc -l "$f"; done
for i in 1 2 3; do echo "$i"; done
while read -r line; do echo "$line"; done < README.md
if [ -f README.md ]; then cat README.md; else echo none; fi
[[ -f README.md ]] && cat README.md
[ -d out ] || mkdir out
test -n "$HOME" && echo set
x=5; echo $((x+1))
n=$(wc -l < README.md); echo "$n lines"
case "$1" in a) echo a;; *) echo b;; esac
command -v python3
which python
sleep 1
true && echo yes || echo no
set -e; ls src
export DEBUG=1; python src/app.py
python src/app.py
python -m pytest -q
python -m pytest -q tests 2>&1 | tail -20
python -c 'print(1)'
FOO=bar python src/app.py
PYTHONPATH=src python -m app
pytest -x -q
timeout 60 pytest -q
timeout --foreground 60 pytest
npm test
npm test &>/dev/null
npm run build > build.log 2>&1
git status
git diff --stat
git log --oneline -5 | cat
git add -A && git commit -m "Add a page"
git commit -m "push the button"
git checkout -b topic
git stash push
make test 2>&1 | tee build.log
curl -s https://api.example.com/v1/items | jq .
curl -fsSL -o out/page.html https://api.example.com/
"""

PROGRAMS = (
    "awk cat chmod cp curl cut date df diff du echo file find git grep head jq ln ls make mkdir mv "
    "npm printf pwd pytest python sed sleep sort stat tail tee touch tr uname uniq wc which whoami"
).split()


def everyday() -> list[str]:
    """One command a line; a here-document goes on to its end."""
    found: list[str] = []
    for line in COMMANDS.strip().splitlines():
        if found and "<<" in found[-1] and not found[-1].endswith("\nEOF"):
            found[-1] += f"\n{line}"
        else:
            found.append(line)
    return found


async def _shell(command: str, cwd: str = ".") -> str:
    return "ran"


SHELL: Tool[Any] = Tool(name="shell", handler=_shell)


@pytest.fixture(autouse=True)
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    room = tmp_path / "room"
    for folder in ("src", "out", "secret", ".git"):
        (room / folder).mkdir(parents=True)
    for file in ("README.md", "build.log", "package.json", "src/app.py", "src/util.py"):
        (room / file).write_text("x\n")
    monkeypatch.chdir(room)
    monkeypatch.delenv("CDPATH", raising=False)
    return room


def judged(command: str, *rules: Rule) -> Judgement:
    return judge(read_call(SHELL, {"command": command}), rules)


def asked(*rules: Rule) -> list[str]:
    return [command for command in everyday() if judged(command, *rules).effect != "allow"]


def test_there_are_85_of_them() -> None:
    assert len(everyday()) == len(set(everyday())) >= 85


def test_rules_for_the_programs_let_all_of_them_pass(room: Path) -> None:
    named = [Rule("allow", command=f"{program} *") for program in PROGRAMS]
    # A redirection to a file takes a rule for places.
    assert asked(*named, Rule("allow", path=str(room))) == []


def test_with_a_rule_for_places_hardly_any_asks(room: Path) -> None:
    known = {"curl", "git", "make", "npm", "pytest", "python"}
    inside = [Rule("allow", command=f"{p} *", path=str(room)) for p in PROGRAMS if p not in known]
    trusted = [Rule("allow", command=f"{p} *") for p in known]
    assert len(asked(*inside, *trusted)) <= 4


@pytest.mark.parametrize(
    "denied",
    [
        {"path": "secret"},
        {"path": "/etc"},
        {"command": "docker"},
        {"command": "git push"},
        {"command": "npm publish"},
        {"host": "evil.example"},
    ],
)
def test_a_rule_that_denies_something_else_hardly_asks(room: Path, denied: dict[str, Any]) -> None:
    named = [Rule("allow", command=f"{program} *") for program in PROGRAMS]
    questions = asked(*named, Rule("allow", path=str(room)), Rule("deny", **denied))
    # These go through all of the current folder, or take up all that is in it.
    deep = {c for c in questions if denied.get("path") == "secret" and c.split()[0] in _GO_DEEP}
    assert len(set(questions) - deep) <= 4, questions


_GO_DEEP = frozenset(("find", "grep"))
