"""The pages tell of the command what its help tells, and show what it prints."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from axio_tui.app.screen_commands import screen_commands
from axio_tui.args import EXIT_CODES, build_parser
from axio_tui.chat.builtin import BUILTIN
from axio_tui.subcommands import SUBCOMMANDS

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
PAGE = (Path(__file__).parents[3] / "docs/guides/terminal.md").read_text("utf-8")


def table(page: str, head: str) -> list[tuple[str, str]]:
    """The rows of the first table with this head."""
    lines = iter(page.splitlines())
    for line in lines:
        if line.startswith(f"| {head} |"):
            break
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        first, _, rest = line.strip("| ").partition(" | ")
        rows.append((first.strip(), rest.strip()))
    return rows


def options_of(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings


def parser_of_run() -> argparse.ArgumentParser:
    parser = build_parser()
    commands = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    run: argparse.ArgumentParser = commands.choices["run"]
    return run


def test_every_option_is_in_the_readme_and_none_that_is_not_there() -> None:
    told = {
        word for row, _ in table(README, "option") for word in re.findall(r"--?[a-zA-Z][\w-]*", row)
    }
    there = {*options_of(build_parser()), *options_of(parser_of_run())}
    assert told == there


def test_options_of_a_conversation_are_those_of_a_run() -> None:
    only_run = {"-f", "--format", "--image", "--json", "--output-schema"}
    only_conversation = {"-V", "--version", "--plain", "--serve", "--web-listen"}
    run, conversation = set(options_of(parser_of_run())), set(options_of(build_parser()))
    assert run - only_run == conversation - only_conversation
    assert only_run <= run and only_conversation <= conversation


@pytest.mark.parametrize("option", ["--mode", "--format"])
def test_the_choices_of_an_option_are_all_told(option: str) -> None:
    action = next(a for a in parser_of_run()._actions if option in a.option_strings)
    row = next(f"{row} {text}" for row, text in table(README, "option") if f"`{option} " in row)
    assert all(f"`{choice}`" in row for choice in action.choices or ())


def test_the_exit_codes_are_the_same_everywhere() -> None:
    assert {int(code): words for code, words in table(README, "exit code")} == EXIT_CODES
    for parser in (build_parser(), parser_of_run()):
        said = " ".join(parser.format_help().split())
        assert all(f"{code} {words}" in said for code, words in EXIT_CODES.items())


def test_the_commands_are_told_as_the_help_tells_them() -> None:
    rows = dict(table(README, "command"))
    told = {name: rows[f"`axio {name}`"] for name in SUBCOMMANDS}
    assert told == {name: words for name, (_, words) in SUBCOMMANDS.items()}
    assert rows.keys() == {"`axio`", "`axio run`", *(f"`axio {name}`" for name in SUBCOMMANDS)}
    assert rows["`axio run`"] in build_parser().format_help()


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_the_help_of_each_command_has_what_it_does(axio: Any, name: str) -> None:
    done = axio(name, "--help")
    assert done.code == 0 and done.out.startswith(f"usage: axio {name}") and not done.err
    assert axio(name, "--nonsense").code == 2


def test_slash_commands_are_told_as_the_help_tells_them() -> None:
    told = [(row.strip("`"), words) for row, words in table(PAGE, "command")]
    of_screen = screen_commands(cast(Any, None))["tasks"]
    commands = [*BUILTIN.values()]
    commands.insert(-1, replace(of_screen, help=f"{of_screen.help} (full screen)"))
    assert told == [(f"/{c.name} {c.arguments}".strip(), c.help) for c in commands]


def test_the_page_shows_a_conversation_as_it_is(axio: Any, terminal: Any) -> None:
    shown = next(b for b in re.findall(r"```text\n(.*?)```", PAGE, re.S) if "axio: lines" in b)
    write = ["write_file", {"file_path": "notes.txt", "content": "hello\n"}]
    script = [
        ["I write it.", write], ["notes.txt is there."],
        [["shell", {"command": "rm notes.txt"}]], ["I left it, as you wish."],
    ]  # fmt: skip
    args = ("--plain", "--transport", "scripted", "--tools", "write_file,shell")
    tty = terminal(*args, script=script)
    printed = ""
    for prompt, typed in re.findall(r"^.*?(you: |never\] )(.*)$", shown, re.M)[:-1]:
        printed += tty.until(prompt)
        tty.send(f"{typed}\n")
    printed += tty.until("you: Make a file notes.txt that says hello.")
    printed = printed.replace(str(axio.home), "/home/me/project")
    assert _timeless(printed) == _timeless(shown.rstrip("\n"))


def _timeless(text: str) -> str:
    return re.sub(r"\d+\.\d s$", "0.0 s", text, flags=re.M)
