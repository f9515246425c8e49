"""Made-up sessions: however they are stopped, and however their stores fail, they go on well."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from random import Random

import pytest

from support.fuzz import Session, judge, session, with_store_faults
from support.playing import play

KINDS = {"sessions": 5000, "stops": 2500, "stores": 10_000}
SHARE = 150


def made_up(kind: str, seed: int) -> Session:
    random = Random(f"{kind} {seed}")
    plan = session(random, stops=3 if kind == "stops" else 1)
    return with_store_faults(plan, random) if kind == "stores" else plan


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Switch off the log of failing stores, which is not looked at here and makes gigabytes."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


async def faults_of(kind: str, seeds: Sequence[int]) -> list[str]:
    return [
        f"{kind} {seed}: {fault}"
        for seed in seeds
        for fault in judge(await play(made_up(kind, seed)))
    ]


@pytest.mark.parametrize("kind", KINDS)
async def test_sessions_end_well(kind: str) -> None:
    assert await faults_of(kind, range(SHARE)) == []


@pytest.mark.heavy
@pytest.mark.parametrize("kind", KINDS)
async def test_all_sessions_end_well(kind: str) -> None:
    assert await faults_of(kind, range(KINDS[kind])) == []
