"""An MCP server for tests that begins late, `mcp_gated_server.py GATE`: once that file is there.

It is the server of `odd_mcp_server.py` then.
"""

from __future__ import annotations

import runpy
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    gate = Path(sys.argv.pop(1))
    while not gate.exists():
        time.sleep(0.05)
    runpy.run_path(str(Path(__file__).with_name("odd_mcp_server.py")), run_name="__main__")
