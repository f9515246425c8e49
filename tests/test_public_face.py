"""The names that users import, and what importing them costs."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import subprocess
import sys

import pytest

import axio

# What `from axio import …` has given since the first release; it may grow.
TOP_LEVEL = """
    Agent Tool CONTEXT ContextStore MemoryContextStore CompletionTransport StreamEvent TextDelta
    IterationEnd ToolUseStart ToolInputDelta ToolResult RealtimeAgent RealtimeTransport
    RealtimeSession AudioOutputDelta TranscriptDelta SpeechStarted SpeechStopped TurnComplete
    Message TextBlock ToolUseBlock ToolResultBlock StopReason Usage GuardError HandlerError
    PermissionGuard ConcurrentGuard Field FieldInfo StrictStr ToolSelector AgentStream
""".split()

# Names that users take from the modules themselves.
MODULES = {
    "agent": "Agent",
    "agent_loader": "AgentSpec AgentLoader TomlAgentLoader JsonAgentLoader IniAgentLoader"
    " MultiFormatLoader load_agents AgentContext agent_tool make_agent_tools load_agents_from_dir",
    "blocks": "ContentBlock TextBlock ImageBlock AudioBlock VideoBlock ToolUseBlock"
    " ToolResultBlock ImageMediaType AudioMediaType VideoMediaType to_dict from_dict",
    "compaction": "DEFAULT_COMPACTION_PROMPT compact_context AutoCompactStore",
    "context": "ContextStore MemoryContextStore SessionInfo",
    "events": "ReasoningDelta TextDelta ToolUseStart ToolInputDelta ToolFieldStart ToolFieldDelta"
    " ToolFieldEnd ToolOutputDelta ToolResult ImageOutput AudioOutput VideoOutput IterationEnd"
    " Error SessionEndEvent AudioOutputDelta TranscriptDelta SpeechStarted SpeechStopped"
    " TurnComplete StreamEvent",
    "exceptions": "AxioError ToolError GuardError HandlerError StreamError",
    "field": "MISSING MissingSentinel FieldInfo Field StrictStr get_field_info bare_type"
    " unwrap_hint is_classvar check_scalar check_list_items check_type PRIMITIVE_TYPES",
    "messages": "Message",
    "models": "Capability ModelSpec ModelRegistry",
    "permission": "PermissionGuard ConcurrentGuard AllowAllGuard DenyAllGuard",
    "realtime": "RealtimeAgent",
    "schema": "property_schema build_tool_schema",
    "selector": "ToolSelector",
    "stream": "AgentStream",
    "testing": "StubTransport make_text_response make_tool_use_response make_stub_transport"
    " make_ephemeral_context make_echo_tool",
    "tool": "Tool CONTEXT JSONSchema SCHEMA_JSON_TYPE_MAP hint_from_json_schema",
    "tool_args": "ToolFieldEvent ToolArgStream State ESCAPES",
    "transport": "CompletionTransport ImageGenTransport VideoGenTransport AudioGenTransport"
    " TTSTransport STTTransport EmbeddingTransport RealtimeTransport RealtimeSession"
    " DummyTransport DummyCompletionTransport DummyImageGenTransport DummyVideoGenTransport"
    " DummyAudioGenTransport DummyTTSTransport DummySTTTransport DummyEmbeddingTransport",
    "types": "ToolName ToolCallID StopReason Usage",
}

# Users match events and build values by position: these orders are part of the interface, new
# fields come after the old ones.
FIELDS = {
    "events.ReasoningDelta": "index delta",
    "events.TextDelta": "index delta",
    "events.ToolUseStart": "index tool_use_id name",
    "events.ToolInputDelta": "index tool_use_id partial_json",
    "events.ToolFieldStart": "index tool_use_id key",
    "events.ToolFieldDelta": "index tool_use_id key text",
    "events.ToolFieldEnd": "index tool_use_id key",
    "events.ToolOutputDelta": "tool_use_id name key delta",
    "events.ToolResult": "tool_use_id name is_error content input",
    "events.ImageOutput": "index data media_type",
    "events.AudioOutput": "index data media_type",
    "events.VideoOutput": "index data media_type",
    "events.IterationEnd": "iteration stop_reason usage",
    "events.Error": "exception",
    "events.SessionEndEvent": "stop_reason total_usage",
    "events.AudioOutputDelta": "data media_type",
    "events.TranscriptDelta": "role delta",
    "events.TurnComplete": "stop_reason usage",
    "blocks.TextBlock": "text",
    "blocks.ImageBlock": "media_type data",
    "blocks.ToolUseBlock": "id name input",
    "blocks.ToolResultBlock": "tool_use_id content is_error",
    "messages.Message": "role content",
    "types.Usage": "input_tokens output_tokens",
    "models.ModelSpec": "id capabilities max_output_tokens context_window input_cost output_cost",
    "field.FieldInfo": "description default ge le strict",
    "context.SessionInfo": "session_id message_count preview created_at input_tokens output_tokens",
    "tool.Tool": "name handler description guards concurrency context schema",
    "agent.Agent": "system transport tools selector max_iterations last_iteration_message",
    "agent_loader.AgentSpec": "name description system max_iterations tools model",
}

# asyncio, 66 to 103 modules by itself, is loaded with the first run.
MODULES_OVER_BARE_PYTHON = 105


def test_the_names_of_the_package_are_there_public_and_without_repetition() -> None:
    assert set(TOP_LEVEL) <= set(axio.__all__)
    assert len(axio.__all__) == len(set(axio.__all__))
    for name in axio.__all__:
        assert not name.startswith("_")
        assert getattr(axio, name) is not None


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_the_names_that_users_take_from_it(module: str) -> None:
    found = importlib.import_module(f"axio.{module}")
    missing = [name for name in MODULES[module].split() if not hasattr(found, name)]
    assert missing == []


@pytest.mark.parametrize("name", FIELDS)
def test_the_fields_of_a_value_keep_their_order(name: str) -> None:
    module, _, class_name = name.partition(".")
    value = getattr(importlib.import_module(f"axio.{module}"), class_name)
    expected = FIELDS[name].split()
    fields = [field.name for field in dataclasses.fields(value) if field.init]
    assert fields[: len(expected)] == expected
    assert fields == [name for name in inspect.signature(value).parameters if name in fields]


def imported_by(statement: str) -> list[str]:
    """Modules that a statement adds to a bare interpreter.

    Bare means what `python -c pass` has: `site` and what it needs, but none of the start-up files
    of a development machine, which import much by themselves.
    """
    source = (
        f"import site, sys; sys.path[:0] = {sys.path!r}; before = set(sys.modules);"
        f" {statement}; print(*sorted(set(sys.modules) - before))"
    )
    command = [sys.executable, "-I", "-S", "-c", source]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()


def test_importing_the_core_needs_the_standard_library_alone() -> None:
    modules = set(imported_by("import axio; axio.Agent"))
    strangers = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - {"axio"}
    assert strangers == set()
    assert not [name for name in modules if name.startswith(("axio.wire", "axio.testing"))]
    assert "asyncio" not in modules
    assert len(modules) <= MODULES_OVER_BARE_PYTHON, sorted(modules)
