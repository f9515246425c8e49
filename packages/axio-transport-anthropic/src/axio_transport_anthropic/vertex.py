"""Claude on Google's Vertex AI: its address, and the token it wants.

https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from axio.exceptions import StreamError
from axio.wire.secret import Secret

__all__ = ("VERTEX_ANTHROPIC_VERSION", "VertexToken", "vertex_url")

VERTEX_ANTHROPIC_VERSION = "vertex-2023-10-16"

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def vertex_url(project: str, location: str, model: str) -> str:
    """Where requests for `model` go; an empty `location` is the global endpoint."""
    if not project:
        raise StreamError(
            "Vertex AI needs a Google Cloud project: set project=... or GOOGLE_CLOUD_PROJECT"
        )
    location = location or "global"
    host = "aiplatform.googleapis.com"
    if location != "global":
        host = f"{location}-{host}"
    return (
        f"https://{host}/v1/projects/{project}/locations/{location}"
        f"/publishers/anthropic/models/{model.removeprefix('anthropic/')}:streamRawPredict"
    )


class VertexToken:
    """The bearer token of the application-default credentials, kept until it runs out.

    google-auth blocks, so it works in a thread; requests that want a token at the same moment wait
    for one refresh.
    """

    __slots__ = ("_credentials", "_lock")

    def __init__(self) -> None:
        self._credentials: Any = None
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[VertexToken], tuple[()]]:
        return VertexToken, ()  # a copy starts anew: locks cannot be copied

    async def headers(self) -> dict[str, str]:
        """The headers of a request."""
        token = Secret(f"Bearer {await self.get()}")
        return {"content-type": "application/json", "authorization": token}

    async def get(self) -> str:
        """The token; `StreamError` when there is no way to one."""
        credentials = self._credentials
        if credentials is not None and credentials.valid:
            return str(credentials.token)
        return await asyncio.to_thread(self._refreshed)

    def _refreshed(self) -> str:
        try:
            import google.auth
            import google.auth.exceptions
            import google.auth.transport.requests
        except ImportError as error:
            raise StreamError(
                "Vertex AI needs google-auth: pip install 'axio-transport-anthropic[vertexai]'"
            ) from error
        with self._lock:
            try:
                if self._credentials is None:
                    self._credentials, _ = google.auth.default(scopes=[_SCOPE])
                if not self._credentials.valid:
                    self._credentials.refresh(google.auth.transport.requests.Request())
            except google.auth.exceptions.GoogleAuthError as error:
                raise StreamError(f"Google gave no access token: {error}") from error
            return str(self._credentials.token)
