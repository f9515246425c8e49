"""The tool `glob_files`: files by their names."""

from __future__ import annotations

from typing import Annotated

from axio.field import FieldInfo
from axio.tool import tool_options
from axio_tools_local import examples
from axio_tools_local.display import printable
from axio_tools_local.look import look

MAX_FILES = 1000


@tool_options(read_only=True, eager=True, examples=examples.GLOB_FILES)
async def glob_files(
    pattern: Annotated[
        str, FieldInfo("name or pattern, such as *.py, src/**/*.ts or *.{c,h}", strict=True)
    ],
    directory: Annotated[str, FieldInfo("directory to look in, at any depth", strict=True)] = ".",
    include_ignored: Annotated[bool, FieldInfo("find what .gitignore excludes, too")] = False,
) -> str:
    """Find files by name, at any depth below a directory. Returns their paths."""
    found, remark = await look(
        {
            "kind": "names",
            "pattern": "",
            "directory": directory,
            "files": pattern,
            "ignore_case": False,
            "include_ignored": include_ignored,
            "limit": MAX_FILES,
        }
    )
    lines = [printable(path) for (path,) in found]
    return "\n".join([*lines, remark] if remark else lines) or "(no files)"
