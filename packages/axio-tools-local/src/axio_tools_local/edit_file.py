"""The tool `edit_file`: text in a file, by what it says."""

from __future__ import annotations

import asyncio
from typing import Annotated

from axio.field import FieldInfo
from axio.tool import tool_options
from axio_tools_local import examples
from axio_tools_local.changes import ONE_AT_A_TIME, content_to_change, write_recorded
from axio_tools_local.current import current_workspace
from axio_tools_local.replace import replace_text


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
        before = await content_to_change(workspace, file_path)
        after, count = await asyncio.to_thread(
            replace_text, before, old_text, new_text, replace_all
        )
        await write_recorded(workspace, file_path, before, after, None)
    return f"Replaced {count} occurrence{'' if count == 1 else 's'} in {file_path}"
