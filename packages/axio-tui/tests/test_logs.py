"""Where log records go."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from axio_tui.logs import KEPT, RecentLog, start_logging


@pytest.fixture(autouse=True)
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    before, level = list(logger.handlers), logger.level
    yield logger
    logger.handlers[:] = before
    logger.setLevel(level)


def test_the_last_records_are_kept_and_those_that_are_new_are_given_once() -> None:
    log = RecentLog()
    log.start()
    logger = logging.getLogger("axio.test")
    logger.debug("too much")
    logger.info("one \x1b[31mred")
    assert [text.partition("axio.test: ")[2] for text in log.since(0)] == ["one red"]
    seen = log.seen
    assert log.since(seen) == []
    for number in range(KEPT + 5):
        logger.info("%d", number)
    new = log.since(seen)
    assert len(new) == KEPT and new[-1].endswith(f"axio.test: {KEPT + 4}")


def test_a_level_that_was_asked_for_holds() -> None:
    log = RecentLog("error")
    log.start()
    logging.getLogger("axio.test").warning("not this")
    logging.getLogger("axio.test").error("this")
    assert len(log.since(0)) == 1


def test_the_full_screen_logs_nothing_to_the_terminal(root: logging.Logger) -> None:
    before = len(root.handlers)
    start_logging("debug", None, to_stderr=False)
    assert all(type(handler) is logging.NullHandler for handler in root.handlers[before:])
    start_logging("debug", None)
    assert type(root.handlers[-1]) is logging.StreamHandler
