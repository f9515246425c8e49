"""Previews: what a call would change, before it changes anything.

    changes = await preview(tool, arguments, workspace)
    ... show them to a person, in a guard of the tool ...
    expect(changes)

After `expect` the call makes these changes or none: when a file, or where its path leads, is not as
it was any more, the call fails and says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from axio.tool import AnyTool
from axio_tools_local import edit_file, patch_file, write_file
from axio_tools_local.changes import Change, expect
from axio_tools_local.local import LocalWorkspace
from axio_tools_local.workspace import Workspace

__all__ = ["can_preview", "expect", "preview"]


async def _edit(workspace: Workspace, **arguments: Any) -> Change:
    change, _ = await edit_file.plan(workspace, **arguments)
    return change


_PLANS: dict[object, Callable[..., Awaitable[Change]]] = {
    write_file.write_file: write_file.plan,
    edit_file.edit_file: _edit,
    patch_file.patch_file: patch_file.plan,
}


def can_preview(tool: AnyTool) -> bool:
    """True for a tool of this package that writes files itself."""
    return tool.handler in _PLANS


async def preview(
    tool: AnyTool, arguments: Mapping[str, Any], workspace: Workspace | None = None
) -> list[Change]:
    """The changes that a call would make; none for a tool that cannot tell, such as a command.

    `arguments` are checked and complete, as a guard has them. Without a `workspace` it is that of
    the tool. `ValueError` or `OSError`, with the same words, where the call would fail.
    """
    if not can_preview(tool):
        return []
    if workspace is None:
        context: object = tool.context
        workspace = context if isinstance(context, Workspace) else LocalWorkspace()
    return [await _PLANS[tool.handler](workspace, **arguments)]
