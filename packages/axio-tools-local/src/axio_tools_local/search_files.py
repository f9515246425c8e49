"""The tool `search_files`: lines that match a regular expression."""

from __future__ import annotations

from typing import Annotated

from axio.field import FieldInfo
from axio.tool import tool_options
from axio_tools_local import examples
from axio_tools_local.display import printable
from axio_tools_local.look import look

MAX_MATCHES = 200


@tool_options(read_only=True, eager=True, examples=examples.SEARCH_FILES)
async def search_files(
    pattern: Annotated[str, FieldInfo("regular expression, as in Python", strict=True)],
    directory: Annotated[str, FieldInfo("directory or file to search in", strict=True)] = ".",
    files: Annotated[str, FieldInfo("only files of this kind, such as *.py or src/**/*.ts")] = "*",
    ignore_case: Annotated[bool, FieldInfo("whether A is taken for a")] = False,
    include_ignored: Annotated[bool, FieldInfo("search what .gitignore excludes, too")] = False,
) -> str:
    """Search the lines of all files in a directory for a regular expression.

    Returns path:line: text for each match. Files that are not text are left out.
    """
    found, remark = await look(
        {
            "kind": "lines",
            "pattern": pattern,
            "directory": directory,
            "files": files,
            "ignore_case": ignore_case,
            "include_ignored": include_ignored,
            "limit": MAX_MATCHES,
        }
    )
    lines = [f"{printable(path)}:{number}: {text}" for path, number, text in found]
    return "\n".join([*lines, remark] if remark else lines) or "(no matches)"
