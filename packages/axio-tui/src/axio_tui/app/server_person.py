"""`ServerPerson`: the person at the full screen, for MCP servers that ask something."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from axio_tools_mcp.elicitation import Elicitation
    from axio_tools_mcp.trust import ToolChange
    from axio_tui.app.app import AgentApp
    from axio_tui.server_tools import ServersAsk

__all__ = ("ServerPerson",)

T = TypeVar("T")


class ServerPerson:
    """Puts the questions of servers into the queue of the application. `app` has to be set before
    one asks."""

    app: AgentApp

    @property
    def asks(self) -> ServersAsk:
        """The ways to the person."""
        from axio_tui.server_tools import ServersAsk

        return ServersAsk(self.elicit, self.approve)

    async def elicit(self, question: Elicitation) -> dict[str, Any] | None:
        """An `Elicit`: a page is opened, and a form filled in, after the person has said yes."""
        from axio_tools_mcp.elicitation import Dismissed
        from axio_tui.chat.server_questions import asked_by

        try:
            asked = asked_by(question)
        except ValueError as error:
            server = repr(question.server)
            await self._tell(f"declined a question of the MCP server {server}: {error}")
            return None
        answer = await self.app.questions.ask(asked)
        if answer == "decline":
            return None
        if answer != "yes":
            raise Dismissed("the person has closed the question")
        return await (self._open(question.url) if question.url else self._fill(question))

    async def approve(self, change: ToolChange) -> bool:
        """An `AskChange`."""
        from axio_tui.chat.server_questions import asked_about

        return await self.app.questions.ask(asked_about(change)) == "yes"

    async def _open(self, url: str) -> dict[str, Any]:
        from axio_tui.browser import open_page

        if not await asyncio.to_thread(open_page, url):
            await self._tell(f"no browser was found, open it yourself: {url}")
        return {}

    async def _fill(self, question: Elicitation) -> dict[str, Any]:
        from axio_tools_mcp.elicitation import Dismissed
        from axio_tui.app.asker import ScreenAsker
        from axio_tui.chat.server_questions import ServerForm

        form = ServerForm(question)
        if not form.form.fields:
            return {}
        kept = await self._in_app(lambda: ScreenAsker(self.app).fill(form.form))
        if kept is None:
            raise Dismissed("the person has closed the form")
        return form.values(kept)

    async def _tell(self, words: str) -> None:
        async def say() -> None:
            self.app.say(words)

        await self._in_app(say)

    async def _in_app(self, job: Callable[[], Awaitable[T]]) -> T:
        """The result of a job among the messages of the application: a server asks in any task."""
        begun: asyncio.Future[asyncio.Future[T]] = asyncio.get_running_loop().create_future()

        def begin() -> None:
            if not begun.done():
                begun.set_result(asyncio.ensure_future(job()))

        self.app.call_later(begin)
        try:
            return await (await begun)
        finally:  # it may have begun although `await begun` was cancelled
            if begun.done() and not begun.cancelled():
                begun.result().cancel()
