"""`Arrivals`: MCP servers on their way, for the application: which a prompt waits for, and news."""

from __future__ import annotations

from typing import TYPE_CHECKING

from axio_tui.harmless import visible

if TYPE_CHECKING:
    from axio_tui.app.app import AgentApp
    from axio_tui.server_tools import ServerTools

__all__ = ("Arrivals",)


class Arrivals:
    """Tells of servers in the transcript and in the line above the composer. `servers` is None
    where there are none."""

    def __init__(self, app: AgentApp) -> None:
        self._app = app

    @property
    def servers(self) -> ServerTools | None:
        return self._app.opened.servers if self._app.is_open else None

    def begin(self) -> None:
        """There is a conversation now, in which news can be told."""
        if self.servers is not None:
            # Later, among the messages of the application: a server arrives in any task.
            self.servers.on_arrival = lambda: self._app.call_later(self.take_in)
            self.take_in()

    @property
    def must_wait(self) -> bool:
        """True if a prompt that is sent now has to wait for servers."""
        return self.servers is not None and bool(self.servers.awaited)

    async def ready(self) -> None:
        """Wait as long as a prompt does; tools of all that are there then are in it."""
        if self.servers is not None:
            await self.servers.ready()
            self._tell()

    def take_in(self) -> None:
        """Let what has arrived hold, and tell of it; while a run goes on it is left for later."""
        if not self._app.runs.is_busy:
            self._tell()
        self._app.refresh_lines()

    def _tell(self) -> None:
        from axio_tui.chat.entries import Note

        assert self.servers is not None
        for line in self.servers.take_in():
            self._app.session.conversation.note(Note("MCP", line))
        self._app.transcript.touch()

    @property
    def words(self) -> str:
        """The servers that are being connected; "" without any."""
        names = [] if self.servers is None else self.servers.connecting
        return f"connecting to {', '.join(map(visible, names))}" if names else ""
