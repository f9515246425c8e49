"""`/model`: another model for the conversation, or for one of the roles around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import get_args

from axio_tui.chat.commands import CommandFailed, Host, Option, Outcome, Pick, SlashCommand
from axio_tui.chat.models import Role
from axio_tui.switches import save_role

__all__ = ("MODEL",)

_ROLES: Mapping[str, Role] = {**{role: role for role in get_args(Role)}, "compact": "compaction"}
_USAGE = "/model [ROLE] N, TRANSPORT:MODEL, TRANSPORT or MODEL; /model ROLE default"


async def _model(host: Host, arguments: str) -> Outcome:
    word, _, name = arguments.partition(" ")
    role = _ROLES.get(word)
    if role is None:
        role, name = "chat", arguments
    if not name.strip():
        return await _offered(host, role)
    if role == "chat":
        return f"Going on with {(await host.models.switch(host.session, name)).text}."
    return await _given(host, role, name.strip())


async def _given(host: Host, role: Role, name: str) -> str:
    if name == "default":
        await host.models.forget(role)
        words, whole = "that of the conversation", ""
    else:
        await host.models.use(role, name)
        words = whole = host.models.whole_name(name)
    if not host.library.is_kept:
        return f"The model for {role} is {words}."
    try:
        await save_role(role, whole)
    except OSError as error:
        raise CommandFailed(f"the model for {role} is {words}, but only now: {error}") from error
    return f"The model for {role} is {words}, in this folder."


async def _offered(host: Host, role: Role) -> Outcome:
    own = f"{role} " * (role != "chat")
    options = [Option(str(one), f"/model {own}{one.name}") for one in await host.models.offers()]
    now = host.models.roles.get(role, "that of the conversation")
    title = "Models" if role == "chat" else f"Models for {role}, which has {now}"
    return Pick(title, options, _USAGE)


async def _names(host: Host) -> Iterable[str]:
    return [*(one.name for one in await host.models.offers()), *_ROLES]


MODEL = SlashCommand(
    "model",
    "[ROLE] [NAME]",
    "go on with another model, or give one to a role",
    _model,
    _names,
)
