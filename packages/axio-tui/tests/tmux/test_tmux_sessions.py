"""Conversations in a terminal: their models, their list, who has them, and going back in them."""

from __future__ import annotations

import pytest

from support.desk import Desk
from support.model_server import Call, ModelServer
from support.tmux import Window

pytestmark = pytest.mark.timeout(180)  # many starts of the command, on a busy machine


def said(desk: Desk, model: ModelServer, *prompts: str) -> Window:
    """A window in which these prompts have been answered: with "Answer to" and the prompt."""
    window = desk.open()
    for prompt in prompts:
        model.answer(f"Answer to {prompt}.")
        window.type(prompt)
        window.until(f"Answer to {prompt}.")
    return window


def leave(window: Window) -> None:
    window.keys("C-q")
    window.until("END=0")


def test_the_model_is_changed_in_mid_conversation(desk: Desk, model: ModelServer) -> None:
    """The list shows context and price; the next turn goes to the other provider."""
    window = said(desk, model, "one")
    window.type("/model")
    window.until("Model for the conversation")
    window.keys(*"gpt-4.1-mini")
    window.until("> openai:gpt-4.1-mini")
    window.until("$")
    window.keys("Enter")
    window.until_gone("Model for the conversation")
    model.answer("From the other.")
    window.type("two")
    window.until("From the other.")
    assert model.requests[-1]["model"] == "gpt-4.1-mini" and "Answer to one." in model.asked()
    window.until("gpt-4.1-mini")


def test_conversations_are_searched_renamed_and_resumed_by_name(
    desk: Desk, model: ModelServer
) -> None:
    leave(said(desk, model, "about apples"))
    leave(said(desk, model, "about pears"))
    window = desk.open()
    window.type("/resume")
    window.until("about pears")
    window.keys(*"apples")
    window.until_gone("about pears")
    window.keys("F2")
    window.until("the new name")
    window.keys(*" of autumn")
    window.until("about apples of autumn")
    window.keys("Enter")
    window.until("about pears")
    window.until("about apples of autumn")
    window.keys(*"autumn")
    window.until("> about apples of autumn")
    window.until_gone("about pears")
    window.keys("Enter")
    window.until("Answer to about apples.")
    leave(window)
    again = desk.open("--resume", "about apples of autumn")
    again.until("Answer to about apples.")


def test_a_conversation_that_is_open_elsewhere_is_asked_about(
    desk: Desk, model: ModelServer
) -> None:
    """Taken over, the first program can write no more."""
    first = said(desk, model, "one")
    second = desk.open("-c", wait="take it over")
    second.keys("t")
    second.until("Answer to one.")
    model.answer("To the second.")
    second.type("two")
    second.until("To the second.")
    first.type("three")
    first.until("taken over")
    leave(second)
    third = desk.open("-c")
    lines = third.until("To the second.")
    assert not any("three" in line for line in lines)


def test_a_prompt_is_gone_back_to_after_a_restart(desk: Desk, model: ModelServer) -> None:
    """Files of the agent are as they were; one that the person has changed is named and left."""
    for name in ("made.txt", "mine.txt"):
        model.answer(Call("write_file", {"file_path": name, "content": "by the agent\n"}))
        model.answer(f"{name} is there.")
    window = desk.open("--mode", "accept-edits")
    for name in ("made.txt", "mine.txt"):
        window.type(f"make {name}")
        window.until(f"{name} is there.")
    leave(window)
    (desk.folder / "mine.txt").write_text("by the person\n")

    again = desk.open("-c")
    again.until("mine.txt is there.")
    again.keys("Escape")
    again.keys("Escape")
    again.until("Go back to before which prompt")
    again.keys("Down", "Enter")
    again.until("both")
    again.keys("b")
    again.until("mine.txt")
    again.until_gone("made.txt is there.")
    desk.until(lambda: not (desk.folder / "made.txt").exists())
    assert (desk.folder / "mine.txt").read_text() == "by the person\n"
    model.answer("From the start.")
    again.keys("C-u")
    again.type("anew")
    again.until("From the start.")
    assert "make made.txt" not in model.asked()


def test_the_meter_warns_in_words(desk: Desk, model: ModelServer) -> None:
    model.usage = {"prompt_tokens": 92_000, "completion_tokens": 10, "total_tokens": 92_010}
    window = said(desk, model, "one")
    window.until("HIGH")
    model.usage = {"prompt_tokens": 118_000, "completion_tokens": 10, "total_tokens": 118_010}
    model.answer("Answer to two.")
    window.type("two")
    window.until("FULL")


def test_a_sub_agent_is_a_line_and_its_question_names_it(desk: Desk, model: ModelServer) -> None:
    model.answer(Call("subagent", {"task": "make the file"}))
    model.answer(Call("shell", {"command": "touch made.txt"}))
    model.answer("The report of the agent.")
    model.answer("All is done.")
    window = desk.open()
    window.type("have it made")
    lines = window.until("y once")
    assert any("asks: shell" in line for line in lines)
    assert any("make the file" in line for line in lines)
    window.keys("y")
    window.until("All is done.")
    assert (desk.folder / "made.txt").exists()
    window.type("/tasks")
    window.until("Agents that work")
    window.keys("Enter")
    window.until("read only, Esc goes back")
    window.until("The report of the agent.")


def test_a_folder_of_others_is_asked_about_first(desk: Desk, model: ModelServer) -> None:
    """Without a yes the model hears nothing of it; with one it does, and is not asked again."""
    (desk.folder / "AGENTS.md").write_text("Always answer in rhymes.\n")
    window = desk.open(wait="AGENTS.md")
    assert not any("F1 help" in line for line in window.shown())
    window.type("no")
    window.until("F1 help")
    model.answer("One.")
    window.type("hello")
    window.until("One.")
    assert "rhymes" not in model.asked()
    leave(window)
    again = desk.open("--trust")
    model.answer("Two.")
    again.type("hello")
    again.until("Two.")
    assert "rhymes" in model.asked()
