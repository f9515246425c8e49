"""The prose that runs: Python blocks in every *.md and examples in docstrings are tests.

A block that cannot run as it stands says so in the page: `<!-- skip: next -->` before it, with a
sentence why. Blocks of one page share their names, top to bottom.
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings
from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

from support.parts import in_ci

pytest_collect_file = (
    Sybil(parsers=[PythonCodeBlockParser(), SkipParser()], patterns=["*.md"])
    + Sybil(
        parsers=[DocTestParser(), PythonCodeBlockParser(), SkipParser()],
        patterns=["packages/*/src/**/*.py"],
        document_types={".py": PythonDocStringDocument},
    )
).pytest()

pytest_plugins = ["support.llama"]

# A busy machine is no failure; in CI hypothesis derives its examples from the tests (profile "ci"),
# so that a run can be repeated.
settings.register_profile(
    "axio", settings.get_profile("ci" if in_ci() else "default"), deadline=None
)
settings.load_profile("axio")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was skipped and why, a line for each reason: it must not look like having passed."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        _, _, reason = report.longrepr
        reasons[reason.removeprefix("Skipped: ")] += 1
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"skipped {count}: {reason}", yellow=True)
