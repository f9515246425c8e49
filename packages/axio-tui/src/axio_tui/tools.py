"""Tools that the application itself offers. What they act on is set in this module by their host:

* `status_line_callback(text)` shows a line of status;
* `subagent_factory()` makes an agent and a store for one sub-task;
* `vision_transport` is the model that looks at images.

Without its host a tool fails and says so, or does nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from axio.blocks import ImageBlock, ImageMediaType, TextBlock
from axio.events import Error, TextDelta
from axio.exceptions import HandlerError, StreamError
from axio.field import Field
from axio.messages import Message
from axio.run import RUN
from axio.tool import tool_options

if TYPE_CHECKING:
    from axio.agent import Agent
    from axio.context import ContextStore
    from axio.transport import CompletionTransport

__all__ = (
    "SUBAGENT_SYSTEM_PROMPT",
    "Confirm",
    "Verdict",
    "confirm",
    "status_line",
    "subagent",
    "vision_analyze",
)

status_line_callback: Callable[[str], None] | None = None
subagent_factory: Callable[[], Awaitable[tuple[Agent, ContextStore]]] | None = None
vision_transport: CompletionTransport | None = None

SUBAGENT_SYSTEM_PROMPT = """\
You work on one task that another assistant has given you; no person reads along or can answer
questions. Do the task with the tools you have, then report: what you found or did, with the paths,
names and figures that matter, and what you could not do. Your last message is all that comes back.
"""

Verdict = Literal["SAFE", "RISKY", "DENY"]

_IMAGES: dict[str, ImageMediaType] = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
_DESCRIBE = "Describe this image: what it shows, any text in it word for word, and its layout."


@tool_options(read_only=True)
async def status_line(
    message: Annotated[str, Field("A few words on what you are doing now")],
) -> str:
    """Show the person one short line on what you are doing. It replaces the line before."""
    if status_line_callback is not None:
        status_line_callback(message)
    return "ok"


@dataclass(frozen=True, slots=True)
class Confirm:
    """A verdict on a tool call, as the arguments of `confirm` carry it."""

    verdict: Verdict
    reason: str
    category: str


@tool_options(read_only=True)
async def confirm(
    verdict: Annotated[Verdict, Field("SAFE, RISKY (ask the person) or DENY")],
    reason: Annotated[str, Field("Why, in one sentence for the person")],
    category: Annotated[str, Field("Two or three words for all calls of this kind")],
) -> str:
    """Give your verdict on the tool call under review."""
    return verdict


Task: TypeAlias = Annotated[
    str, Field("Everything it needs to know: it sees nothing else of yours")
]
"""The argument of `subagent`, here and in `axio_tui.chat.subagents`."""


@tool_options(concurrency=3, read_only=True)
async def subagent(task: Task) -> str:
    """Hand a task of its own to another assistant with the same tools, and get its report.

    Good for searches that read much and report little, and for tasks that can go on side by side.
    """
    if subagent_factory is None:
        return _refused("SubAgent is not configured")
    agent, store = await subagent_factory()
    return await agent.run(task, store)


# Older hosts read the limit from here.
subagent._tool_concurrency = 3  # type: ignore[attr-defined]


@tool_options(read_only=True)
async def vision_analyze(
    path: Annotated[str, Field("The image: jpg, jpeg, png, gif or webp")],
    prompt: Annotated[str, Field("What you want to know about it")] = _DESCRIBE,
) -> str:
    """Let a model that sees look at an image file and answer a question about it."""
    if vision_transport is None:
        return _refused("Vision is not configured: no model that sees images has been chosen")
    image = await asyncio.to_thread(_read_image, path)
    if isinstance(image, str):
        return _refused(image)
    message = Message(role="user", content=[TextBlock(prompt), image])
    texts: list[str] = []
    failure: BaseException | None = None
    async for event in vision_transport.stream([message], [], ""):
        if isinstance(event, TextDelta):
            texts.append(event.delta)
        elif isinstance(event, Error):
            failure = event.exception
    if failure is not None:
        raise StreamError(str(failure)) from failure
    return "".join(texts) or "(no response)"


def _refused(why: str) -> str:
    """`why` for a program that calls the function; a model is told it as the error that it is."""
    run = RUN.get(None)
    if run is not None and run.call_id is not None:
        raise HandlerError(why)
    return why


def _read_image(path: str) -> ImageBlock | str:
    """The image at `path`, or what is wrong with it."""
    file = Path(path).expanduser()
    if not file.is_file():
        return f"File not found: {path}"
    media_type = _IMAGES.get(file.suffix.lower())
    if media_type is None:
        return f"Unsupported image format {file.suffix!r}: {', '.join(sorted(_IMAGES))} work"
    from axio_tui.chat.pictures import MAX_BYTES  # Late: most programs look at no image.

    if (size := file.stat().st_size) > MAX_BYTES:
        return f"{path} has {size:,} bytes: at most {MAX_BYTES:,} can be looked at"
    return ImageBlock(media_type, file.read_bytes())
