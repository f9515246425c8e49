"""Agents described in TOML, JSON or INI files, and tools that hand a task to such an agent.

from axio.agent_loader import load_agents_from_dir

agent = Agent(system, transport, tools=load_agents_from_dir("agents", transport))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from axio.agent import Agent
from axio.context import ContextStore, MemoryContextStore
from axio.subagents import AgentContext, Agents, OnEvent, agent_tool, make_agent_tools
from axio.tool import AnyTool, Tool
from axio.transport import CompletionTransport, DummyCompletionTransport
from axio.types import JSONObject

__all__ = (
    "AgentContext",
    "AgentLoader",
    "AgentSpec",
    "Agents",
    "IniAgentLoader",
    "JsonAgentLoader",
    "MultiFormatLoader",
    "OnEvent",
    "TomlAgentLoader",
    "Toolbox",
    "agent_tool",
    "load_agents",
    "load_agents_from_dir",
    "make_agent_tools",
)

Toolbox: TypeAlias = Mapping[str, AnyTool]
"""The tools that a file may name."""

_NO_TOOLS: Toolbox = {}


@dataclass(frozen=True)
class AgentSpec:
    """An agent as a file describes it. `model` is a wish that the application may grant."""

    name: str
    description: str
    system: str
    max_iterations: int = 50
    tools: tuple[str, ...] = ()
    model: str | None = None

    def to_agent(self, toolbox: Toolbox = _NO_TOOLS) -> Agent:
        """The agent, with a placeholder for its transport; `KeyError` if a tool is unknown."""
        for name in self.tools:
            if name not in toolbox:
                known = ", ".join(sorted(toolbox)) or "none"
                raise KeyError(f"agent {self.name!r} wants the tool {name!r}; there are: {known}")
        return Agent(
            system=self.system,
            transport=DummyCompletionTransport(),
            tools=[toolbox[name] for name in self.tools],
            max_iterations=self.max_iterations,
        )


class AgentLoader:
    """Reads agents from files of one format: a subclass says which, and writes `load`."""

    extensions: ClassVar[tuple[str, ...]] = ()

    def load(self, content: str) -> AgentSpec:
        """The agent that the text of a file describes; `ValueError` if it does not."""
        raise NotImplementedError(f"{type(self).__name__} has no load()")

    def load_file(self, path: str | Path) -> AgentSpec:
        """The agent in a UTF-8 file, named after the file unless it names itself."""
        path = Path(path)
        try:
            # Editors on Windows begin a file with a mark.
            spec = self.load(path.read_text(encoding="utf-8-sig"))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        return spec if spec.name else replace(spec, name=path.stem)

    def scan(self, directory: str | Path, toolbox: Toolbox = _NO_TOOLS) -> Agents:
        """The agents in the files of a directory, not of those below it.

        `ValueError` if there is no such directory, or a file does not describe an agent.
        """
        folder = Path(directory)
        if not folder.is_dir():
            raise ValueError(f"{folder} is not a directory: agents are read from the files of one")
        agents: Agents = {}
        for extension in self.extensions:
            for path in sorted(folder.glob(f"*.{extension.lstrip('*.')}")):
                spec = self.load_file(path)
                agents[spec.name] = (spec.description, spec.to_agent(toolbox))
        return agents


class TomlAgentLoader(AgentLoader):
    """The keys of `AgentSpec`; `system` is a string, or a table with `text`."""

    extensions = (".toml",)

    def load(self, content: str) -> AgentSpec:
        import tomllib

        return _spec(tomllib.loads(content))


class JsonAgentLoader(AgentLoader):
    """One object with the keys of `AgentSpec`; `system` is a string, or an object with `text`."""

    extensions = (".json",)

    def load(self, content: str) -> AgentSpec:
        import json

        data = json.loads(content)
        if not isinstance(data, dict):
            raise ValueError(f"an agent is a JSON object, not a {type(data).__name__}")
        return _spec(data)


class IniAgentLoader(AgentLoader):
    """A section `[agent]`, with `tools` between commas; the system prompt is best put into the
    key `text` of a section `[system]`, where it may have several indented lines."""

    extensions = (".ini",)

    def load(self, content: str) -> AgentSpec:
        import configparser

        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string(content)
        except configparser.Error as error:
            raise ValueError(str(error)) from error
        if not parser.has_section("agent"):
            raise ValueError("there is no section [agent]")
        _check_keys(parser.sections(), ("agent", "system"), "section")
        data: JSONObject = dict(parser["agent"])
        if parser.has_section("system"):
            data["system"] = {"text": data.get("system", ""), **parser["system"]}
        names = (name.strip() for name in data.get("tools", "").split(","))
        data["tools"] = [name for name in names if name]
        return _spec(data)


def _check_keys(given: Iterable[str], known: Iterable[str], what: str = "key") -> None:
    unknown = [key for key in given if key not in known]
    if unknown:
        raise ValueError(
            f"unknown {what} {', '.join(map(repr, unknown))}; known: {', '.join(known)}"
        )


def _spec(data: Mapping[str, Any]) -> AgentSpec:
    _check_keys(data, AgentSpec.__dataclass_fields__)
    system = data.get("system", "")
    if isinstance(system, Mapping):
        _check_keys(system, ("text",), "key of system")
        system = system.get("text", "")
    tools = data.get("tools", [])
    if not isinstance(tools, list) or not all(isinstance(name, str) for name in tools):
        raise ValueError(f"tools must be a list of names, got {tools!r}")
    if len(set(tools)) < len(tools):
        raise ValueError(f"tools must name each tool once, got {tools!r}")
    iterations = data.get("max_iterations", AgentSpec.max_iterations)
    try:
        max_iterations = int(iterations)
    except (TypeError, ValueError):
        raise ValueError(f"max_iterations must be a whole number, got {iterations!r}") from None
    texts = {"name": data.get("name", ""), "description": data.get("description", "")}
    for key, text in {**texts, "system": system, "model": data.get("model") or ""}.items():
        if not isinstance(text, str):
            raise ValueError(f"{key} must be a string, got {text!r}")
    return AgentSpec(
        **texts,
        system=system,
        max_iterations=max_iterations,
        tools=tuple(tools),
        model=data.get("model"),
    )


def _all_loaders() -> list[AgentLoader]:
    return [TomlAgentLoader(), JsonAgentLoader(), IniAgentLoader()]


@dataclass
class MultiFormatLoader:
    """Several loaders as one; of agents with the same name the last loader's stays."""

    loaders: list[AgentLoader] = field(default_factory=_all_loaders)

    def scan(self, directory: str | Path, toolbox: Toolbox = _NO_TOOLS) -> Agents:
        agents: Agents = {}
        for loader in self.loaders:
            agents.update(loader.scan(directory, toolbox))
        return agents


def load_agents(directory: str | Path, toolbox: Toolbox = _NO_TOOLS) -> Agents:
    """The agents in the TOML, JSON and INI files of a directory."""
    return MultiFormatLoader().scan(directory, toolbox)


def load_agents_from_dir(
    directory: str | Path,
    transport: CompletionTransport,
    context_factory: Callable[[], ContextStore] = MemoryContextStore,
    on_event: OnEvent | None = None,
    toolbox: Toolbox = _NO_TOOLS,
) -> list[Tool[AgentContext]]:
    """The tools for the agents in a directory's files, which may use the tools in `toolbox`."""
    return make_agent_tools(load_agents(directory, toolbox), transport, context_factory, on_event)
