"""The result of a call as blocks for a model. Pure.

Results are read by the attributes that the protocol has, in the spelling of either generation of
the library (`is_error` or `isError`).
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Sequence
from typing import Any, TypeAlias, get_args

from axio.blocks import (
    AudioBlock,
    AudioMediaType,
    ImageBlock,
    ImageMediaType,
    TextBlock,
)
from axio.results import Content

__all__ = ("bytes_of", "content_of", "is_error", "joined", "parts_of", "resource_parts", "text_of")

Part: TypeAlias = TextBlock | ImageBlock | AudioBlock

_IMAGES = frozenset(get_args(ImageMediaType))
_AUDIO = frozenset(get_args(AudioMediaType))


def is_error(result: Any) -> bool:
    """True for a result that says that the call has failed."""
    flags = (getattr(result, name, None) for name in ("is_error", "isError"))
    return any(flag is True for flag in flags)


def content_of(result: Any, limit: int) -> Content:
    """The content of a result: text where there is nothing else, with a line end between its parts.

    Of text beyond `limit` characters the middle is left out, which is said there.
    """
    blocks = [block for part in result.content or () for block in parts_of(part)]
    structured = _get(result, "structured_content", "structuredContent")
    if isinstance(structured, (dict, list)) and not _is_told(structured, blocks):
        blocks.append(TextBlock(json.dumps(structured, ensure_ascii=False)))
    return joined(blocks, limit)


def joined(blocks: Sequence[Part], limit: int) -> Content:
    """The blocks as the content of a result: text where there is nothing else."""
    if all(isinstance(block, TextBlock) for block in blocks):
        texts = [block.text for block in blocks if isinstance(block, TextBlock)]
        return _cut("\n".join(texts), limit)
    return [
        TextBlock(_cut(block.text, limit)) if isinstance(block, TextBlock) else block
        for block in blocks
    ]


def text_of(result: Any, limit: int) -> str:
    """The text of a result without its media."""
    content = content_of(result, limit)
    if isinstance(content, str):
        return content
    return "\n".join(block.text for block in content if isinstance(block, TextBlock))


def parts_of(part: Any) -> list[Part]:
    """The blocks for one item of content: none is lost, and what no model takes is told as text."""
    match getattr(part, "type", None):
        case "text":
            return [TextBlock(str(part.text))]
        case "image" | "audio" as kind:
            return [_media(str(part.data), _get(part, "mime_type", "mimeType"), kind)]
        case "resource_link":
            return [TextBlock(_link(part))]
        case "resource":
            return resource_parts(part.resource)
        case kind:
            return [TextBlock(f"[content of a kind that is not known here: {kind}]")]


def resource_parts(resource: Any) -> list[Part]:
    """The blocks for the contents of a resource, headed by its address."""
    head = f"[resource {resource.uri}]"
    text = getattr(resource, "text", None)
    if isinstance(text, str):
        return [TextBlock(f"{head}\n{text}")]
    kind = _get(resource, "mime_type", "mimeType")
    block = _media(str(getattr(resource, "blob", "")), kind, "resource")
    return [TextBlock(head), block]


def bytes_of(resource: Any) -> bytes:
    """The contents of a resource as they are. Raises `ValueError` for data that is not base64."""
    text = getattr(resource, "text", None)
    if isinstance(text, str):
        return text.encode()
    return _decoded(str(getattr(resource, "blob", "")))


def _decoded(data: str) -> bytes:
    """The bytes; `ValueError` where the standard decoder would leave out what it does not know."""
    return binascii.a2b_base64("".join(data.split()), strict_mode=True)


def _media(data: str, media_type: Any, kind: str) -> Part:
    try:
        content = _decoded(data)
    except ValueError:
        return TextBlock(f"[{kind}: its data is not base64]")
    if not content:
        return TextBlock(f"[{kind}: it is empty]")
    if media_type in _IMAGES:
        return ImageBlock(media_type, content)
    if media_type in _AUDIO:
        return AudioBlock(media_type, content)
    return TextBlock(
        f"[{kind}: {len(content)} bytes of {media_type or 'an unknown type'}, not shown]"
    )


def _link(link: Any) -> str:
    described = getattr(link, "description", None)
    kind = _get(link, "mime_type", "mimeType")
    what = ", ".join(str(word) for word in (link.name, kind, described) if word)
    return f"[link to the resource {link.uri}: {what}]"


def _is_told(structured: Any, blocks: list[Any]) -> bool:
    """True if text says the same: servers send both for clients that read only one of them.

    A value that is no object is wrapped as `{"result": value}`, and a list may be told by one text
    for each item.
    """
    texts = [block.text for block in blocks if isinstance(block, TextBlock)]
    wrapped = isinstance(structured, dict) and structured.keys() == {"result"}
    meant = [structured, structured["result"]] if wrapped else [structured]
    for read in (str, _read):  # most texts need not be read as JSON
        told = [read(text) for text in texts]
        if any(value in told or value == told for value in meant):
            return True
    return wrapped and texts == [str(structured["result"])]


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = limit // 2
    note = f"\n[... {len(text) - 2 * half} characters are left out: the limit is {limit} ...]\n"
    return text[:half] + note + text[len(text) - half :]


def _get(value: Any, *names: str) -> Any:
    return next(
        (found for name in names if (found := getattr(value, name, None)) is not None), None
    )
