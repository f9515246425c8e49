"""The six tools of a `DockerSandbox`, which they find in `CONTEXT`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

from axio.field import FieldInfo
from axio.tool import CONTEXT
from axio_tools_local.lines import replace_lines
from axio_tools_local.list_files import listing
from axio_tools_local.read_file import Selection

if TYPE_CHECKING:
    from axio_tools_docker.sandbox import DockerSandbox

__all__ = ["HANDLERS"]


def _sandbox() -> DockerSandbox:
    sandbox: DockerSandbox = CONTEXT.get()
    return sandbox


async def shell(
    command: Annotated[str, FieldInfo("the shell command line")],
    timeout: Annotated[float, FieldInfo("seconds after which it is ended")] = 5,
    cwd: Annotated[str, FieldInfo("directory to run it in")] = ".",
    stdin: Annotated[str | None, FieldInfo("text for its standard input")] = None,
) -> str:
    """Run a shell command line in the container and return its output."""
    return await _run_in(cwd, command, timeout, stdin)


async def run_python(
    code: Annotated[str, FieldInfo("Python source code, which prints what is wanted")],
    cwd: Annotated[str, FieldInfo("directory to run it in")] = ".",
    timeout: Annotated[float, FieldInfo("seconds after which it is ended")] = 5,
    stdin: Annotated[str | None, FieldInfo("text for its standard input")] = None,
) -> str:
    """Run Python code in the container and return what it prints."""
    return await _run_in(cwd, f"python3 -u -c {shlex.quote(code)}", timeout, stdin)


async def _run_in(cwd: str, command: str, timeout: float, stdin: str | None) -> str:
    sandbox = _sandbox()
    # Nothing of the command runs where its folder is not there.
    folder = shlex.quote(sandbox.absolute(cwd))
    return await sandbox.exec(f"cd {folder} || exit\n{command}", timeout, stdin)


async def write_file(
    file_path: Annotated[str, FieldInfo("file path")],
    content: Annotated[str, FieldInfo("the whole text of the file")],
    mode: Annotated[int, FieldInfo("permission bits as a number; rarely needed")] = 0o644,
) -> str:
    """Create a file in the container, or replace all of its content. Missing folders are made."""
    return await _sandbox().write_file(file_path, content, mode)


async def read_file(
    filename: Annotated[str, FieldInfo("file path")],
    max_chars: Annotated[int, FieldInfo("cut the text after so many characters", ge=1)] = 32768,
    binary_as_hex: Annotated[bool, FieldInfo("show what is not text as hexadecimal")] = True,
    start_line: Annotated[int | None, FieldInfo("first line, counted from 1", ge=1)] = None,
    end_line: Annotated[int | None, FieldInfo("last line, itself included", ge=1)] = None,
    line_numbers: Annotated[bool, FieldInfo("put its number and a tab before each line")] = False,
) -> str:
    """Read a file in the container and return its text."""
    selection = Selection(start_line, end_line, line_numbers, max_chars)
    data = await _sandbox().read_file_bytes(filename)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        if not binary_as_hex:
            raise
        return f"Encoded binary data HEX: {data[:max_chars].hex()}"
    selection.feed(text)
    selection.finish()
    return selection.text()


async def list_files(
    directory: Annotated[str, FieldInfo("directory path, . for the current directory")] = ".",
) -> str:
    """List the files and folders in a directory of the container, folders first."""
    try:
        return listing(await _sandbox().list_entries(directory))
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"no such directory: {directory}") from None


async def patch_file(
    file_path: Annotated[str, FieldInfo("file path")],
    from_line: Annotated[int, FieldInfo("first line to replace, counted from 1")],
    to_line: Annotated[int, FieldInfo("last line to replace; from_line - 1 to insert only")],
    content: Annotated[str, FieldInfo("replacement text; empty to delete the lines")],
    mode: Annotated[int, FieldInfo("permission bits as a number; rarely needed")] = 0o644,
) -> str:
    """Replace the lines from_line to to_line of a file in the container with other text."""
    sandbox = _sandbox()
    before = await sandbox.read_file_bytes(file_path)
    after = replace_lines(before, from_line, to_line, content)
    await sandbox.write_file(file_path, after, mode)
    return f"{len(after.splitlines())} lines written to {file_path}"


HANDLERS = (shell, write_file, read_file, list_files, run_python, patch_file)
