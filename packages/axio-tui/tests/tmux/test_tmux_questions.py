"""Questions about calls: what is shown before, what each key does, and what never answers."""

from __future__ import annotations

import pytest

from support.desk import Desk
from support.model_server import Call, ModelServer

pytestmark = pytest.mark.timeout(180)  # many starts of the command, on a busy machine

CODE = "def add(a, b):\n    return a + b\n"


def edit(old: str, new: str) -> Call:
    return Call("edit_file", {"file_path": "calc.py", "old_text": old, "new_text": new})


def shell(command: str) -> Call:
    return Call("shell", {"command": command})


def test_an_edit_is_a_diff_before_the_file_changes_and_once_is_once(
    desk: Desk, model: ModelServer
) -> None:
    """Lines have numbers; after y the same call is asked about again."""
    path = desk.folder / "calc.py"
    path.write_text(CODE)
    model.answer(edit("a + b", "a + b + 0"))
    model.answer("It is changed.")
    model.answer(edit("a + b", "a + b"))
    model.answer("Refused.")
    window = desk.open()
    window.type("change it")
    lines = window.until("y once")
    assert any("-" in line and "2" in line and "return a + b" in line for line in lines)
    assert any("+" in line and "return a + b + 0" in line for line in lines)
    assert path.read_text() == CODE
    window.keys("y")
    window.until("It is changed.")
    assert path.read_text() == CODE.replace("a + b", "a + b + 0")
    window.type("change it")
    window.until("y once")
    window.keys("Escape")
    window.until("Refused.")
    assert len(model.requests) == 4


def test_a_new_file_is_marked_and_a_binary_one_is_said(desk: Desk, model: ModelServer) -> None:
    (desk.folder / "old.bin").write_bytes(bytes(range(256)))
    model.answer(Call("write_file", {"file_path": "new.py", "content": "print('new')\n"}))
    model.answer(Call("write_file", {"file_path": "old.bin", "content": "now text\n"}))
    model.answer("Fin.")
    window = desk.open()
    window.type("write them")
    lines = window.until("y once")
    assert any("new file" in line for line in lines)
    assert any("+" in line and "print('new')" in line for line in lines)
    assert not (desk.folder / "new.py").exists()
    window.keys("y")
    window.until("old.bin")
    assert any("binary" in line.lower() for line in window.until("y once"))
    window.keys("Escape")
    window.until("Fin.")
    assert (desk.folder / "new.py").read_text() == "print('new')\n"
    assert (desk.folder / "old.bin").read_bytes() == bytes(range(256))


def test_the_rule_is_shown_holds_after_a_restart_and_can_be_revoked(
    desk: Desk, model: ModelServer
) -> None:
    """p remembers what it said it would, in this project alone; /permissions takes it back."""
    for _ in range(4):
        model.answer(shell("touch made.txt"))
        model.answer("Fin.")
    window = desk.open()
    window.type("first")
    lines = window.until("p always in this project")
    assert any("s and p remember: this very call" in line for line in lines)
    window.keys("p")
    window.until("Fin.")
    window.until("allowed")
    window.keys("C-q")
    window.until("END=0")
    (desk.folder / "made.txt").unlink()

    again = desk.open()
    again.type("second")
    again.until("Fin.")
    assert (desk.folder / "made.txt").exists()
    other = desk.folder.with_name("other")
    other.mkdir()
    elsewhere = desk.open(folder=other)
    elsewhere.type("third")
    elsewhere.until("y once")
    elsewhere.keys("Escape")
    elsewhere.until("Fin.")
    assert not (other / "made.txt").exists()

    again.type("/permissions")
    again.until("allow this very call")
    again.keys("d")
    again.until("nothing: what may change something is asked about")
    again.keys("Escape")
    again.until_gone("Decided here")
    again.type("fourth")
    again.until("y once")


