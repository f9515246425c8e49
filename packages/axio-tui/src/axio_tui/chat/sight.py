"""If a model can see the pictures of a prompt, and which others could."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from axio.media import NO_LIMITS, ImageLimits, image_problem
from axio.models import Capability
from axio.transport import CompletionTransport, model_of
from axio_tui.chat.mentions import MentionRefused, Unseen

if TYPE_CHECKING:
    from axio.blocks import ImageBlock
    from axio_tui.chat.models import Models

__all__ = ("can_see", "check_pictures", "words_of_refusal")

_NAMED = 5


def can_see(transport: CompletionTransport) -> bool:
    """True if its model is known to see images."""
    model = model_of(transport)
    return model is not None and Capability.vision in model.capabilities


def check_pictures(
    pictures: Iterable[tuple[str, ImageBlock]], transport: CompletionTransport
) -> None:
    """`MentionRefused` if the model would not be shown one of them; the words name the limit."""
    limits = getattr(transport, "image_limits", NO_LIMITS)
    for told, picture in pictures:
        if not can_see(transport):
            raise Unseen(f"{told} is a picture, and this model sees none: not sent")
        problem = image_problem(
            picture.data, limits if isinstance(limits, ImageLimits) else NO_LIMITS
        )
        if problem is not None:
            raise MentionRefused(f"{told} has {problem}: not sent")


async def words_of_refusal(
    error: MentionRefused, models: Models | None, how: str = "/model NAME"
) -> str:
    """The refusal in words; where the model sees nothing, with those that do, and `how` to take
    one."""
    if not isinstance(error, Unseen) or models is None:
        return str(error)
    names = [
        offer.name
        for offer in await models.offers()
        if offer.spec is not None and Capability.vision in offer.spec.capabilities
    ]
    if not names:
        return f"{error}; no model that can be used here is known to see: axio models lists all"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{error}; these see: {', '.join(names[:_NAMED])}{more} ({how})"
