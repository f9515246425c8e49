"""Writing while it works: what waits, what is steered, and what is stopped."""

from __future__ import annotations

import os
import signal

import pytest

from support.desk import Desk
from support.model_server import Call, ModelServer

pytestmark = pytest.mark.timeout(180)  # many starts of the command, on a busy machine


def test_a_prompt_that_waits_is_shown_and_sent_when_the_turn_ends(
    desk: Desk, model: ModelServer
) -> None:
    gate = model.gate()
    model.answer("The beginning", gate, " and the end.")
    model.answer("The second.")
    window = desk.open()
    window.type("first")
    window.until("The beginning")
    window.type("and this one")
    window.until("next: and this one")
    assert len(model.requests) == 1
    gate.set()
    window.until("The second.")
    assert "and this one" in model.asked() and "The beginning and the end." in model.asked()
    assert not any("next:" in line for line in window.shown())


def test_what_is_steered_is_in_the_next_request_of_the_same_run(
    desk: Desk, model: ModelServer
) -> None:
    model.answer("I look. ", Call("shell", {"command": "until [ -e go ]; do sleep 0.05; done"}))
    model.answer("All is done.")
    window = desk.open("--yes")
    window.type("do it")
    window.until("running")
    window.keys(*"and docs", "C-s")
    window.until("steers: and docs")
    (desk.folder / "go").touch()
    window.until("All is done.")
    assert len(model.requests) == 2 and "and docs" in model.asked()


def test_escape_keeps_the_text_and_parks_what_waits(desk: Desk, model: ModelServer) -> None:
    """Up takes the parked prompt back to be edited, Enter on an empty line sends it."""
    gate = model.gate()
    model.answer("The beginning of it", gate)
    model.answer("The second.")
    window = desk.open()
    window.type("first")
    window.until("The beginning of it")
    window.type("second")
    window.until("next: second")
    window.keys("Escape")
    window.until("Stopped.")
    lines = window.until("parked: second")
    assert any("The beginning of it" in line for line in lines) and len(model.requests) == 1
    window.keys("Up")
    window.until_gone("parked")
    window.keys(*" edited", "C-s", "C-s")
    window.until("The second.")
    assert "second edited" in model.asked() and len(model.requests) == 2

    gate = model.gate()
    model.answer("Again", gate)
    model.answer("The fourth.")
    window.type("third")
    window.until("Again")
    window.type("fourth")
    window.until("next: fourth")
    window.keys("Escape")
    window.until("parked: fourth")
    window.keys("Enter")
    window.until("The fourth.")
    assert "fourth" in model.asked() and "The beginning of it" in model.asked()


def test_escape_ends_a_command_that_runs(desk: Desk, model: ModelServer) -> None:
    """None of its processes is left, and the history goes on."""
    model.answer(Call("shell", {"command": "echo $$ > pid; exec sleep 60", "timeout": 100}))
    model.answer("It goes on.")
    window = desk.open("--yes")
    window.type("wait")
    window.until("running")
    desk.until((desk.folder / "pid").exists)
    desk.until((desk.folder / "pid").read_text)
    window.keys("Escape")
    window.until("Stopped.")
    desk.until(lambda: not _is_alive(int((desk.folder / "pid").read_text())))
    window.type("go on")
    window.until("It goes on.")
    messages = model.requests[-1]["messages"]
    assert [message["role"] for message in messages if message["role"] == "tool"] == ["tool"]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_two_prompts_that_wait_survive_a_kill(desk: Desk, model: ModelServer) -> None:
    """They are parked when the conversation goes on, and the history is whole."""
    gate = model.gate()
    model.answer("The beginning", gate)
    window = desk.open()
    window.type("first")
    window.until("The beginning")
    window.type("second")
    window.until("next: second")
    window.type("third")
    window.until("next: third")
    os.kill(desk.pid(window), signal.SIGKILL)
    window.until("END=137")
    model.answer("The second.")
    model.answer("The third.")
    again = desk.open("-c")
    again.until("parked: second")
    again.until("parked: third")
    again.until("the program ended in the middle")
    assert len(model.requests) == 1
    again.keys("Enter")
    again.until("The third.")
    roles = [message["role"] for message in model.requests[-1]["messages"]]
    assert roles.count("user") == 3 and "first" in model.asked()


def test_a_command_of_the_person_is_stopped_too(desk: Desk, model: ModelServer) -> None:
    window = desk.open()
    window.type("!echo $$ > pid; exec sleep 60")
    window.until("Esc stops it")
    desk.until((desk.folder / "pid").exists)
    desk.until((desk.folder / "pid").read_text)
    window.keys("Escape")
    window.until("stopped: $ echo")
    assert not _is_alive(int((desk.folder / "pid").read_text())) and not model.requests