def test_a_rule_for_the_session_ends_with_it(desk: Desk, model: ModelServer) -> None:
    for _ in range(3):
        model.answer(shell("touch made.txt"))
        model.answer("Fin.")
    window = desk.open()
    window.type("first")
    window.until("s this session")
    window.keys("s")
    window.until("Fin.")
    window.type("second")
    window.until("Fin.", 2)
    window.type("/new")
    window.type("third")
    window.until("y once")


def test_a_refusal_runs_nothing_and_the_model_hears_the_reason(
    desk: Desk, model: ModelServer
) -> None:
    model.answer(shell("touch made.txt"))
    model.answer("I will.")
    window = desk.open()
    window.type("do it")
    window.until("y once")
    window.keys("n")
    window.until("the reason")
    window.type("use make instead")
    window.until("I will.")
    assert not (desk.folder / "made.txt").exists()
    assert "use make instead" in model.asked()


def test_what_is_typed_when_a_question_comes_answers_nothing(
    desk: Desk, model: ModelServer
) -> None:
    """The text stays in the composer; once it is gone and the keys are quiet, a key answers."""
    gate = model.gate()
    model.answer(gate, shell("touch made.txt"))
    model.answer("Fin.")
    window = desk.open()
    window.type("do it")
    window.until("Esc stops")
    window.keys(*"yes please")
    window.until("yes please")
    gate.set()
    window.until("Tab to answer")
    window.keys(*"yyyy")
    lines = window.until("yes pleaseyyyy")
    assert any("Tab to answer" in line for line in lines)
    assert not (desk.folder / "made.txt").exists() and len(model.requests) == 1
    window.keys("C-u")
    window.until("y once")
    assert not (desk.folder / "made.txt").exists()
    window.keys("Enter")
    window.keys("y")
    window.until("Fin.")
    assert (desk.folder / "made.txt").exists()


def test_plan_mode_refuses_what_changes_something(desk: Desk, model: ModelServer) -> None:
    model.answer(shell("touch made.txt"))
    model.answer("I only plan.")
    window = desk.open()
    window.keys("BTab")  # at once: it counts when all is there
    window.until("PLAN")
    window.type("do it")
    lines = window.until("I only plan.")
    assert any("failed" in line for line in lines)
    assert not (desk.folder / "made.txt").exists() and "plan" in model.asked().lower()


def test_a_question_rings_once_when_the_window_has_no_focus(desk: Desk, model: ModelServer) -> None:
    """The terminal tells of the focus; with it nothing rings."""
    model.answer(shell("touch one"))
    model.answer("Fin.")
    gate = model.gate()
    model.answer(gate, shell("touch two"))
    model.answer("Done.")
    window = desk.open()
    bells = desk.axio.home / "bells"
    window("set-option", "-g", "bell-action", "any")
    window("set-hook", "-g", "alert-bell", f"run-shell 'echo bell >> {bells}'")
    window.type("with focus")
    window.until("y once")
    assert not bells.exists()
    window.keys("y")
    window.until("Fin.")
    window.type("without")
    window.until("Esc stops")
    window.keys("-H", "1b", "5b", "4f")  # the window has lost the focus
    gate.set()
    window.until("touch two")
    desk.until(bells.exists, "no bell rang")
    window.keys("-H", "1b", "5b", "49")
    window.until("y once")
    assert bells.read_text() == "bell\n"


def test_several_questions_come_one_after_the_other(desk: Desk, model: ModelServer) -> None:
    """In the order of the calls, with a count of the rest; Esc refuses the one that is shown."""
    model.answer(shell("touch one"), shell("touch two"))
    model.answer("Fin.")
    window = desk.open()
    window.type("both")
    window.until("1 more")
    lines = window.until("y once")
    text = "\n".join(lines)
    assert "$ touch one" in text and "$ touch two" not in text and "1 more" in text
    window.keys("Escape")
    window.until("$ touch two")
    window.until("y once")
    window.keys("y")
    window.until("Fin.")
    assert not (desk.folder / "one").exists() and (desk.folder / "two").exists()
