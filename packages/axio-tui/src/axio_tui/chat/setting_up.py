"""A transport that is set up by the person: its fields, its own screen, or signing in."""

from __future__ import annotations

from axio_tui.chat.account import sign_in
from axio_tui.chat.asking import Asker, NoScreens
from axio_tui.chat.commands import CommandFailed
from axio_tui.chat.providers import Providers, title_of

__all__ = ("filled_in", "signed_in")


async def signed_in(asker: Asker) -> dict[str, str]:
    """The values of an account; none if the person has left."""
    try:
        return await sign_in(asker)
    except RuntimeError as error:
        raise CommandFailed(str(error)) from error


async def filled_in(
    name: str, providers: Providers, asker: Asker, unsaved: dict[str, str] | None = None
) -> dict[str, str] | None:
    """All settings of a transport as the person wants them; None if they go back.

    `unsaved` are those that they have given before.
    """
    note = ""
    if await providers.has_screen(name):
        try:
            return await _of_screen(name, providers, asker)
        except NoScreens:
            note = "It has a screen of its own, which only the full screen can show."
    form = await providers.form(name)
    if not form.fields and note:
        raise CommandFailed(
            f"{title_of(name)} can only be set up in the full screen: axio without --plain"
        )
    if not form.fields and not form.notes:
        return dict(form.values)
    form = form.over(unsaved, note)
    answers = await asker.fill(form)
    return None if answers is None else form.with_answers(answers)


async def _of_screen(name: str, providers: Providers, asker: Asker) -> dict[str, str] | None:
    answer = await asker.show(lambda: providers.make_screen(name))
    if answer is None:
        return None
    if not isinstance(answer, dict):
        raise CommandFailed(f"the screen of {name} has ended without settings")
    return {str(setting): str(value) for setting, value in answer.items()}
