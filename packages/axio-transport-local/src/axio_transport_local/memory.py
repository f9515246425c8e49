"""The loaded model together with the tools it has read of."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from axio.exceptions import StreamError
from axio_transport_local.cache import StateCache
from axio_transport_local.choice import CONTENT_FREE, calibration
from axio_transport_local.engine import WINDOW, Engine
from axio_transport_local.repertoire import Repertoire, fingerprint
from axio_transport_local.request import Request

if TYPE_CHECKING:
    from axio.tool import AnyTool

__all__ = ("Memory",)

FORMAT = 1
"""To be raised when prompts or measurements get another meaning."""

REPERTOIRES = 8
"""So many sets of tools are kept in the form that `Repertoire.of` gives them."""

logger = logging.getLogger("axio_transport_local")


class Memory:
    """An engine that has read of one set of tools, and can change to another.

    Not for several threads at once.
    """

    def __init__(self, weights: Path, folder: Path | None) -> None:
        """Load the model. `folder` is where to keep what was read, if anywhere."""
        self.engine = Engine(weights, folder)
        self._cache = None if folder is None else StateCache(folder)
        stat = weights.stat()
        self._model = f"{FORMAT} {weights.name} {stat.st_size} {stat.st_mtime_ns} {WINDOW}"
        self._held = ""
        self._leaning: dict[str, float] = {}
        self._repertoires: dict[str, Repertoire] = {}  # the last used last

    def learn(
        self, tools: Sequence[AnyTool], request: Request | None = None
    ) -> tuple[Repertoire, dict[str, float]]:
        """Be ready to choose among `tools`; the model's leaning to each name to choose from.

        Ten seconds the first time, a tenth of a second when the tools were kept on disk, no time
        when they are the last ones. Where they are too many for the model, nothing happens without
        a `request`; with one, those nearest to it are read, each time anew.
        """
        repertoire = self._repertoire(tools)
        if repertoire.fits:
            return repertoire, self._recall(repertoire, keep=True)
        if request is None:
            return repertoire, {}
        repertoire = repertoire.shortlist(request)
        return repertoire, self._recall(repertoire, keep=False)

    def _repertoire(self, tools: Sequence[AnyTool]) -> Repertoire:
        key = fingerprint(tools)
        known = self._repertoires.pop(key, None)
        repertoire = self._repertoires[key] = known or Repertoire.of(tools)
        if len(self._repertoires) > REPERTOIRES:
            del self._repertoires[next(iter(self._repertoires))]
        return repertoire

    def _recall(self, repertoire: Repertoire, keep: bool) -> dict[str, float]:
        key = self._key(repertoire)
        if self._held != key:
            self._held = ""  # until all of it is there: a stop may come in between
            self._leaning = (keep and self._restored(key)) or self._read(key, repertoire, keep)
            self._held = key
        return self._leaning

    def _key(self, repertoire: Repertoire) -> str:
        text = "\0".join([self._model, repertoire.prefix, *repertoire.names, *CONTENT_FREE])
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]

    def _restored(self, key: str) -> dict[str, float] | None:
        kept = self._cache.load(key) if self._cache else None
        if kept is None:
            return None
        try:
            self.engine.restore(kept.state)
        except StreamError as error:  # another process may have removed it by now
            logger.warning("%s", error)
            return None
        return kept.leaning

    def _read(self, key: str, repertoire: Repertoire, keep: bool) -> dict[str, float]:
        tools = len(repertoire.skills)
        logger.info("the offline model reads the examples of %d tools, once", tools)
        self.engine.read(repertoire.prefix)
        leaning = calibration(self.engine, repertoire.prefix, repertoire.names)
        if keep and self._cache:
            try:
                self._cache.store(key, leaning, self.engine.save)
            except StreamError as error:
                logger.warning("%s", error)
        return leaning
