"""Servers that speak chat completions, and what each of them wants otherwise.

One row a provider; a server that is not here is treated like OpenAI. A row is chosen by the host
of the base URL, so that `OpenAITransport(base_url="https://api.deepseek.com")` is right as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from axio.media import NO_LIMITS, ImageLimits
from axio.wire.address import Address

__all__ = ("NEBIUS", "OPENAI", "OPENROUTER", "PROVIDERS", "Provider", "provider_for")


@dataclass(frozen=True, slots=True, eq=False)
class Provider:
    """The quirks of one server. The defaults are OpenAI's ways."""

    name: str
    """Marks the reasoning that goes back to this provider and to no other."""
    hosts: tuple[str, ...] = ()
    """Host names, with all their subdomains; or `host:port` for servers on this machine."""
    max_tokens: str = "max_completion_tokens"
    """The field that limits the answer."""
    stream_options: bool = True
    """True if usage has to be asked for; else it comes unasked, and asking is an error."""
    replays: str = ""
    """The field in which earlier reasoning has to be sent back, if any. Without it DeepSeek and
    Moonshot refuse results of tools, and Claude behind OpenRouter forgets why it called them."""
    call_id_length: int | None = None
    """The exact length, letters and digits only, that ids of tool calls must have."""
    null_content: bool = False
    """True if an assistant message with calls alone needs a `content` of null."""
    json_schema: bool = True
    """True if `response_format` takes a schema, and not just "some JSON object"."""
    cache_marks: tuple[str, ...] = ()
    """Beginnings of model ids for which the cached prefix has to be marked in the request."""
    images: ImageLimits = NO_LIMITS
    """In place of images over these limits the model gets notes."""


# A request may have 50 MB: https://platform.openai.com/docs/guides/images-vision
OPENAI = Provider(
    "openai",
    ("api.openai.com", "openai.azure.com"),
    images=ImageLimits(count=500, total=48_000_000),
)

NEBIUS = Provider("nebius", ("tokenfactory.nebius.com", "studio.nebius.com"))

OPENROUTER = Provider(
    "openrouter",
    ("openrouter.ai",),
    replays="reasoning_details",
    cache_marks=("anthropic/",),
)

PROVIDERS = (
    OPENAI,
    NEBIUS,
    OPENROUTER,
    Provider(
        "deepseek",
        ("api.deepseek.com",),
        max_tokens="max_tokens",
        replays="reasoning_content",
        null_content=True,
        json_schema=False,
    ),
    Provider(
        "moonshot",
        ("api.moonshot.ai", "api.moonshot.cn"),
        max_tokens="max_tokens",
        replays="reasoning_content",
    ),
    Provider(
        "mistral",
        ("api.mistral.ai",),
        max_tokens="max_tokens",
        stream_options=False,
        call_id_length=9,
        # 10 MB each: https://docs.mistral.ai/capabilities/vision
        images=ImageLimits(base64=14_000_000, count=8),
    ),
    Provider("google", ("generativelanguage.googleapis.com", "aiplatform.googleapis.com")),
    Provider(
        "groq",
        ("api.groq.com",),
        # https://console.groq.com/docs/vision; a request may have 4 MB
        images=ImageLimits(pixels=33_177_600, count=5, total=4_000_000),
    ),
    # 20 MiB each: https://docs.x.ai/docs/guides/image-understanding
    Provider("xai", ("api.x.ai",), images=ImageLimits(base64=28_000_000)),
    Provider("together", ("api.together.ai", "api.together.xyz"), max_tokens="max_tokens"),
    Provider("perplexity", ("api.perplexity.ai",), max_tokens="max_tokens"),
    Provider("huggingface", ("router.huggingface.co",), max_tokens="max_tokens"),
    # On this machine, at their usual ports. All four also take OpenAI's newer field, or ignore it.
    Provider("ollama", ("localhost:11434", "127.0.0.1:11434", "ollama.com"), "max_tokens"),
    Provider("lmstudio", ("localhost:1234", "127.0.0.1:1234"), "max_tokens"),
    Provider("llama.cpp", ("localhost:8080", "127.0.0.1:8080"), "max_tokens"),
    Provider("vllm", ("localhost:8000", "127.0.0.1:8000"), "max_tokens"),
)


@lru_cache(256)
def provider_for(base_url: str, default: Provider = OPENAI) -> Provider:
    """The row whose host `base_url` has; `default` for all others."""
    place = Address(base_url).shown.partition("://")[2].partition("/")[0].lower()
    host = place.partition(":")[0]
    for provider in PROVIDERS:
        for known in provider.hosts:
            if known in (place, host) or host.endswith("." + known):
                return provider
    return default
