"""`axio run` on a terminal: prompts, questions, Ctrl-C and end of input."""

from __future__ import annotations

import json
import re
import signal
import time
from typing import Any

import pytest

SCRIPTED = ("run", "--transport", "scripted", "--tools", "acme_look,acme_change,acme_child")
CALL = ["acme_change", {"path": "made"}]
CHANGE = [[CALL], ["Fin."]]
QUESTION = "Run it? [yes / session / project / no REASON / never] "


def test_it_asks_for_prompts_in_one_conversation_until_end_of_input(terminal: Any) -> None:
    tty = terminal("run", "--transport", "prompts", "--tools", "none", "--system", "")
    for prompt, known in (("one", ["one"]), ("two", ["one", json.dumps([["one"], [], ""]), "two"])):
        tty.until("you: ")
        tty.send(f"{prompt}\n")
        assert json.dumps([known, [], ""]) in tty.until("-- 10 tokens in")
    tty.until("you: ")
    for nothing in ("\n", "  \n"):
        tty.send(nothing)
        tty.until("you: ")
    tty.send("\x04")
    code, rest = tty.end()
    assert code == 0 and "tokens" not in rest


def test_lines_typed_ahead_are_answered_one_after_the_other(terminal: Any) -> None:
    tty = terminal("run", "--transport", "prompts", "--tools", "none", "--system", "")
    tty.send("one\ntwö\n\x04")  # before it has even started
    assert json.dumps([["one"], [], ""]) in tty.until("you: twö")
    code, rest = tty.end()
    assert code == 0 and rest.count(" tokens in") == 1


def test_what_is_typed_may_be_any_script(terminal: Any) -> None:
    tty = terminal("run", "--transport", "prompts", "--tools", "none", "--system", "")
    tty.until("you: ")
    tty.send("grüß\n")
    assert json.dumps([["grüß"], [], ""]) in tty.until("-- 10 tokens in")


def test_prompts_do_not_get_into_json(axio: Any, terminal: Any) -> None:
    with open(axio.home / "out", "wb") as out:
        tty = terminal(*SCRIPTED, "--json", script=[["Hello"]], stdout=out)
        for _ in range(2):
            tty.until("> ")
            tty.send("hi\n")
        tty.until("> ")
        tty.send(b"caf\xe9\n")
        tty.until("axio: the prompt is not UTF-8")
        tty.until("> ")
        tty.send("\x04")
        assert tty.end()[0] == 0
    lines = (axio.home / "out").read_text().splitlines()
    kinds = [json.loads(line)["type"] for line in lines]
    assert kinds == ["text_delta", "iteration_end", "session_end"] * 2


def test_the_model_gets_ready_while_the_first_prompt_is_typed(axio: Any, terminal: Any) -> None:
    tty = terminal("run", "--transport", "warming", "--tools", "acme_look", "--system", "")
    tty.until("you: ")
    ready = axio.home / "warm"
    while not (ready.exists() and ready.read_text() == "acme_look"):
        assert tty.process.poll() is None
        time.sleep(0.02)
    tty.send("one\n")
    tty.until(json.dumps([["one"], ["acme_look"], ""]))
    tty.until("you: ")
    tty.send("\x04")
    code, rest = tty.end()
    assert code == 0 and "never mind" not in rest


def test_a_long_silence_is_explained_on_a_terminal(axio: Any, terminal: Any) -> None:
    script = [[3.5, "Hello"]]
    tty = terminal(*SCRIPTED, "hi", script=script)
    assert tty.until("Hello") == "axio: waiting for scripted\nHello"
    assert not axio(*SCRIPTED, "hi", script=script).err


def test_ctrl_c_at_the_prompt_ends_it_with_130(terminal: Any) -> None:
    tty = terminal(*SCRIPTED, script=[["Hello"]])
    tty.until("you: ")
    assert not tty.has_line_mode()  # a line editor is at work
    tty.send("half a prom\x03")
    code, rest = tty.end()
    assert code == 130 and "Traceback" not in rest
    assert tty.has_line_mode()


