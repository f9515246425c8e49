"""`axio config`: each setting with its value and where that comes from, and changing them."""

from __future__ import annotations

import argparse
import getpass
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from axio.plugins import TRANSPORT_GROUP, Installed
from axio_tui.chat.trust import Trust, brought_to
from axio_tui.config.file import read_config, replace
from axio_tui.config.forms import shown
from axio_tui.config.load import load_config
from axio_tui.config.paths import config_file, locked
from axio_tui.config.secrets import KEYS, Secrets
from axio_tui.config.settings import Setting, find_setting, is_secret, path_of
from axio_tui.config.values import Value
from axio_tui.errors import CommandError, WrongUse, explain
from axio_tui.harmless import visible
from axio_tui.project import open_project

__all__ = ("main",)

Say = Callable[[str], None]


def main(argv: Sequence[str], say: Say) -> int:
    """Run `axio config` and return its exit code."""
    args = _parser().parse_args(argv)
    try:
        return int(args.run(args, say))
    except CommandError as error:
        say(f"error: {error}")
        return error.exit_code
    except (OSError, ValueError) as error:
        say(f"error: {explain(error)}")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="axio config",
        description="List the settings, each with where it comes from. Flags come before the "
        "environment (AXIO_NAME), then the file of a trusted folder (.axio/config.toml), your own "
        "file, what pickers have saved, and defaults.",
    )
    parser.set_defaults(run=_list)
    commands = parser.add_subparsers(metavar="COMMAND")
    commands.add_parser("list", help="list the settings; so does no command")
    change = commands.add_parser("set", help="set a value in your own file")
    change.add_argument("name", metavar="NAME")
    change.add_argument("value", metavar="VALUE", help="several names are separated by commas")
    change.set_defaults(run=_set)
    remove = commands.add_parser("unset", help="take a value out of your own file")
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(run=_unset)
    key = commands.add_parser(
        "set-key",
        help="keep the key of a provider: typed unseen on a terminal, or from standard input",
    )
    key.add_argument("provider", metavar="PROVIDER")
    key.set_defaults(run=_set_key)
    forget = commands.add_parser("unset-key", help="forget the key of a provider")
    forget.add_argument("provider", metavar="PROVIDER")
    forget.set_defaults(run=_unset_key)
    trust = commands.add_parser(
        "trust", help="use what a folder brings: AGENTS.md, skills, hooks, settings, MCP servers"
    )
    trust.add_argument("folder", nargs="?", default=".", metavar="FOLDER")
    trust.set_defaults(run=_trust)
    untrust = commands.add_parser("untrust", help="forget what you said about a folder")
    untrust.add_argument("folder", nargs="?", default=".", metavar="FOLDER")
    untrust.set_defaults(run=_untrust)
    trusted = commands.add_parser("trusted", help="list the folders that you were asked about")
    trusted.set_defaults(run=_trusted)
    path = commands.add_parser("path", help="print where your own file is")
    path.set_defaults(run=_path)
    return parser


# ── what holds ────────────────────────────────────────────────────────────────────────────────


def _list(args: argparse.Namespace, say: Say) -> int:
    project = open_project(Path.cwd(), say, ask=None)
    config = load_config({}, projects=project.configs)
    for problem in config.problems:
        say(problem.text)
    secrets = Secrets(say=say)
    keys = {name: secrets.of(name).get("api_key") for name in secrets.sources()}
    lines = [
        (f"{visible(name)} = {_shown(name, value.value)}", _told(value))
        for name, value in config.values.items()
    ]
    lines += [
        (f"key of {visible(name)} = {shown(key.value)}", key.source)
        for name, key in keys.items()
        if key is not None
    ]
    width = min(40, max(len(text) for text, _ in lines))
    for text, told in lines:
        print(f"{text:<{width}}  # {told}")
    return 0


def _shown(name: str, value: object) -> str:
    """A value for a person: of an address without a password in it."""
    if isinstance(value, str) and name.endswith(".base_url"):
        value = re.sub(r"//[^/?#]*@", "//...@", value)
    return _written(value)


def _written(value: object) -> str:
    if value is None:
        return "(not set)"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_written, value))}]"
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else _quoted(value)


def _quoted(value: object) -> str:
    return f'"{visible(value)}"' if isinstance(value, str) else str(value)


def _told(value: Value) -> str:
    if value.source == "default":
        return f"default; {value.setting.help}"
    return visible(value.origin)


# ── changing the file ─────────────────────────────────────────────────────────────────────────


def _set(args: argparse.Namespace, say: Say) -> int:
    from axio_tui.config.toml import with_value

    setting = _setting(args.name)
    try:
        value = setting.parsed(args.value)
    except ValueError as error:
        raise WrongUse(str(error)) from error
    _change(lambda text: with_value(text, path_of(args.name), value))
    say(f"{args.name} = {_shown(args.name, value)} in {config_file()}")
    _say_what_wins(args.name, value, say)
    return 0


