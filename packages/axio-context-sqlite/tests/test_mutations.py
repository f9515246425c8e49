"""Proof that the tests bite: each safeguard, taken out, makes tests fail.

A few run always, `pytest packages/axio-context-sqlite/tests/test_mutations.py -m ""` runs all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import axio_context_sqlite

TESTS = Path(__file__).parent
PACKAGE = Path(axio_context_sqlite.__file__).parent


@dataclass(frozen=True)
class Mutant:
    """A piece that is taken out of a module, and the tests that must notice it."""

    without: str
    module: str
    old: str
    new: str
    noticed_by: str


MUTANTS = [
    Mutant(
        "the commit",
        "transaction",
        '        db.execute("COMMIT")\n',
        "        db.rollback()\n",
        "test_contract.py",
    ),
    Mutant(
        "the fence against an owner that was taken for dead",
        "lease",
        "    if mine is not None:\n",
        "    if False:\n",
        "test_lease.py::test_an_owner_that_was_taken_for_dead_can_write_nothing_more",
    ),
    Mutant(
        "doubt about rows of an open transaction",
        "cache",
        "self._seen = None if db.in_transaction else seen",
        "self._seen = seen",
        "test_cache.py",
    ),
    Mutant(
        "the write lock before the last row is looked at",
        "transaction",
        'db.execute("BEGIN IMMEDIATE")',
        "pass",
        "test_many.py::test_without_a_run_every_extend_still_stands_together",
    ),
    Mutant(
        "the owner's right",
        "lease",
        "    if token == mine:\n        return\n",
        "    return\n",
        "test_many.py::test_eight_processes_write_at_once_two_of_them_to_one_session",
    ),
    Mutant(
        "the rollback",
        "transaction",
        '            db.execute("ROLLBACK")\n',
        "            pass\n",
        "test_sessions.py test_lease.py",
    ),
    Mutant(
        "respect for the transaction of another",
        "transaction",
        "    if _open(db):\n        raise StoreBusy(",
        "    if _open(db):\n        db.commit()\n    if _open(db):\n        raise StoreBusy(",
        "test_connection.py",
    ),
    Mutant(
        "the look at a process's start",
        "lease",
        "return _started(owner.pid) == owner.started",
        'return _started(owner.pid) != ""',
        "test_lease.py::test_a_process_with_the_number_of_a_dead_owner_is_not_the_owner",
    ),
    Mutant(
        "the knowledge that a zombie is dead",
        "lease",
        'return "" if state in "ZX" else started',
        "return started",
        "test_lease.py::test_a_living_process_is_respected_and_a_killed_one_is_not",
    ),
    Mutant(
        "the end of a lease whose file cannot be told",
        "lease",
        "    _held.pop(token, None)\n",
        "    pass\n",
        "test_lease.py::test_a_lease_that_could_not_be_given_back_holds_up_no_run_of_this_process",
    ),
    Mutant(
        "respect for who holds the session",
        "owner",
        "                if not take_over:\n",
        "                if False:\n",
        "test_lease.py::test_who_wants_to_hold_a_session_is_told_at_once_who_has_it",
    ),
    Mutant(
        "the hold around many runs",
        "owner",
        "        if runs is not None and self._token is not None and lease.is_held(self._token):\n",
        "        if False:\n",
        "test_lease.py::test_a_session_that_is_held_is_so_between_runs_too",
    ),
    Mutant(
        "the look at what others wrote",
        "cache",
        "        if seen != known:\n",
        "        if False:\n",
        "test_cache.py",
    ),
    Mutant(
        "the look whether the last row known is still there",
        "cache",
        "            if known != NONE and next(found, (None,))[0] != known:\n",
        "            if known != NONE and next(found, (None,))[0] is None:\n",
        "test_cache.py",
    ),
    Mutant(
        "the place in the queue",
        "connection",
        "self._swift and not self._queued and",
        "self._swift and",
        "test_connection.py::"
        "test_what_was_handed_to_the_thread_is_done_in_order_even_when_cancelled",
    ),
    Mutant(
        "the turn-taking of threads",
        "connection",
        "self._turn.acquire(blocking=False)",
        "(self._turn.locked() or self._turn.acquire(blocking=False))",
        "test_connection.py",
    ),
    Mutant(
        "the user's own settings",
        "connection",
        "                    self._switch_on(_LOCKS, _DISK)\n",
        "",
        "test_connection.py::test_settings_of_the_user_are_put_back",
    ),
    Mutant(
        "the moving of the log into the file",
        "connection",
        "db.total_changes - self._log_moved < _MOVE_LOG_AFTER",
        "True",
        "test_connection.py::test_the_log_is_moved_into_the_file_by_the_thread",
    ),
    Mutant(
        "the end of a SELECT that met damage",
        "rows",
        "    with closing(found):\n",
        "    sqlite3.kept = found\n    if True:\n",
        "test_faults.py::test_a_message_whose_text_is_damaged_is_named",
    ),
    Mutant(
        "the end of a fork before an open turn",
        "sessions",
        "    if not open_turn(rows.tail(db, session, 1)):\n",
        "    if False:\n",
        "test_sessions.py",
    ),
    Mutant(
        "the share of each project in what release 0.9.6 mixed",
        "schema",
        "old.project <> uses.project",
        "0",
        "test_schema.py::test_projects_that_shared_an_id_keep_all_they_saw_and_part_from_then_on",
    ),
    Mutant(
        "the transaction around a migration",
        "schema",
        "    with transaction(db):\n",
        "    db.isolation_level = None\n    if True:\n",
        "test_schema.py::test_a_migration_that_is_killed_leaves_the_old_file_or_the_new_one",
    ),
    Mutant(
        "the check that what is stored can be read back",
        "payload",
        "message if decoded == message else decoded",
        "message",
        "test_payload.py",
    ),
]
ALWAYS = 2  # the first ones, which are quick


# A test that fails may leave a connection open, whose thread would keep the process alive.
PYTEST = "import os, sys, pytest; os._exit(pytest.main(sys.argv[1:]))"


def run(tests: str, source: Path) -> subprocess.CompletedProcess[str]:
    options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "", "--timeout=20"]
    return subprocess.run(
        [sys.executable, "-c", PYTEST, *options, *(str(TESTS / test) for test in tests.split())],
        cwd=TESTS.parents[2],
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(mutant, id=mutant.without, marks=[pytest.mark.heavy] if at >= ALWAYS else [])
        for at, mutant in enumerate(MUTANTS)
    ],
)
@pytest.mark.timeout(180)
def test_it_is_noticed_when_it_is_missing(mutant: Mutant, tmp_path: Path) -> None:
    copy = tmp_path / PACKAGE.name
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    module = copy / f"{mutant.module}.py"
    text = module.read_text()
    assert text.count(mutant.old) == 1, "the mutant does not fit the source any more"
    module.write_text(text.replace(mutant.old, mutant.new))
    result = run(mutant.noticed_by, tmp_path)
    assert result.returncode == 1, f"no test missed {mutant.without}: {result.stdout}"


@pytest.mark.heavy
def test_an_unchanged_copy_passes(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / PACKAGE.name)
    tests = sorted(
        {word.split("::")[0] for mutant in MUTANTS for word in mutant.noticed_by.split()}
    )
    result = run(" ".join(tests), tmp_path)
    assert result.returncode == 0, result.stdout
