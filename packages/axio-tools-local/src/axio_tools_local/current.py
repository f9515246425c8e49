"""The workspace of the call that is under way.

A tool gets its workspace from `Tool.context`. Without one it works on this machine, relative to
the current directory at the time of the call:

    Tool(name="shell", handler=shell, context=LocalWorkspace("project", sandbox="read-only"))
"""

from __future__ import annotations

from axio.tool import CONTEXT
from axio_tools_local.local import LocalWorkspace
from axio_tools_local.workspace import Workspace


def current_workspace() -> Workspace:
    """`Tool.context` where that is a workspace, or else this machine."""
    context = CONTEXT.get(None)
    return context if isinstance(context, Workspace) else LocalWorkspace()
