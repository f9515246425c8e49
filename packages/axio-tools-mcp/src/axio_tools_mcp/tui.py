"""Screens for the servers of a registry: a list, and the settings of one."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Awaitable
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, OptionList
from textual.widgets.option_list import Option

from axio.exceptions import AxioError
from axio_tools_mcp.config import MCPServerConfig
from axio_tools_mcp.edit import shown
from axio_tools_mcp.errors import ConfigError
from axio_tools_mcp.registry import MCPRegistry

__all__ = ("MCPHubScreen", "MCPServerEditScreen")

SCOPES = ("global", "project")
_EVERY = 0.5  # seconds between two looks at the states
_HIDES = "\N{HORIZONTAL ELLIPSIS}"  # stands in no header, and in no address
_LONG_ENOUGH = 12  # characters of a secret whose last four do not give it away
_VARIABLE = re.compile(r"(\w+ )?\$\{\w+\}")
_LINES = ("name", "type", "command", "args", "url", "headers", "scope")
_LABELS = {
    "name": "Name",
    "type": "Type: stdio or http",
    "command": "Command (stdio)",
    "args": "Arguments, with commas",
    "url": "URL (http)",
    "headers": "Headers, as K:V, K:V",
    "scope": "Scope: global or project",
}


class MCPHubScreen(ModalScreen[None]):
    """Lists servers with scope, state and number of tools. What is done with one is kept by the
    registry."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close"),
        Binding("a", "add", "Add"),
        Binding("d", "remove", "Remove"),
        Binding("r", "reconnect", "Connect anew"),
        Binding("o", "switch", "On or off"),
    ]
    DEFAULT_CSS = """
    MCPHubScreen { align: center middle; }
    MCPHubScreen > Vertical {
        width: 80; max-width: 100%; height: auto; max-height: 90%; padding: 0 1;
        border: round $primary; background: $surface;
    }
    MCPHubScreen OptionList { height: auto; max-height: 20; border: none; }
    MCPHubScreen Label { width: 100%; height: auto; }
    """
    KEYS = "Enter changes one, a adds, d removes, r connects anew, o switches on/off, Esc closes"

    def __init__(self, registry: MCPRegistry) -> None:
        super().__init__()
        self._registry = registry
        self._lines: list[str] = []

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label("MCP servers", markup=False)
            yield OptionList(id="servers", markup=False)
            yield Label(self.KEYS, markup=False, id="keys")

    def on_mount(self) -> None:
        self._list()
        self.set_interval(_EVERY, self._list)

    def _list(self) -> None:
        lines = [self._line(name) for name in self._registry.server_names]
        if lines == self._lines:
            return
        self._lines = lines
        servers = self.query_one("#servers", OptionList)
        here = servers.highlighted or 0
        servers.clear_options()
        servers.add_options([Option(Content(line)) for line in lines])
        if lines:
            servers.highlighted = min(here, len(lines) - 1)

    def _line(self, name: str) -> str:
        registry = self._registry
        state = registry.server_status(name)
        if registry.is_connecting(name):
            state = "connecting"
        elif not registry.server_config(name).enabled:
            state = "off"
        elif error := registry.server_error(name):
            state = f"error: {error}"
        scope, count = registry.get_server_scope(name), registry.server_tool_count(name)
        return shown(f"[{scope}] {name}  {state}, {count} tool{'s' * (count != 1)}")

    @property
    def _server(self) -> str | None:
        place = self.query_one("#servers", OptionList).highlighted
        names = self._registry.server_names
        return names[place] if place is not None and place < len(names) else None

    def _do(self, work: Awaitable[None]) -> None:
        """Do it in the background, also when this screen is closed, and say what goes wrong."""
        app = self.app

        async def doing() -> None:
            try:
                await work
            except (AxioError, OSError, RuntimeError, ValueError, LookupError) as error:
                words = shown(str(error))
                if self in app.screen_stack:
                    self.query_one("#keys", Label).update(Content(words))
                else:
                    app.notify(words, severity="error", markup=False)
            if self in app.screen_stack:
                self._list()

        app.run_worker(doing(), group="servers")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        name = self._server
        if name is None:
            return
        registry = self._registry

        def changed(server: MCPServerConfig | None) -> None:
            if server is not None:
                self._do(registry.update_server(name, server, server.scope))

        screen = MCPServerEditScreen(registry.server_config(name))
        self.app.push_screen(screen, changed)

    def action_add(self) -> None:
        def added(server: MCPServerConfig | None) -> None:
            if server is not None:
                self._do(self._registry.add_server(server, server.scope))

        self.app.push_screen(MCPServerEditScreen(), added)

    def action_remove(self) -> None:
        if (name := self._server) is not None:
            self._do(self._registry.remove_server(name))

    def action_reconnect(self) -> None:
        if (name := self._server) is not None:
            self._do(self._registry.reconnect(name))

    def action_switch(self) -> None:
        if (name := self._server) is not None:
            is_on = self._registry.server_config(name).enabled
            self._do(self._registry.switch(name, not is_on))

    def action_close(self) -> None:
        self.dismiss(None)


