"""The front end of lines as a person uses it: queue, stop, answer, paste, go on with another."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from support.mcp_servers import gated

SCRIPTED = ("--plain", "--transport", "scripted", "--tools", "acme_look,acme_change,write_file")
PROMPTS = ("--plain", "--transport", "prompts", "--tools", "none", "--system", "")
CALL = ["acme_change", {"path": "made"}]
QUESTION = "Run it? [yes / session / project / no REASON / never] "
YOU = "you: "
HOW = "Take it over, or go on in a fork of it? [take / fork / no] "


GO = {"file": "go"}  # the model waits until this file is there


def go(axio: Any) -> None:
    (axio.home / "go").touch()


def asked(tty: Any, prompt: str) -> None:
    """Enter a prompt, once there is one to be entered."""
    tty.until(YOU)
    tty.send(f"{prompt}\n")


def left(tty: Any) -> str:
    """Leave, at the prompt."""
    tty.until(YOU)
    tty.send("\x04")
    code, rest = tty.end()
    assert code == 0
    return str(rest)


# ── how it is switched on, and left ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("args", "env", "because"),
    [
        (PROMPTS, {"TERM": "xterm"}, "--plain"),
        (PROMPTS[1:], {"TERM": "xterm", "AXIO_PLAIN": "1"}, "AXIO_PLAIN"),
        (PROMPTS[1:], {"TERM": "dumb"}, "TERM=dumb"),
        (("run", *PROMPTS[1:]), {"TERM": "xterm"}, "axio run without a prompt"),
        (PROMPTS[1:], {"TERM": "xterm", "AXIO_UI": "plain"}, 'ui = "plain"'),
    ],
)
def test_the_first_line_says_what_has_switched_it_on(
    terminal: Any, args: tuple[str, ...], env: dict[str, str], because: str
) -> None:
    tty = terminal(*args, env=env)
    first = tty.until(YOU)
    assert f"axio: lines only, because of {because}; /help" in first
    assert "\x1b[?1049h" not in first, "no other screen"
    tty.send("exit\n")
    assert tty.end()[0] == 0 and tty.has_line_mode()


def test_it_works_where_only_ascii_is_known(terminal: Any) -> None:
    tty = terminal(*SCRIPTED, script=[["naïve ✓"]], env={"LC_ALL": "C", "PYTHONUTF8": "0"})
    asked(tty, "hi")
    assert "axio: na" in tty.until("tokens in")
    left(tty)


# ── what is typed while it works ──────────────────────────────────────────────────────────────


def test_prompts_are_queued_shown_and_sent_when_the_answer_is_there(
    axio: Any, terminal: Any
) -> None:
    tty = terminal(*SCRIPTED, script=[["One.\n", GO, "End."], ["Two."], ["Three."]])
    asked(tty, "first")
    tty.until("One.")
    tty.send("second\n")
    tty.until("queued: second\n")
    tty.send("third\n")
    tty.until("queued: third\n")
    go(axio)
    seen = tty.until("Three.")
    assert seen.index("you: second") < seen.index("Two.") < seen.index("you: third")
    left(tty)


def test_a_stop_parks_them_and_enter_sends_them(terminal: Any) -> None:
    tty = terminal(*SCRIPTED, script=[["One.\n", 60], ["Two."]])
    asked(tty, "first")
    tty.until("One.")
    tty.send("second\n")
    tty.until("queued: second\n")
    tty.send("\x03")
    assert "axio: (stopped)\n" in tty.until("parked: second\n")
    asked(tty, "")
    assert "you: second" in tty.until("Two.")
    left(tty)


def test_one_that_is_parked_is_taken_back_to_be_edited(terminal: Any) -> None:
    tty = terminal(*SCRIPTED, script=[["One.\n", 60], ["Two."]])
    asked(tty, "first")
    tty.until("One.")
    tty.send("second\n")
    tty.until("queued: second\n")
    tty.send("\x03")
    asked(tty, "/back")
    tty.until("Taken back.")
    tty.until("you: second")
    tty.send(" thing\n")
    tty.until("Two.")
    tty.until(YOU)
    tty.send("/rewind\n")
    assert "second thing" in tty.until("/rewind N")
    left(tty)


def test_commands_that_may_be_given_at_any_time_are_done_at_once(terminal: Any) -> None:
    tty = terminal(*SCRIPTED, script=[["One.\n", 60]])
    asked(tty, "first")
    tty.until("One.")
    tty.send("/mode plan\n")
    tty.until("The mode is plan.")
    tty.send("/new\n")
    tty.until("/new has to wait")
    tty.send("\x03")
    left(tty)


def test_a_limit_holds_for_one_prompt_and_the_conversation_goes_on(terminal: Any) -> None:
    tty = terminal(*SCRIPTED, "--time-limit", "3", script=[["One.\n", 60], ["Two."]])
    asked(tty, "first")
    tty.until("axio: error: the run took too long")
    asked(tty, "second")
    tty.until("Two.")
    left(tty)


def test_leaving_waits_for_the_answer(axio: Any, terminal: Any) -> None:
    tty = terminal(*SCRIPTED, script=[["One.\n", GO, "End."]])
    asked(tty, "first")
    tty.until("One.")
    tty.send("\x04")
    tty.until("leaving when this is done")
    go(axio)
    code, rest = tty.end()
    assert code == 0 and "End." in rest


# ── pastes ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("term", "paste"),
    [
        ("xterm", "\x1b[200~one\rtwo\r\rfour\x1b[201~\r"),
        ("dumb", "one\ntwo\n\nfour\n"),  # no brackets: what comes at once belongs together
    ],
)
def test_several_pasted_lines_are_one_prompt(terminal: Any, term: str, paste: str) -> None:
    tty = terminal(*PROMPTS, env={"TERM": term})
    tty.until(YOU)
    tty.send(paste)
    tty.until(json.dumps([["one\ntwo\n\nfour"], [], ""]))
    left(tty)


def test_lines_pasted_while_it_works_are_one_prompt(axio: Any, terminal: Any) -> None:
    tty = terminal(*SCRIPTED, script=[["One.\n", GO], ["Two."]])
    asked(tty, "first")
    tty.until("One.")
    tty.send("a\nb\n")
    tty.until("queued: a\nb\n")
    go(axio)
    tty.until("you: a\nb\n")
    left(tty)


# ── questions ─────────────────────────────────────────────────────────────────────────────────


def test_a_call_is_told_once_with_the_question_right_below(axio: Any, terminal: Any) -> None:
    tty = terminal(*SCRIPTED, script=[[CALL], ["Fin."]])
    asked(tty, "change it")
    question = tty.until(QUESTION)
    assert question.count('acme_change(path="made")') == 1
    assert f"It works on: {axio.home}/made\n" in question
    assert "It is asked about because " in question
    assert "session or project allows from now on: " in question
    tty.send("yes\n")
    tty.until("Fin.")
    assert (axio.home / "made").exists()
    left(tty)


def test_what_was_typed_before_a_question_is_no_answer_and_not_lost(
    axio: Any, terminal: Any
) -> None:
    tty = terminal(*SCRIPTED, script=[["Now.\n", GO, CALL], ["Fin."], ["Next."]])
    asked(tty, "change it")
    tty.until("Now.")
    tty.send("yes\nand the")
    tty.until("queued: yes\n")
    go(axio)
    seen = tty.until(QUESTION)
    assert "Typed before the question, and kept: and the\n" in seen
    assert not (axio.home / "made").exists()
    tty.send("no, not yet\n")
    assert "the person refused and said: no, not yet" in tty.until("Fin.")
    assert not (axio.home / "made").exists()
    tty.until("you: yes\n")
    tty.until("Next.")
    tty.until("you: and the")
    tty.send(" rest\n")
    tty.until("Next.")
    left(tty)


def test_several_lines_at_once_are_no_answer(axio: Any, terminal: Any) -> None:
    tty = terminal(*SCRIPTED, script=[[CALL], ["Fin."], ["Next."]])
    asked(tty, "change it")
    tty.until(QUESTION)
    tty.send("yes\nand more\n")
    tty.until("Several lines at once are no answer")
    tty.until(QUESTION)
    assert not (axio.home / "made").exists()
    tty.send("yes\n")
    tty.until("Fin.")
    tty.until("you: yes\nand more\n")
    left(tty)


def test_ctrl_c_at_a_question_stops_the_turn_and_nothing_runs(axio: Any, terminal: Any) -> None:
    tty = terminal(*SCRIPTED, script=[["I do.", CALL], ["Fin."]])
    asked(tty, "change it")
    tty.until(QUESTION)
    tty.send("\x03")
    assert "axio: (stopped)\n" in tty.until(YOU)
    tty.send("again\n")
    tty.until("Fin.")
    left(tty)
    assert not (axio.home / "made").exists()


def test_a_file_that_was_changed_meanwhile_is_not_written(axio: Any, terminal: Any) -> None:
    file = axio.home / "a.txt"
    file.write_text("old\n")
    write = ["write_file", {"file_path": "a.txt", "content": "new\n"}]
    tty = terminal(*SCRIPTED, script=[[write], ["Fin."]])
    asked(tty, "change it")
    question = tty.until(QUESTION)
    assert "-old\n+new\n" in question
    file.write_text("mine\n")
    tty.send("yes\n")
    assert "  ! " in tty.until("Fin.")
    assert file.read_text() == "mine\n"
    left(tty)


def test_a_link_that_was_put_in_its_place_meanwhile_is_not_followed(
    axio: Any, terminal: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other") / "secret"
    other.write_text("mine\n")
    write = ["write_file", {"file_path": "a.txt", "content": "new\n"}]
    tty = terminal(*SCRIPTED, script=[[write], ["Fin."]])
    asked(tty, "change it")
    tty.until(QUESTION)
    (axio.home / "a.txt").symlink_to(other)
    tty.send("yes\n")
    assert "  ! " in tty.until("Fin.")
    assert other.read_text() == "mine\n"
    left(tty)


def test_a_decision_for_the_project_holds_in_the_next_program(axio: Any, terminal: Any) -> None:
    for answer in ("project", None):
        tty = terminal(*SCRIPTED, script=[[CALL], ["Fin."]])
        asked(tty, "change it")
        if answer:
            tty.until(QUESTION)
            tty.send(f"{answer}\n")
        assert QUESTION not in tty.until("Fin.")
        if not answer:
            asked(tty, "/permissions")
            tty.until("  1  allow ")
            asked(tty, "/permissions revoke 1")
            tty.until("Taken back: allow")
        left(tty)
    tty = terminal(*SCRIPTED, script=[[CALL], ["Fin."]])
    asked(tty, "change it")
    tty.until(QUESTION)
    tty.send("\x03")
    left(tty)


def test_a_compound_command_is_offered_no_more_than_itself(terminal: Any) -> None:
    command = ["shell", {"command": "touch made; rm -rf build"}]
    tty = terminal(*SCRIPTED[:3], "--tools", "shell", script=[[command], ["Fin."]])
    asked(tty, "do it")
    assert "allows from now on: this very call\n" in tty.until(QUESTION)
    tty.send("n\n")
    left(tty)


# ── commands ──────────────────────────────────────────────────────────────────────────────────


def test_a_command_that_is_not_there_is_said_and_not_sent(terminal: Any) -> None:
    tty = terminal(*PROMPTS)
    asked(tty, "/nonsense")
    tty.until("no such command: /nonsense")
    asked(tty, "/")
    tty.until("/compact")
    asked(tty, "//etc is a folder")
    tty.until(json.dumps([["/etc is a folder"], [], ""]))
    left(tty)


def test_commands_and_files_are_completed(axio: Any, terminal: Any) -> None:
    (axio.home / "two words.txt").write_text("Hello.\n")
    tty = terminal(*PROMPTS, env={"TERM": "xterm"})
    tty.until(YOU)
    tty.send("/ren\t")
    tty.until("/rename")
    tty.send(" it\n")
    tty.until("is called it now")
    tty.until(YOU)
    tty.send("Read @two\t")
    tty.until('two words.txt"')
    tty.send("\n")
    assert "Hello." in tty.until("tokens in")
    left(tty)


def test_commands_of_the_person_are_run_and_told_only_if_wanted(terminal: Any) -> None:
    tty = terminal(*PROMPTS)
    asked(tty, "!echo on$((1+1)) && false")
    tty.until("on2\n")
    tty.until("axio: (exit code 1)")
    asked(tty, "!!echo on$((2+1))")
    assert "I ran this command" in tty.until("tokens in")
    left(tty)


def test_a_command_of_the_person_is_ended_by_ctrl_c(terminal: Any) -> None:
    tty = terminal(*PROMPTS)
    asked(tty, "!echo on$((1+1)); sleep 60")
    tty.until("on2\n")
    tty.send("\x03")
    tty.until("(stopped)")
    left(tty)


def test_in_plan_mode_nothing_is_changed_and_nobody_asked(axio: Any, terminal: Any) -> None:
    tty = terminal(*SCRIPTED, "--mode", "plan", script=[[CALL], ["Fin."]])
    asked(tty, "change it")
    seen = tty.until("Fin.")
    assert "only a plan is wanted" in seen and QUESTION not in seen
    assert not (axio.home / "made").exists()
    left(tty)


def test_an_agent_inside_is_told_line_by_line_and_its_questions_name_it(
    axio: Any, terminal: Any
) -> None:
    task = [["subagent", {"task": "make it"}]]
    script = [task, [CALL], ["Made."], ["Fin."]]
    tty = terminal(*SCRIPTED[:3], "--tools", "acme_change,subagent", script=script)
    asked(tty, "delegate it")
    question = tty.until(QUESTION)
    assert 'tool: subagent(task="make it")\n' in question
    assert 'subagent wants: acme_change(path="made")\n' in question
    tty.send("yes\n")
    seen = tty.until("Fin.")
    assert seen.count('tool: agent 1 > acme_change(path="made")\n') <= 1
    assert (question + seen).count("agent 1 > ") == 1
    assert "Made." in seen and (axio.home / "made").exists()
    left(tty)


# ── conversations that are kept ───────────────────────────────────────────────────────────────


def test_a_conversation_is_kept_over_a_restart(terminal: Any) -> None:
    tty = terminal(*PROMPTS)
    asked(tty, "first")
    tty.until("tokens in")
    asked(tty, "/rename the parser")
    left(tty)
    for which in (("-c",), ("--resume", "the parser")):
        tty = terminal(*PROMPTS, *which)
        tty.until("you: first\naxio: [[")
        left(tty)
    tty = terminal(*PROMPTS)
    asked(tty, "/resume")
    assert "  1  the parser (2 messages" in tty.until("/resume N")
    asked(tty, "/resume 1")
    tty.until("you: first\naxio: [[")
    left(tty)


def test_what_was_queued_survives_the_death_of_the_program(terminal: Any) -> None:
    tty = terminal(*SCRIPTED, script=[["One.\n", 60]])
    asked(tty, "first")
    tty.until("One.")
    for prompt in ("second", "third"):
        tty.send(f"{prompt}\n")
        tty.until(f"queued: {prompt}\n")
    os.kill(tty.process.pid, signal.SIGKILL)
    tty.process.wait(25)
    tty = terminal(*SCRIPTED, "-c", script=[["Two."], ["Three."]])
    tty.until("you: first\naxio: (the program ended here)\nparked: second\nparked: third\n")
    asked(tty, "")
    seen = tty.until("Three.")
    assert seen.index("you: second") < seen.index("Two.") < seen.index("you: third")
    left(tty)


def test_a_conversation_that_is_open_elsewhere_is_taken_over_only_after_asking(
    terminal: Any,
) -> None:
    first = terminal(*PROMPTS)
    asked(first, "first")
    first.until("tokens in")
    first.until(YOU)
    second = terminal(*PROMPTS, "-c")
    second.until(HOW)
    second.send("no\n")
    assert second.end()[0] == 1
    third = terminal(*PROMPTS, "-c")
    third.until(HOW)
    third.send("yes\n")
    third.until("you: first\n")
    asked(third, "second")
    third.until('["first", ')
    left(third)
    first.send("third\n")
    first.until("error: ")
    first.send("\x04")
    assert '"third"' not in first.end()[1]


def test_a_conversation_that_is_open_elsewhere_goes_on_in_a_fork(terminal: Any) -> None:
    first = terminal(*PROMPTS)
    asked(first, "first")
    first.until("tokens in")
    second = terminal(*PROMPTS, "-c")
    second.until(HOW)
    second.send("fork\n")
    second.until("you: first\n")
    asked(second, "second")
    second.until('["first", ')
    left(second)
    asked(first, "third")
    assert '"second"' not in first.until("tokens in")
    left(first)


def test_an_answer_that_was_killed_is_told_when_its_conversation_goes_on(terminal: Any) -> None:
    first = terminal(*SCRIPTED, script=[["One.\n", 600]])
    asked(first, "first")
    first.until("One.")
    first.process.kill()
    first.process.wait(60)
    second = terminal(*SCRIPTED, "-c", script=[["Two."]])
    second.until("the program ended here")
    left(second)


def test_up_offers_the_prompts_of_before_but_no_answers_to_questions(terminal: Any) -> None:
    first = terminal(*PROMPTS)
    asked(first, "one of before")
    first.until("tokens in")
    left(first)
    second = terminal(*PROMPTS, "--no-save")
    second.until(YOU)
    second.send("\x1b[A\n")
    second.until('["one of before"')
    asked(second, "kept nowhere")
    second.until('"kept nowhere"')
    left(second)
    third = terminal(*PROMPTS)
    third.until(YOU)
    third.send("\x1b[A\n")
    third.until('["one of before"')
    left(third)


def test_a_copy_goes_on_without_telling_all_again(terminal: Any) -> None:
    tty = terminal(*SCRIPTED, script=[["One."], ["Two."], ["A summary."], ["Three."]])
    asked(tty, "first")
    tty.until("One.")
    asked(tty, "/fork")
    assert "One." not in tty.until("Going on in a copy")
    asked(tty, "second")
    tty.until("Two.")
    asked(tty, "/model scripted")
    assert tty.until(YOU).count("scripted") == 2  # as it was typed, and as it was done
    tty.send("third\n")
    assert "Two." not in tty.until("A summary.")
    asked(tty, "/compact")
    assert "Two." not in tty.until(YOU)
    tty.send("/rename the copy\n")
    asked(tty, "/resume the copy")
    tty.until("This is that conversation.")
    left(tty)


def test_names_of_others_are_shown_as_text(axio: Any, terminal: Any) -> None:
    assert axio("run", *SCRIPTED[1:], "\u202efirst\x1b[2J", script=[["One."]]).code == 0
    tty = terminal(*SCRIPTED, "-c", script=[["Two."]])
    tty.until(YOU)
    seen = tty.until(YOU)
    tty.send("/resume\n")
    seen += tty.until("/resume N")
    assert not any(character in seen for character in "\x1b\u202e")
    assert axio("sessions", "rename", axio("sessions").out.split()[0], "a\x1b]0;b\x07").code == 0
    asked(tty, "/resume")
    seen = tty.until("/resume N")
    assert "a\\x1b]0;b\\x07 (2 messages" in seen and "\x1b" not in seen
    left(tty)


def test_files_and_conversation_go_back_after_a_restart(axio: Any, terminal: Any) -> None:
    file: Path = axio.home / "a.txt"
    file.write_text("old\n")
    write = ["write_file", {"file_path": "a.txt", "content": "new\n"}]
    tty = terminal(*SCRIPTED, "--yes", script=[["One."], [write], ["Fin."]])
    asked(tty, "first")
    tty.until("One.")
    asked(tty, "second")
    tty.until("Fin.")
    left(tty)
    assert file.read_text() == "new\n"
    tty = terminal(*SCRIPTED, "-c", script=[["Two."]])
    asked(tty, "/rewind")
    assert "  2  second\n" in tty.until("/rewind N")
    asked(tty, "/rewind 2")
    tty.until("Put back: ")
    tty.until("you: second")
    assert file.read_text() == "old\n"
    tty.send(" thought\n")
    tty.until("Two.")
    left(tty)


# ── servers that take long ────────────────────────────────────────────────────────────────────


def slow_server(axio: Any) -> Path:
    """Keep a server that begins once a file is there; the file."""
    gate = Path(f"{axio.home}-gate")
    config = gated(gate, timeout=100)
    file = Path(axio.home, ".config", "axio", "mcp.json")
    file.parent.mkdir(parents=True)
    server = {"command": config.command, "args": config.args, "timeout": 100}
    file.write_text(json.dumps({"mcpServers": {"late": server}}))
    return gate


ALL_TOOLS = ("--plain", "--transport", "scripted")
ECHO = ["late__echo", {"message": "from afar"}]


def test_a_prompt_waits_for_a_server_that_comes_soon(axio: Any, terminal: Any) -> None:
    gate = slow_server(axio)
    script = [[{"until": "late__echo"}, ECHO], ["Done."]]
    tty = terminal(*ALL_TOOLS, "--yes", script=script, env={"AXIO_SERVERS_WAIT": "90"})
    asked(tty, "go")
    tty.until("axio: connecting to late; next, in 90 s at most: the prompt\n")
    gate.touch()
    assert "from afar" in tty.until("Done.")
    left(tty)


def test_a_prompt_goes_without_a_server_that_comes_late(axio: Any, terminal: Any) -> None:
    gate = slow_server(axio)
    script = [["First."], [{"until": "late__echo"}, ECHO], ["Second."]]
    tty = terminal(*ALL_TOOLS, "--yes", script=script, env={"AXIO_SERVERS_WAIT": "1"})
    asked(tty, "one")
    tty.until("First.")
    gate.touch()
    seen = ""
    deadline = time.monotonic() + 60
    while "axio: late: " not in seen and time.monotonic() < deadline:
        seen = tty.until(YOU)
        time.sleep(0.1)
        tty.send("\n")
    assert "axio: late: " in seen and seen.rstrip().endswith(" tools\nyou:")
    asked(tty, "two")
    assert "from afar" in tty.until("Second.")
    left(tty)


def test_ctrl_c_ends_the_wait_and_the_prompt_is_parked(axio: Any, terminal: Any) -> None:
    slow_server(axio)
    tty = terminal(*ALL_TOOLS, script=[["Never."]], env={"AXIO_SERVERS_WAIT": "90"})
    asked(tty, "go")
    tty.until("connecting to late")
    tty.send("\x03")
    assert "Never." not in tty.until("parked: go\n")
    left(tty)


def test_a_run_waits_for_all_servers_and_names_the_limit(axio: Any, terminal: Any) -> None:
    gate = slow_server(axio)
    tty = terminal("run", "--transport", "scripted", "--yes", "go", script=[[ECHO], ["Done."]])
    tty.until("axio: waiting for MCP servers: late (at most 100 s); their start_timeout sets it\n")
    gate.touch()
    assert "from afar" in tty.until("Done.")


def test_servers_are_listed_and_switched_in_lines(axio: Any, terminal: Any) -> None:
    slow_server(axio)
    tty = terminal(*ALL_TOOLS, script=[["Never."]])
    asked(tty, "/mcp")
    tty.until("late  connecting  stdio ")
    tty.until("/mcp add NAME URL")
    asked(tty, "/mcp off late")
    tty.until("axio: late is off, and stays so\n")
    asked(tty, "/mcp try late")
    tty.until("axio: late is off: /mcp on late\n")
    asked(tty, "/mcp nothing")
    tty.until("axio: no MCP server nothing; there is: late.")
    left(tty)


# ── where tools work ──────────────────────────────────────────────────────────────────────────


def test_the_place_of_tools_is_changed_between_prompts(axio: Any, terminal: Any) -> None:
    def runs(command: str) -> list[Any]:
        return [["shell", {"command": command}]]

    script = [runs("echo 1 > one"), ["First."], runs("echo 2 > two || echo refu''sed"), ["Second."]]
    tty = terminal("--plain", "--transport", "scripted", "--tools", "shell", "--yes", script=script)
    asked(tty, "/sandbox")
    tty.until("  1  none (now): commands may do what you may\n")
    tty.until("/sandbox N or PLACE\n")
    asked(tty, "go")
    tty.until("First.")
    asked(tty, "/sandbox 3")
    tty.until("axio: The tools work in another place from now on: read-only")
    asked(tty, "/sandbox podmann")
    tty.until("no sandbox 'podmann'; there is: none, workspace-write, read-only, docker")
    asked(tty, "go")
    assert "refused" in tty.until("Second.")
    left(tty)
    assert (axio.home / "one").exists() and not (axio.home / "two").exists()
