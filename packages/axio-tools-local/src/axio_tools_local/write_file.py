"""The tool `write_file`: a file's whole content."""

from __future__ import annotations

from typing import Annotated

from axio.field import FieldInfo
from axio.tool import tool_options
from axio_tools_local import examples
from axio_tools_local.changes import (
    ONE_AT_A_TIME,
    Change,
    content_before,
    planned,
    write_recorded,
)
from axio_tools_local.current import current_workspace
from axio_tools_local.style import Style
from axio_tools_local.workspace import Workspace


async def plan(workspace: Workspace, file_path: str, content: str, mode: int | None) -> Change:
    """The change that a call would make."""
    before = await content_before(workspace, file_path)
    after = Style.of(before or b"").encode(content)
    return await planned(workspace, file_path, before, after, mode)


@tool_options(examples=examples.WRITE_FILE)
async def write_file(
    file_path: Annotated[str, FieldInfo("file path", strict=True)],
    content: Annotated[str, FieldInfo("the whole text of the file")],
    mode: Annotated[
        int | None, FieldInfo("permission bits as a number; rarely needed", ge=0, le=0o7777)
    ] = None,
) -> str:
    """Create a file, or replace all of its content. Missing folders are made.

    An existing file keeps its permissions, its byte order mark and what that says of its encoding,
    and CR LF line ends if all of its lines have them.
    """
    workspace = current_workspace()
    async with ONE_AT_A_TIME:
        change = await plan(workspace, file_path, content, mode)
        await write_recorded(change)
    return f"Wrote {len(change.after)} bytes to {file_path}"
