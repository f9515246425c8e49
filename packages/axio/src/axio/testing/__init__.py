"""Parts for tests of agents, tools and plug-ins.

Scripted models and ready-made parts (`StubTransport`, `make_*`), recordings of real ones
(`RecordTransport`, `ReplayTransport`), faults (`FaultTransport`, `faults`), and the promises that
every transport and store has to keep (`check_transport`, `check_store`, `check_journal`,
`check_ledger`).
"""

from __future__ import annotations

from axio.testing.cassette import CassetteError, RecordTransport, ReplayTransport
from axio.testing.conformance import check_store, check_transport
from axio.testing.durable import check_journal, check_ledger
from axio.testing.faults import (
    CutShort,
    Fault,
    FaultTransport,
    GarbledArguments,
    OutputLimit,
    Raises,
    SameIds,
    Stalls,
    faults,
)
from axio.testing.stub import (
    StubTransport,
    make_echo_tool,
    make_ephemeral_context,
    make_stub_transport,
    make_text_response,
    make_tool_use_response,
)

__all__ = (
    "CassetteError",
    "CutShort",
    "Fault",
    "FaultTransport",
    "GarbledArguments",
    "OutputLimit",
    "Raises",
    "RecordTransport",
    "ReplayTransport",
    "SameIds",
    "Stalls",
    "StubTransport",
    "check_journal",
    "check_ledger",
    "check_store",
    "check_transport",
    "faults",
    "make_echo_tool",
    "make_ephemeral_context",
    "make_stub_transport",
    "make_text_response",
    "make_tool_use_response",
)
