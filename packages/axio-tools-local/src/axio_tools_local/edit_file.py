"""The tool `edit_file`: text in a file, by what it says."""

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
from axio_tools_local.replace import replace_text
from axio_tools_local.workspace import Workspace


async def plan(
    workspace: Workspace, file_path: str, old_text: str, new_text: str, replace_all: bool
) -> tuple[Change, int]:
    """The change that a call would make, and how many places it changes; ValueError where it can
    make none."""
    before = await content_to_change(workspace, file_path)
    after, count = await asyncio.to_thread(replace_text, before, old_text, new_text, replace_all)
    return await planned(workspace, file_path, before, after, None), count


@tool_options(examples=examples.EDIT_FILE)
async def edit_file(
    file_path: Annotated[str, FieldInfo("file path", strict=True)],
    old_text: Annotated[str, FieldInfo("the exact text to replace, with its white space")],
    new_text: Annotated[str, FieldInfo("the text to put in its place")],
    replace_all: Annotated[bool, FieldInfo("replace it wherever it stands")] = False,
) -> str:
    """Replace a text in an existing file. It must stand there exactly once, or replace_all be set.

    Enough of the text around it makes it unique. The line ends of the file are kept.
    """
    workspace = current_workspace()
    async with ONE_AT_A_TIME:
        change, count = await plan(workspace, file_path, old_text, new_text, replace_all)
        await write_recorded(change)
    return f"Replaced {count} occurrence{'' if count == 1 else 's'} in {file_path}"
