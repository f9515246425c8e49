"""Encoded messages are remembered as long as they are used, and in bounded space."""

from __future__ import annotations

import copy

from axio.wire.memory import Memory


def test_what_is_put_again_stays_and_what_is_not_goes() -> None:
    memory: Memory[str] = Memory(10_000)
    memory.put(1, "used", 100)
    memory.put(2, "unused", 100)
    for key in range(1_000, 1_100):
        memory.put(key, "other", 400)
        used = memory.get(1)
        assert used == "used"
        memory.put(1, used, 100)
        assert len(memory.young) + len(memory._old) < 30
    assert memory.get(2) is None


def test_a_value_larger_than_the_memory_is_kept_until_the_next() -> None:
    memory: Memory[str] = Memory(1_000)
    for key in range(3):
        memory.put(key, "huge", 1 << 20)
        assert memory.get(key) == "huge"
    assert len(memory.young) == 1


def test_a_copy_has_seen_nothing() -> None:
    memory: Memory[str] = Memory()
    memory.put(1, "a", 1)
    for other in (copy.copy(memory), copy.deepcopy(memory)):
        assert other.get(1) is None
