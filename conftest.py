"""The prose that runs: Python blocks in every *.md and examples in docstrings are tests.

A block that cannot run as it stands says so in the page: `<!-- skip: next -->` before it, with a
sentence why. Blocks of one page share their names, top to bottom.
"""

from __future__ import annotations

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
