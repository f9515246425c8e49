from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from axio_tools_mcp import MCPRegistry
from support import mcp_servers


@pytest.fixture(autouse=True)
def children_of_this_test() -> None:
    mcp_servers.forget_children()


@pytest.fixture
async def registry() -> AsyncIterator[MCPRegistry]:
    made = MCPRegistry()
    try:
        yield made
    finally:
        await made.close()
        mcp_servers.assert_nothing_left()
