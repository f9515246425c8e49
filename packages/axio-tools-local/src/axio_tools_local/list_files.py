"""The tool `list_files`: what a folder holds."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from typing import Annotated

from axio.field import FieldInfo
from axio.tool import tool_options
from axio_tools_local import examples
from axio_tools_local.current import current_workspace
from axio_tools_local.display import printable
from axio_tools_local.workspace import Entry

MAX_ENTRIES = 2000


@tool_options(read_only=True, eager=True, examples=examples.LIST_FILES)
async def list_files(
    directory: Annotated[
        str, FieldInfo("directory path, . for the current directory", strict=True)
    ] = ".",
) -> str:
    """List the files and folders in a directory, folders first, with mode and size."""
    workspace = current_workspace()
    try:
        entries = await workspace.list(directory)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"no such directory: {directory}") from None
    return listing(entries)


def listing(entries: Iterable[Entry]) -> str:
    """The entries of a folder as text, folders first; equal for equal folders."""
    entries = sorted(entries, key=lambda entry: (not entry.is_directory, entry.name))
    lines = [_line(entry) for entry in entries[:MAX_ENTRIES]]
    if len(entries) > MAX_ENTRIES:
        lines.append(f"[... {len(entries) - MAX_ENTRIES} more entries left out ...]")
    return "\n".join(lines) or "(empty directory)"


def _line(entry: Entry) -> str:
    """Nothing that differs between two equal folders: no times, and no size of what is a folder."""
    size = "-" if entry.is_directory else str(entry.size)
    if entry.broken:
        ending = " [broken symlink]"
    else:
        ending = "/" if entry.is_directory else ""
    return f"{stat.filemode(entry.mode)} {size:>8} {printable(entry.name)}{ending}"
