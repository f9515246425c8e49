"""The prose that runs: Python blocks in every *.md and examples in docstrings are tests.

A block that cannot run as it stands has `<!-- skip: next -->` before it. Blocks of one page share
their names.
"""

from __future__ import annotations

import ipaddress
import re
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

from support.parts import in_ci

# A shell that starts the tests in the background leaves signals ignored, and every process would
# inherit that: pressing Ctrl-C in a test would then do nothing.
for _ignorable, _handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGQUIT, signal.SIG_DFL),
):
    if signal.getsignal(_ignorable) is signal.SIG_IGN:
        signal.signal(_ignorable, _handler)

pytest_collect_file = (
    Sybil(parsers=[PythonCodeBlockParser(), SkipParser()], patterns=["*.md"])
    + Sybil(
        parsers=[DocTestParser(), PythonCodeBlockParser(), SkipParser()],
        patterns=["packages/*/src/**/*.py"],
        document_types={".py": PythonDocStringDocument},
    )
).pytest()

pytest_plugins = [
    "support.desk",
    "support.docker",
    "support.podman",
    "support.llama",
    "support.postgres",
    "support.temporal",
]

# A busy machine is no failure; in CI hypothesis derives its examples from the tests (profile "ci"),
# so that a run can be repeated.
settings.register_profile(
    "axio", settings.get_profile("ci" if in_ci() else "default"), deadline=None
)
settings.load_profile("axio")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Names without memory addresses: processes that share the tests must call them the same."""
    for item in items:
        item._nodeid = re.sub(r" at 0x[0-9a-f]+", "", item.nodeid)  # type: ignore[attr-defined]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what was skipped, a line for each reason: it must not look like having passed."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        _, _, reason = report.longrepr
        reasons[reason.removeprefix("Skipped: ")] += 1
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"skipped {count}: {reason}", yellow=True)


@pytest.fixture(scope="session", autouse=True)
def no_test_leaves_this_machine() -> Iterator[None]:
    """Connecting anywhere but to a loopback address fails, also where a test expects an error."""
    patch = pytest.MonkeyPatch()
    connect = socket.socket.connect

    def to_loopback_only(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0]).partition("%")[0]
            assert host == "localhost" or ipaddress.ip_address(host).is_loopback, (
                f"a test connects to {address[0]}; only loopback addresses are allowed"
            )
        connect(self, address)

    patch.setattr(socket.socket, "connect", to_loopback_only)
    yield
    patch.undo()
