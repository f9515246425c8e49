"""The tool `write_file`: a file's whole content."""

from __future__ import annotations

from typing import Annotated

from axio.field import FieldInfo
from axio.tool import tool_options
from axio_tools_local import examples
from axio_tools_local.changes import ONE_AT_A_TIME, content_before, write_recorded
from axio_tools_local.current import current_workspace
from axio_tools_local.style import Style


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
        before = await content_before(workspace, file_path)
        data = Style.of(before or b"").encode(content)
        await write_recorded(workspace, file_path, before, data, mode)
    return f"Wrote {len(data)} bytes to {file_path}"