class MCPServerEditScreen(ModalScreen[MCPServerConfig | None]):
    """Ends with the server as it was filled in, its scope among it, or None. What the lines do not
    ask for stays as it was."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel")]
    DEFAULT_CSS = """
    MCPServerEditScreen { align: center middle; }
    MCPServerEditScreen > Vertical {
        width: 70; max-width: 100%; height: auto; max-height: 100%; overflow-y: auto;
        padding: 0 1; border: round $primary; background: $surface;
    }
    MCPServerEditScreen Input { border: none; height: 1; padding: 0; background: $boost; }
    MCPServerEditScreen Horizontal { height: auto; align-horizontal: right; }
    MCPServerEditScreen #wrong { color: $text-error; width: 100%; height: auto; min-height: 1; }
    """

    def __init__(self, config: MCPServerConfig | None = None) -> None:
        super().__init__()
        self._config = config

    def compose(self) -> ComposeResult:
        with Vertical():
            for name in _LINES:
                yield Label(_LABELS[name], markup=False)
                yield Input(self._text(name), id=name)
            yield Label("", markup=False, id="wrong")
            with Horizontal():
                yield Button("Save", variant="primary", id="btn-save")
                yield Button("Cancel", id="btn-cancel")

    def _text(self, name: str) -> str:
        config = self._config
        if config is None:
            return {"type": "stdio", "scope": "global"}.get(name, "")
        if name == "type":
            return "stdio" if config.url is None else "http"
        if name == "args":
            return _args_text(config)
        if name == "headers":
            return _headers_text(config)
        if name == "url":
            return _url_text(config)
        return str(getattr(config, name) or "")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        (self.save if event.button.id == "btn-save" else self.action_cancel)()

    def on_input_submitted(self) -> None:
        self.save()

    def action_cancel(self) -> None:
        self.dismiss(None)

    def save(self) -> None:
        """End with the server, or say what is wrong."""
        texts = {name: self.query_one(f"#{name}", Input).value.strip() for name in _LINES}
        try:
            self.dismiss(_config(self._config, texts))
        except ConfigError as error:
            self.query_one("#wrong", Label).update(Content(shown(str(error))))


def _config(before: MCPServerConfig | None, texts: dict[str, str]) -> MCPServerConfig:
    """The configuration that the texts describe. `ConfigError` says what is wrong."""
    name, kind, scope = texts["name"], texts["type"], texts["scope"]
    if kind not in ("stdio", "http") or scope not in SCOPES:
        raise ConfigError("the type is stdio or http, and the scope global or project")
    values: dict[str, Any] = {
        "name": name,
        "command": texts["command"] or None if kind == "stdio" else None,
        "args": _args(before, texts["args"]) if kind == "stdio" else [],
        "url": _url(before, texts["url"]) or None if kind == "http" else None,
        "headers": _headers(before, texts["headers"]) if kind == "http" else {},
        "scope": scope,
    }
    if before is None:
        return MCPServerConfig(**values)
    is_other = (before.url is None) != (kind == "stdio")
    return dataclasses.replace(before, **values, transport="" if is_other else before.transport)


def _args_text(config: MCPServerConfig) -> str:
    return ", ".join(config.args)


def _headers_text(config: MCPServerConfig) -> str:
    return ", ".join(f"{key}:{_hidden(value)}" for key, value in config.headers.items())


def _url_text(config: MCPServerConfig) -> str:
    """The address; of what may be secret in it the end alone."""
    if not config.url or config.url == config.target:
        return config.url or ""
    return config.target + _hidden(config.url.removeprefix(config.target))


def _hidden(value: str) -> str:
    """A value that may be secret, as a person may see it; the name of a variable is none."""
    if _VARIABLE.fullmatch(value):
        return value
    return _HIDES + (value[-4:] if len(value) >= _LONG_ENOUGH else "")


def _url(before: MCPServerConfig | None, text: str) -> str:
    """The address, as it was where nothing was changed in it."""
    if before is not None and before.url and text == _url_text(before):
        return before.url
    if _HIDES in text:
        raise ConfigError(f"a part of the URL is hidden ({_HIDES}): write the whole URL")
    return text


def _args(before: MCPServerConfig | None, text: str) -> list[str]:
    """The arguments. What holds commas itself stays as it was if nothing was changed."""
    if before is not None and text == _args_text(before).strip():
        return before.args
    return [part.strip() for part in text.split(",") if part.strip()]


def _headers(before: MCPServerConfig | None, text: str) -> dict[str, str]:
    if before is not None and text == _headers_text(before).strip():
        return before.headers
    headers = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, colon, value = part.partition(":")
        if not colon or not name.strip():
            raise ConfigError("a header has to be K:V")  # the text is not shown: it may be a key
        name, value = name.strip(), value.strip()
        old = before.headers.get(name) if before is not None else None
        if old is not None and value == _hidden(old).strip():
            value = old
        elif _HIDES in value:
            raise ConfigError(f"the header {name} is hidden in part ({_HIDES}): write it whole")
        headers[name] = value
    return headers
