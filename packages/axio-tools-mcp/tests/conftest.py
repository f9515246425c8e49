from __future__ import annotations

import pytest

from support import mcp_servers


@pytest.fixture(autouse=True)
def children_of_this_test() -> None:
    mcp_servers.forget_children()
