"""Signing in with an account, as `axio-transport-codex` does it: in a browser, or by pasting."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial

from axio_tui.browser import open_page
from axio_tui.chat.asking import Asker
from axio_tui.config.forms import Field, Form

__all__ = ("sign_in",)

_DONE = Field(
    "answer",
    label="Address or code",
    help="the address that the browser ends at; empty if it says that you are signed in",
)


class _Left(Exception):
    """The person does not sign in."""


async def sign_in(asker: Asker, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The values of an account, {} if the person has left. `RuntimeError` says what went wrong.

    A browser is opened where there is a display for one; the address is shown everywhere.
    """
    from axio_transport_codex.oauth import run_oauth_flow

    async def paste(url: str) -> str:
        while True:
            notes = ("Open this address in a browser and sign in:", url)
            answer = await asker.fill(Form("Sign in with ChatGPT", [_DONE], notes=notes))
            if answer is None:
                raise _Left
            if text := answer.get("answer", ""):
                return text

    try:
        tokens = await run_oauth_flow(open_browser=_opener(environment), paste=paste)
    except _Left:
        return {}
    names = ("refresh_token", "expires_at", "account_id")
    return {"api_key": tokens["access_token"], **{name: tokens[name] for name in names}}


def _opener(environment: Mapping[str, str]) -> Callable[[str], object]:
    names = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    if sys.platform == "darwin" or any(environment.get(name) for name in names):
        return partial(open_page, environment=environment)
    return lambda url: False  # none could be seen
