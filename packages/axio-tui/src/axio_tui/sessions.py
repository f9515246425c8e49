"""`axio sessions`: the conversations that are kept of the current folder."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterable, Sequence

from axio.context import SessionInfo
from axio.exceptions import AxioError
from axio.history import repair
from axio_tui.chat.export import to_jsonl, to_markdown, write_new
from axio_tui.chat.keeping import kept
from axio_tui.chat.library import Library, NoSuchSession, open_library
from axio_tui.chat.stored import entries_in
from axio_tui.harmless import visible

__all__ = ("main",)

Say = Callable[[str], None]

FORMATS = ("md", "jsonl")


def main(argv: Sequence[str], say: Say) -> int:
    """Run `axio sessions` and return its exit code."""
    args = _parser().parse_args(argv)
    try:
        return asyncio.run(_main(args, say))
    except NoSuchSession as error:
        say(f"error: {error}")
        return 2
    except (AxioError, OSError) as error:
        say(f"error: {error}")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="axio sessions",
        description="The conversations that are kept of the current folder, newest first. WHICH is "
        "an id, the beginning of one, or a name.",
    )
    parser.set_defaults(job=_list, words=())
    commands = parser.add_subparsers(metavar="COMMAND")
    commands.add_parser("list", help="list them; so does no command")
    search = commands.add_parser("search", help="list those with these words")
    search.add_argument("words", nargs="+", metavar="WORD", help="of a name or first prompt")
    rename = commands.add_parser("rename", help="give one a name")
    rename.add_argument("which", metavar="WHICH")
    rename.add_argument("name", metavar="NAME")
    rename.set_defaults(job=_rename)
    delete = commands.add_parser("delete", help="forget some of them for good")
    delete.add_argument("which", nargs="+", metavar="WHICH")
    delete.set_defaults(job=_delete)
    export = commands.add_parser("export", help="write one to standard output, or to a file")
    export.add_argument("which", metavar="WHICH")
    export.add_argument("file", nargs="?", metavar="FILE", help="a file that is not there yet")
    export.add_argument(
        "--format", choices=FORMATS, default="md", help="Markdown, or JSON lines (default: md)"
    )
    export.set_defaults(job=_export)
    return parser


async def _main(args: argparse.Namespace, say: Say) -> int:
    notices: list[str] = []
    async with open_library(say=notices.append) as library:
        if library.problem:
            say(f"error: {library.problem}")
            return 1
        for notice in notices:
            say(notice)
        return int(await args.job(args, library, say))


async def _list(args: argparse.Namespace, library: Library, say: Say) -> int:
    words = " ".join(args.words)
    found = await (library.search(words) if words else library.sessions())
    for line in _lines(found):
        print(line)
    if not found:
        say("no conversation of this folder is kept" + (" with these words" if words else ""))
    return 0


def _lines(found: Iterable[SessionInfo]) -> Iterable[str]:
    for info in found:
        yield f"{info.session_id}  {info.created_at}  {info.message_count:>5}  {_name(info)}"


def _name(info: SessionInfo) -> str:
    return visible(" ".join(info.preview.split()))


async def _rename(args: argparse.Namespace, library: Library, say: Say) -> int:
    info = await library.find(args.which)
    await library.rename(info.session_id, args.name or None)
    say(f"{info.session_id} is called {args.name!r} now")
    return 0


async def _delete(args: argparse.Namespace, library: Library, say: Say) -> int:
    """All that are named, or none if one of them is not there."""
    found = [await library.find(which) for which in args.which]
    for info in {info.session_id: info for info in found}.values():
        await library.delete(info.session_id)
        say(f"deleted: {info.session_id}  {_name(info)}")
    return 0


async def _export(args: argparse.Namespace, library: Library, say: Say) -> int:
    info = await library.find(args.which)
    name = await library.name(info.session_id)
    store = await library.store(info.session_id)
    history = await store.get_history()
    if args.format == "jsonl":
        text = to_jsonl(history, info.session_id, name)
    else:
        text = to_markdown(entries_in(repair(history), await kept(store.shelf)), name or "")
    if args.file is None:
        sys.stdout.write(text)
        return 0
    await asyncio.to_thread(write_new, args.file, text)
    return 0
