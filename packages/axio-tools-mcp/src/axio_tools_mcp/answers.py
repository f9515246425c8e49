"""The answers to what a server may ask of a client: something of a person, and the folders."""

from __future__ import annotations

from pathlib import Path

import mcp_types as types
from mcp.client.session import ClientRequestContext, ElicitationFnT, ListRootsFnT

from axio_tools_mcp.config import MCPServerConfig
from axio_tools_mcp.elicitation import Dismissed, Elicit, Elicitation

__all__ = ("elicitation_answers", "roots_answers")


def elicitation_answers(config: MCPServerConfig, elicit: Elicit | None) -> ElicitationFnT | None:
    """The answers of a person; None where nobody can be asked, which the server is told."""
    if elicit is None:
        return None

    async def ask(
        context: ClientRequestContext,
        params: types.ElicitRequestFormParams | types.ElicitRequestURLParams,
    ) -> types.ElicitResult:
        schema, url = getattr(params, "requested_schema", {}), getattr(params, "url", "")
        try:
            answer = await elicit(Elicitation(config.name, params.message, schema, url))
        except Dismissed:
            return types.ElicitResult(action="cancel")
        if answer is None:
            return types.ElicitResult(action="decline")
        return types.ElicitResult(action="accept", content=None if url else answer)

    return ask


def roots_answers(config: MCPServerConfig) -> ListRootsFnT | None:
    """The folders in which a started server may work."""
    if config.url is not None or config.roots == []:
        return None  # a server elsewhere has nothing to do with folders here

    async def roots(context: ClientRequestContext) -> types.ListRootsResult:
        folders = [Path.cwd()] if config.roots is None else map(Path, config.roots)
        absolute = [folder.absolute() for folder in folders]
        roots = [{"uri": folder.as_uri(), "name": folder.name} for folder in absolute]
        return types.ListRootsResult.model_validate({"roots": roots})

    return roots
