"""The loaded model, on llama.cpp."""

from __future__ import annotations

import http.client
import json
import math
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from axio.exceptions import StreamError
from axio.types import JSONObject
from axio_transport_local.weights import require_runtime

__all__ = ("WINDOW", "Engine", "Reading", "Stopped")

WINDOW = 3072
"""Tokens that the model can hold: the tools' prefix, a request and its call."""

THREADS = 1
"""More make it slower where the other cores are busy."""

BATCH = 64
"""Prompt tokens read in one go, and so the longest time, half a second, until a stop is heard."""

ALTERNATIVES = 1000
"""So many likely next tokens are looked at; the names of tools are among them."""

_SLOT = "/slots/0?action="
_STATE_TIMEOUT = 30.0


class Stopped(Exception):
    """The result is not wanted any more."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Tokens of one or several answers: in the longest prompt, those of it that were known
    beforehand, and written."""

    prompt: int = 0
    known: int = 0
    written: int = 0

    def __add__(self, other: Reading) -> Reading:
        longest = max(self, other, key=lambda reading: reading.prompt)
        # Only the first answer may find less than all of its prompt's beginning known.
        known = min(self.known, other.known) if self.prompt else other.known
        return Reading(longest.prompt, known, self.written + other.written)


class Engine:
    """A `Model` that holds one prompt in memory: what follows the same beginning is fast.

    Not for several threads at once. `stop`, an event that any thread may set, makes the call under
    way raise `Stopped` soon, and every later one at once.
    """

    def __init__(self, weights: Path, states: Path | None) -> None:
        """Load the model. `states` is the folder of `save` and `restore`.

        The binding holds the interpreter's lock for the third of a second that this takes: no
        other thread of the process runs meanwhile. All other methods let them run.
        """
        require_runtime()
        import xllamacpp  # a third of a second, and only wanted where a model is loaded

        self.stop = threading.Event()
        self.reading = Reading()
        self._key = secrets.token_hex(16)
        params = xllamacpp.CommonParams()
        params.model.path = str(weights)
        params.n_ctx = WINDOW
        params.n_parallel = 1
        params.n_batch = params.n_ubatch = BATCH
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = THREADS
        params.n_gpu_layers = 0
        params.warmup = False
        params.fit_params = False
        params.cache_ram_mib = 0
        params.verbosity = -1
        # llama.cpp saves and restores its memory over HTTP alone. It listens on a loopback port
        # of its own choice and wants a key that never leaves this process.
        params.api_keys = [self._key]
        params.n_threads_http = 1
        params.ui = False
        if states is not None:
            params.slot_save_path = f"{states}/"
        try:
            self._server = xllamacpp.Server(params)
        except Exception as error:
            raise StreamError(
                f"the offline model cannot be loaded from {weights}: {error}"
            ) from error

    def read(self, prompt: str) -> None:
        """Have `prompt` in memory; a hundred tokens take a second."""
        self._complete({"prompt": prompt, "n_predict": 0})

    def next_tokens(self, prompt: str, grammar: str) -> dict[bytes, float]:
        """See `Model`."""
        events = self._complete(
            {"prompt": prompt, "n_predict": 1, "grammar": grammar, "n_probs": ALTERNATIVES}
        )
        for event in events:
            content = (event["choices"][0].get("logprobs") or {}).get("content") or ()
            for position in content:
                return {
                    bytes(token["bytes"]): math.exp(token["logprob"])
                    for token in position["top_logprobs"]
                }
        return {}

    def write(self, prompt: str, grammar: str, limit: int) -> str:
        """See `Model`."""
        events = self._complete({"prompt": prompt, "n_predict": limit, "grammar": grammar})
        return "".join(event["choices"][0]["text"] for event in events)

    def save(self, name: str) -> None:
        """Keep what is in memory as a file of this name in the folder of states."""
        self._slot("save", name)

    def restore(self, name: str) -> None:
        """Have in memory what `save` kept. llama.cpp aborts the process when the file is not
        exactly what it wrote: the caller has made sure that it is."""
        self._slot("restore", name)

    def _complete(self, body: JSONObject) -> list[JSONObject]:
        if self.stop.is_set():
            raise Stopped
        events: list[JSONObject] = []
        stopped = self.stop.is_set

        def take(event: JSONObject) -> bool:
            events.append(event)
            return stopped()

        fixed = {
            "temperature": 0,
            "id_slot": 0,
            "cache_prompt": True,
            "stream": True,
            "return_progress": True,
        }
        self._server.handle_completions({**body, **fixed}, take)
        if stopped():
            raise Stopped
        for event in events:
            if "choices" not in event:
                raise StreamError(f"the offline model failed: {_message(event)}")
            if "usage" in event:
                self.reading += _reading(event["usage"])
        return events

    def _slot(self, action: str, name: str) -> None:
        address = urlsplit(self._server.listening_address)
        connection = http.client.HTTPConnection(
            address.hostname or "127.0.0.1", address.port, timeout=_STATE_TIMEOUT
        )
        try:
            connection.request(
                "POST",
                _SLOT + action,
                json.dumps({"filename": name}),
                {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"},
            )
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise StreamError(f"the offline model cannot {action} its state: {error}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise StreamError(f"the offline model cannot {action} its state: {text[:200]}")


def _reading(usage: JSONObject) -> Reading:
    known = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    return Reading(usage["prompt_tokens"], known, usage["completion_tokens"])


def _message(event: JSONObject) -> str:
    error = event.get("error")
    return str(error.get("message", error) if isinstance(error, dict) else event)[:300]