def test_ctrl_c_stops_the_answer_and_keeps_it_and_a_second_one_leaves(terminal: Any) -> None:
    tty = terminal(*SCRIPTED, script=[["Hello", 60], ["Again."]])
    tty.until("you: ")
    tty.send("hi\n")
    tty.until("axio: ")
    tty.send("\x03")
    assert "Hello\naxio: (stopped)\n" in tty.until("you: ")
    tty.send("hi\n")
    tty.until("Again.")
    tty.until("you: ")
    tty.send("\x03")
    code, rest = tty.end()
    assert code == 130 and "interrupted" in rest and "Traceback" not in rest


def test_a_second_ctrl_c_does_not_wait_for_what_cannot_be_stopped(terminal: Any) -> None:
    tty = terminal("run", "--transport", "scripted", script=[[["acme_block", {}]]])
    tty.until("you: ")
    tty.send("hi\n")
    tty.until("tool: acme_block()")
    while tty.process.poll() is None:  # the first one waits in vain
        tty.send("\x03")
        time.sleep(0.3)
    assert tty.end()[0] == 130
    assert tty.has_line_mode()


def test_a_failed_run_is_not_the_end_of_the_conversation(terminal: Any) -> None:
    script = [[{"raise": "runtime", "text": "fell over"}], ["Better."]]
    tty = terminal(*SCRIPTED, script=script)
    for seen in ("axio: error: RuntimeError: fell over\n", "Better."):
        tty.until("you: ")
        tty.send("hi\n")
        tty.until(seen)
    tty.until("you: ")
    tty.send("\x04")
    assert tty.end()[0] == 0


@pytest.mark.parametrize(
    ("answer", "done"),
    [("y", True), ("YES ", True), ("", False), ("n", False), ("no", False), ("yeah sure", False)],
)
def test_a_change_is_shown_and_made_only_after_a_yes(
    axio: Any, terminal: Any, answer: str, done: bool
) -> None:
    tty = terminal(*SCRIPTED, "change it", script=CHANGE)
    asked = tty.until(QUESTION)
    assert asked.count('acme_change(path="made")') == 2  # as it came, and to be decided about
    assert not (axio.home / "made").exists()
    tty.send(f"{answer}\n")
    code, rest = tty.end()
    assert code == 0 and "Fin." in rest
    assert (axio.home / "made").exists() is done
    assert ("refused" in rest) is not done


def test_end_of_input_is_a_no(axio: Any, terminal: Any) -> None:
    tty = terminal(*SCRIPTED, "change it", script=CHANGE)
    tty.until(QUESTION)
    tty.send("\x04")
    code, rest = tty.end()
    assert code == 0 and "refused" in rest and not (axio.home / "made").exists()


def test_what_was_typed_before_the_question_is_no_answer(axio: Any, terminal: Any) -> None:
    script = [["thinking", {"file": "go"}, CALL], ["Fin."]]
    tty = terminal(*SCRIPTED, "change it", script=script)
    tty.until("thinking")
    tty.send("y\n")
    (axio.home / "go").touch()
    tty.until("typed before the question, not used: y\n")
    tty.until(QUESTION)
    tty.send("\n")
    assert "refused" in tty.end()[1]
    assert not (axio.home / "made").exists()


def test_several_changes_are_asked_about_one_after_the_other(axio: Any, terminal: Any) -> None:
    calls = [["acme_change", {"path": name}] for name in ("a", "b", "c")]
    tty = terminal(*SCRIPTED, "change them", script=[calls, ["Fin."]])
    for answer in ("y", "n", "y"):
        path = re.findall(r'path="(.)"', tty.until(QUESTION))[-1]
        tty.send(f"{answer}\n")
        if answer == "n":
            refused = path
    assert tty.end()[0] == 0
    assert {file.name for file in axio.home.iterdir()} == {"a", "b", "c"} - {refused}