def _unset(args: argparse.Namespace, say: Say) -> int:
    from axio_tui.config.toml import without_value

    _setting(args.name)
    try:
        _change(lambda text: without_value(text, path_of(args.name)))
    except KeyError as error:
        raise WrongUse(f"{args.name} is not set in {config_file()}") from error
    say(f"{args.name} is not set any more in {config_file()}")
    return 0


def _path(args: argparse.Namespace, say: Say) -> int:
    print(config_file())
    return 0


def _set_key(args: argparse.Namespace, say: Say) -> int:
    provider = _provider(args.provider, say)
    key = _typed(f"key of {provider}: ") if sys.stdin.isatty() else sys.stdin.read(1 << 16)
    key = key.strip()
    if not key or not key.isprintable() or not key.isascii():
        raise WrongUse("that is no key: it is empty, or has characters that no key has")
    source = Secrets(say=say).keep(provider, key)
    say(f"the key of {provider} ({shown(key)}) is kept in {source}")
    variable = KEYS.get(provider, "")
    if os.environ.get(variable, "").strip():
        say(f"but {variable} is set, and comes first")
    return 0


def _unset_key(args: argparse.Namespace, say: Say) -> int:
    if not Secrets(say=say).forget(args.provider):
        raise WrongUse(f"no key of {visible(args.provider)} is kept")
    say(f"the key of {args.provider} is forgotten")
    return 0


def _provider(name: str, say: Say) -> str:
    there_is = sorted({*KEYS, *Installed(say).names(TRANSPORT_GROUP)})
    if name not in there_is:
        raise WrongUse(f"no provider {visible(name)!r}; there is: {', '.join(there_is)}")
    return name


def _typed(prompt: str) -> str:
    """A line that is typed unseen. `CommandError` where the terminal would show it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(prompt)
        except EOFError:
            return ""
        except getpass.GetPassWarning:
            raise CommandError(
                "the terminal would show the key: hand it over on standard input"
            ) from None


# ── trust ─────────────────────────────────────────────────────────────────────────────────────


def _trust(args: argparse.Namespace, say: Say) -> int:
    folder = Path(args.folder).resolve()
    if not folder.is_dir():
        raise WrongUse(f"there is no folder {visible(args.folder)}")
    trust = Trust()
    found = brought_to(folder)
    for one in found:
        trust.keep(one, True)
        programs = ", which start programs" if one.starts_programs else ""
        say(f"trusted in {one.folder}: {', '.join(one.names)}{programs}")
        for problem in one.problems:
            say(problem)
    if not found:
        say(f"nothing that {folder} brings needs trust")
    return 0


def _untrust(args: argparse.Namespace, say: Say) -> int:
    folder = Path(args.folder).resolve()
    if not Trust().forget(folder):
        raise WrongUse(f"nothing was said about {folder}; axio config trusted lists the folders")
    say(f"{folder} is not trusted any more; you will be asked again")
    return 0


def _trusted(args: argparse.Namespace, say: Say) -> int:
    trust = Trust()
    answers = trust.list()
    for answer in answers:
        said = "trusted" if answer.trusted else "refused"
        print(f"{said}  {answer.since}  {visible(answer.folder)}")
    if trust.problem:
        say(trust.problem)
    elif not answers:
        say("no folder was trusted or refused yet; axio config trust FOLDER trusts one")
    return 0


def _setting(name: str) -> Setting:
    setting = find_setting(name)
    if setting is None:
        if is_secret(name.rpartition(".")[2]):
            raise WrongUse("keys are not kept in that file: axio config set-key PROVIDER")
        raise WrongUse(f"there is no setting {visible(name)!r}; axio config lists them")
    return setting


def _change(change: Callable[[str], str]) -> None:
    """Replace the file by what `change` makes of its text; one that is broken is left as it is."""
    with locked(config_file().parent):
        file = read_config(config_file())
        if file.broken:
            raise CommandError(f"{file.broken}; mend the file first")
        mark = b"\xef\xbb\xbf" if file.data.startswith(b"\xef\xbb\xbf") else b""
        text = file.data.decode("utf-8-sig")
        ends = "\r\n" if "\r\n" in text else "\n"
        changed = change(text.replace("\r\n", "\n")).replace("\n", ends)
        replace(file.path, mark + changed.encode())


def _say_what_wins(name: str, value: object, say: Say) -> None:
    """A person who sets a value without effect wants to know."""
    project = open_project(Path.cwd(), lambda text: None, ask=None)
    now = load_config({}, projects=project.configs).values.get(name)
    if now is not None and now.value != value:
        say(f"but {_shown(name, now.value)} holds here: {now.origin}")
