"""The rules of `.gitignore`, compared with git itself."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from axio_tools_local.tree import Walk
from support.parts import requires

CASES = [
    ("*.log", "a.log b/c.log log"),
    ("/a.log", "a.log b/a.log"),
    ("b/", "b/x c/b a/b/x"),
    ("b/c", "b/c a/b/c"),
    ("**/b", "b a/b a/c/b/x"),
    ("a/**", "a/x a/b/x b"),
    ("a/**/b", "a/b a/x/b a/x/y/b ab"),
    ("a**b", "ab axb a/b"),
    ("*\n!keep", "keep drop sub/keep"),
    ("*\n!*/\n!keep", "keep drop sub/keep"),
    ("sub/\n!sub/keep", "sub/keep sub/drop"),
    ("[ab].c", "a.c b.c c.c"),
    ("[!ab].c", "a.c b.c c.c"),
    ("[^a-b].c", "a.c c.c ].c"),
    ("[]-].c", "].c -.c a.c"),
    ("[[:digit:]x].c", "1.c x.c a.c"),
    ("[a", "[a a"),
    ("a\\", "a a\\"),
    ("\\!a\n\\#b", "!a #b a b"),
    ("#a", "#a a"),
    ("a \nb\\ ", "a b b\\"),
    ("a\r\nb", "a b"),
    ("?", "a é ab"),
    ("??", "a é ab"),
    ("/", "a"),
    ("!", "a !"),
    ("a/*", "a/b a/b/c"),
    ("\ufeffa", "a"),
    ("*.{c,h}", "x.c x.{c,h}"),
    ("**", "a b/c"),
    ("a//b", "a/b"),
    ("***/b", "b a/b"),
    ("[a-]x", "ax -x bx"),
    ("[z-a]", "a z -"),
    ("[\\]]", "] \\"),
]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    git = requires("git")
    path = tmp_path_factory.mktemp("repository")
    subprocess.run([git, "init", "-q", path], check=True)
    return path


def compare(repository: Path, rules: dict[str, bytes], names: list[str]) -> None:
    """Make a tree with these `.gitignore`s and files; git and we must see the same files."""
    subprocess.run(["git", "clean", "-qffdx"], cwd=repository, check=True)
    for name in names:
        try:
            (repository / name).parent.mkdir(parents=True, exist_ok=True)
            (repository / name).touch()
        except OSError:  # a file where a folder would have to be
            continue
    for folder, text in rules.items():
        if (repository / folder).is_dir():
            (repository / folder / ".gitignore").write_bytes(text)
    listed = subprocess.run(
        ["git", "-c", "core.excludesFile=", "ls-files", "-z", "--others", "--exclude-standard"],
        cwd=repository,
        check=True,
        capture_output=True,
    )
    seen_by_git = {name for name in listed.stdout.split(b"\0") if name}
    top = os.fsencode(repository)
    seen_by_us = {path[len(top) + 1 :] for path in Walk(top, include_ignored=False)}
    assert seen_by_us == seen_by_git


@pytest.mark.parametrize(("rules", "names"), CASES)
def test_the_table_agrees_with_git(repository: Path, rules: str, names: str) -> None:
    compare(repository, {".": rules.encode()}, names.split(" "))


NAMES = st.lists(st.sampled_from(["a", "b", "ab", "a.c", "-", "]", "!", "x y"]), min_size=1)
PATHS = st.lists(NAMES.map(lambda parts: "/".join(parts[:3])), max_size=8)
PATTERN = st.lists(
    st.sampled_from([*"ab/*?![]-^\\ .cx", "**", "**/", "/**", "[a-b]", "[!a]", "*.c"]),
    min_size=1,
    max_size=6,
).map("".join)
# Some versions of git take such asterisks for folders, depending on addresses in memory.
SOUND = PATTERN.filter(lambda pattern: not re.search(r"[^/]\*\*+(/|$)", pattern))
RULES = st.lists(SOUND, max_size=4).map(lambda lines: "\n".join(lines).encode())


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(RULES, RULES, PATHS)
def test_generated_rules_agree_with_git(
    repository: Path, top: bytes, inner: bytes, names: list[str]
) -> None:
    compare(repository, {".": top, "a": inner}, names)
