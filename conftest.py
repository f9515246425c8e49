"""The prose that runs: Python blocks in every *.md and examples in docstrings are tests.

A block that cannot run as it stands says so in the page: `<!-- skip: next -->` before it, with a
sentence why. Blocks of one page share their names, top to bottom.
"""

from __future__ import annotations

from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

pytest_collect_file = (
    Sybil(parsers=[PythonCodeBlockParser(), SkipParser()], patterns=["*.md"])
    + Sybil(
        parsers=[DocTestParser(), PythonCodeBlockParser(), SkipParser()],
        patterns=["packages/*/src/**/*.py"],
        document_types={".py": PythonDocStringDocument},
    )
).pytest()

pytest_plugins = ["support.llama"]
