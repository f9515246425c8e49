"""The tool `patch_file`: some lines of a file, by their numbers."""

from __future__ import annotations

import asyncio
from typing import Annotated

from axio.field import FieldInfo
from axio.tool import tool_options
from axio_tools_local import examples
from axio_tools_local.changes import (
    ONE_AT_A_TIME,
    Change,
    content_to_change,
    planned,
    write_recorded,
)
from axio_tools_local.current import current_workspace
from axio_tools_local.lines import replace_lines
from axio_tools_local.workspace import Workspace


async def plan(
    workspace: Workspace,
    file_path: str,
    from_line: int,
    to_line: int,
    content: str,
    mode: int | None,
) -> Change:
    """The change that a call would make; ValueError where it can make none."""
    before = await content_to_change(workspace, file_path)
    after = await asyncio.to_thread(replace_lines, before, from_line, to_line, content)
    return await planned(workspace, file_path, before, after, mode)


@tool_options(examples=examples.PATCH_FILE)
async def patch_file(
    file_path: Annotated[str, FieldInfo("file path", strict=True)],
    from_line: Annotated[int, FieldInfo("first line to replace, counted from 1")],
    to_line: Annotated[int, FieldInfo("last line to replace; from_line - 1 to insert only")],
    content: Annotated[str, FieldInfo("replacement text; empty to delete the lines")],
    mode: Annotated[
        int | None, FieldInfo("permission bits as a number; rarely needed", ge=0, le=0o7777)
    ] = None,
) -> str:
    """Replace the lines from_line to to_line of an existing file with other text."""
    workspace = current_workspace()
    async with ONE_AT_A_TIME:
        change = await plan(workspace, file_path, from_line, to_line, content, mode)
        await write_recorded(change)
    return f"{len(change.after)} bytes written to {file_path}"
