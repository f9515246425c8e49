"""The dialog in which the terminal application signs in and out; needs the extra `tui`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Label

from axio_transport_codex.oauth import run_oauth_flow

__all__ = ("CodexSettingsScreen",)


class CodexSettingsScreen(ModalScreen[dict[str, str] | None]):
    """Answers with the four values of a sign-in, `{}` after signing out, `None` when cancelled."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "cancel", "Cancel")]

    DEFAULT_CSS = """
    CodexSettingsScreen { align: center middle; }
    CodexSettingsScreen > Vertical {
        width: 70; height: auto; padding: 1 2; border: round $primary; background: $surface;
    }
    CodexSettingsScreen Horizontal { height: auto; align-horizontal: right; }
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__()
        self._settings = settings

    def compose(self) -> ComposeResult:
        signed_in = bool(self._settings.get("api_key"))
        account = self._settings.get("account_id") or "an account"
        with Vertical():
            yield Label("ChatGPT (Codex)")
            yield Label(f"Signed in as {account}." if signed_in else "Not signed in.", id="status")
            with Horizontal():
                if signed_in:
                    yield Button("Sign out", variant="error", id="btn-sign-out")
                else:
                    yield Button("Sign in", variant="primary", id="btn-sign-in")
                yield Button("Cancel", id="btn-cancel")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "btn-sign-in":
            event.button.disabled = True
            self.query_one("#status", Label).update("Waiting for the browser ...")
            self.run_worker(self._sign_in(), exclusive=True)
        elif event.button.id == "btn-sign-out":
            self.dismiss({})
        else:
            self.action_cancel()

    def action_cancel(self) -> None:
        self.workers.cancel_node(self)
        self.dismiss(None)

    async def _sign_in(self) -> None:
        try:
            tokens = await run_oauth_flow()
        except RuntimeError as error:
            self.query_one("#status", Label).update(str(error))
            self.query_one("#btn-sign-in", Button).disabled = False
            return
        names = ("refresh_token", "expires_at", "account_id")
        self.dismiss({"api_key": tokens["access_token"], **{name: tokens[name] for name in names}})
