"""The right of a store to change its session: taken for one run, or held for many."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from axio.exceptions import AxioError, SessionBusy
from axio.ownership import Ownership
from axio_context_sqlite import lease
from axio_context_sqlite.rows import Session
from axio_context_sqlite.shelf import Run
from axio_context_sqlite.transaction import transaction

__all__ = ("Owner",)

logger = logging.getLogger(__name__)


class Owner:
    """`run` runs a job on the file, and waits for others."""

    def __init__(self, session: Session, run: Run) -> None:
        self._session = session
        self._run = run
        self._token: str | None = None
        self._runs: Ownership | None = None
        """Of the runs inside of `hold`."""

    @property
    def token(self) -> str | None:
        """The mark of the run that has the session, if one of this store has."""
        return self._token

    def admit(self, db: sqlite3.Connection) -> None:
        """Let a write of the store pass, within its transaction; see `lease.admit`."""
        lease.admit(db, self._session, self._token)

    def fence(self, db: sqlite3.Connection) -> None:
        """Let a write pass that is free to all but to who had the session and lost it."""
        if self._token is not None:
            lease.admit(db, self._session, self._token)

    @asynccontextmanager
    async def own(self) -> AsyncIterator[None]:
        """Have the session for one run. SessionBusy when others have it for too long."""
        runs = self._runs
        if runs is not None and self._token is not None and lease.is_held(self._token):
            async with runs:
                yield
        else:
            async with self._taken(patient=True):
                yield

    @asynccontextmanager
    async def hold(self, *, take_over: bool) -> AsyncIterator[None]:
        """Have the session for all runs inside. SessionInUse at once when another has it."""
        async with self._taken(take_over=take_over):
            self._runs = Ownership()
            try:
                yield
            finally:
                self._runs = None

    def take_over(self, db: sqlite3.Connection) -> None:
        """Take the session from its owner, whoever that is."""
        with transaction(db):
            lease.release(db, self._session)

    @asynccontextmanager
    async def _taken(
        self, *, patient: bool = False, take_over: bool = False
    ) -> AsyncIterator[None]:
        token = os.urandom(8).hex()
        try:
            busy = await self._take(token, patient, take_over)
        except asyncio.CancelledError:
            await self._give_back(token)  # the thread may have taken it nevertheless
            raise
        if busy is not None:
            raise busy
        beat = asyncio.create_task(self._beat(token))
        try:
            yield
        finally:
            beat.cancel()
            try:
                await self._give_back(token)
            finally:
                await asyncio.wait((beat,))

    async def _take(self, token: str, patient: bool, take_over: bool) -> SessionBusy | None:
        """Become the owner. Who is not patient gets the refusal, instead of trying again."""
        loop = asyncio.get_running_loop()

        def take(db: sqlite3.Connection) -> None:
            if self._token is not None and lease.is_held(self._token):
                raise SessionBusy(
                    f"session {self._session.shown} is in use by another run of this store: "
                    "wait until it has ended, or work on a fork"
                )
            with transaction(db):
                if not take_over:
                    lease.admit(db, self._session, None)
                lease.take(db, self._session, token, loop)
            self._token = token

        def job(db: sqlite3.Connection) -> SessionBusy | None:
            try:
                take(db)
            except SessionBusy as busy:
                if patient:
                    raise
                return busy
            return None

        return await self._run(job, brief=True)

    async def _give_back(self, token: str) -> None:
        def job(db: sqlite3.Connection) -> None:
            if self._token == token:
                self._token = None
            lease.end(token)
            with transaction(db):
                lease.release(db, self._session, token)

        try:
            await self._run(job, brief=True)
        except AxioError as error:
            lease.end(token)
            # Nothing of the user's is lost, and other processes see when this one has ended.
            logger.warning("session %s could not be given back: %s", self._session.shown, error)

    async def _beat(self, token: str) -> None:
        def job(db: sqlite3.Connection) -> None:
            with transaction(db):
                lease.renew(db, self._session, token)

        while True:
            await asyncio.sleep(lease.HEARTBEAT)
            try:
                await self._run(job, brief=True)
            except AxioError as error:
                logger.warning("session %s has missed a heartbeat: %s", self._session.shown, error)