def test_nothing_is_printed_into_a_question(axio: Any, terminal: Any) -> None:
    script = [[["acme_ticks", {}], CALL], ["Fin."]]
    tty = terminal("run", "--transport", "scripted", "change it", script=script)
    tty.until(QUESTION)
    assert tty.silent(0.5)
    tty.send("y\n")
    assert tty.until("Fin.").count("tick\n") == 20
    assert tty.end()[0] == 0 and (axio.home / "made").exists()


def test_ctrl_c_at_a_question_ends_it_without_a_change(axio: Any, terminal: Any) -> None:
    tty = terminal(*SCRIPTED, "change it", script=CHANGE)
    tty.until(QUESTION)
    tty.send("\x03")
    code, rest = tty.end(2)
    assert code == 130 and "Traceback" not in rest and not (axio.home / "made").exists()


def test_a_question_shows_hidden_characters_and_cuts_nothing(terminal: Any) -> None:
    path = "a" * 1000 + "\u202e\x1b[8m; rm"
    tty = terminal(*SCRIPTED, "change it", script=[[["acme_change", {"path": path}]], ["Fin."]])
    asked = tty.until(QUESTION)
    assert "a" * 1000 + r"\u202e\u001b[8m; rm" in asked
    assert "\x1b[8m" not in asked and "\u202e" not in asked
    tty.send("n\n")
    assert tty.end()[0] == 0


def test_yes_asks_nothing(axio: Any, terminal: Any) -> None:
    tty = terminal(*SCRIPTED, "--yes", "change it", script=CHANGE)
    code, rest = tty.end()
    assert code == 0 and "Run it?" not in rest and (axio.home / "made").exists()


def test_without_a_terminal_a_change_is_refused(axio: Any) -> None:
    done = axio(*SCRIPTED, "change it", script=CHANGE, input=b"y\n")
    assert done.code == 0 and not (axio.home / "made").exists()
    assert "  ! GuardError: denied: not run: " in done.out and "--yes" in done.out
    done = axio(*SCRIPTED, "--yes", "change it", script=CHANGE)
    assert done.code == 0 and (axio.home / "made").exists()


def test_a_question_does_not_get_into_the_output_of_a_pipe(axio: Any, terminal: Any) -> None:
    with open(axio.home / "out", "wb") as out:
        tty = terminal(*SCRIPTED, "--json", "change it", script=CHANGE, stdout=out)
        tty.until(QUESTION)
        tty.send("y\n")
        assert tty.end()[0] == 0
    lines = (axio.home / "out").read_text().splitlines()
    assert [json.loads(line)["type"] for line in lines][-1] == "session_end"
    assert (axio.home / "made").exists()


def test_where_a_question_cannot_be_seen_the_answer_is_no(axio: Any, terminal: Any) -> None:
    with open(axio.home / "out", "wb") as out:
        tty = terminal(*SCRIPTED, "change it", script=CHANGE, stdout=out, stderr=out)
        assert tty.end()[0] == 0
    assert "not run: " in (axio.home / "out").read_text() and not (axio.home / "made").exists()


def test_colour_is_for_terminals_that_want_it(terminal: Any) -> None:
    script = [[["acme_look", {}]], ["Fin."]]
    coloured = terminal(*SCRIPTED, "hi", script=script, env={"TERM": "xterm"}).end()[1]
    assert "\x1b[1m-> acme_look\x1b[0m" in coloured and "\x1b[2J" not in coloured
    for env in ({"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}, {}):
        assert "\x1b" not in terminal(*SCRIPTED, "hi", script=script, env=env).end()[1]


def test_a_terminal_that_goes_away_leaves_no_process(axio: Any, terminal: Any) -> None:
    tty = terminal(*SCRIPTED, "wait", script=[[["acme_child", {}]]])
    child = axio.home / "child"
    while not (child.exists() and child.read_text()):
        time.sleep(0.02)
    tty.close()  # the kernel sends SIGHUP
    assert tty.process.wait(25) == 128 + signal.SIGHUP
    pid = child.read_text()
    with pytest.raises(FileNotFoundError):
        open(f"/proc/{pid}/stat").close()
