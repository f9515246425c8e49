"""The terminal around the full screen: sizes, colours, suspension, and how it is left."""

from __future__ import annotations

import shlex
import sys
from itertools import chain
from typing import Any

import pytest

from support.desk import AXIO, Desk
from support.model_server import Call, ModelServer, paced
from support.tmux import Window

pytestmark = pytest.mark.timeout(180)  # many starts of the command, on a busy machine

BASH = ("-c", "import os; os.execvp('bash', ['bash', '--norc', '--noprofile', '-i'])")
HOSTILE = (
    "markup [/] [red]red[/red] [@click=app.exit]x[/]",
    "escapes \x1b[2J\x1b[31m \x9b31m \x1b]0;pwned title\x07 \x1b]52;c;cHduZWQ=\x07",
    "\x1b]8;;file:///etc/passwd\x1b\\link\x1b]8;;\x1b\\",
    "turned \u202eabc\u202c, nothing\u200b\u2060 wide \u0301" + "\u0301" * 5_000,
)


def flags(window: Window) -> str:
    """Alternate screen, mouse and cursor, as the terminal has them."""
    asked = "#{alternate_on}#{mouse_any_flag}#{cursor_flag}"
    return window("display", "-p", "-t", "a", asked).strip()


def test_any_size_while_an_answer_comes(desk: Desk, model: ModelServer) -> None:
    """It goes on, and the text is right afterwards."""
    gate = model.gate()
    lines = [f"part {number} of the answer\n\n" for number in range(120)]
    rest = list(chain.from_iterable(paced(line, 2_000) for line in lines[60:]))
    model.answer(*lines[:20], gate, *lines[20:60], *rest, "The very end.")
    window = desk.open()
    window.type("talk")
    window.until("part 19 of")
    gate.set()
    for size in ("1x1", "3x2", "300x100", "2x60", "200x1", "20x5", "80x24"):
        width, _, height = size.partition("x")
        window("resize-window", "-t", "a", "-x", width, "-y", height)
    shown = [line.strip() for line in window.until("The very end.")]
    assert "part 119 of the answer" in shown and "part 118 of the answer" in shown
    window.keys("C-q")
    window.until("END=0")


@pytest.mark.parametrize(
    "variables",
    [{"LC_ALL": "C"}, {"NO_COLOR": "1"}, {"TERM": "xterm"}, {"TERM": "linux"}],
    ids=lambda variables: "".join(f"{name}={value}" for name, value in variables.items()),
)
def test_terminals_that_know_less(
    desk: Desk, model: ModelServer, variables: dict[str, Any]
) -> None:
    """All can be read, and what a state is stands there in words."""
    (desk.folder / "calc.py").write_text("a = 1\n")
    edit = {"file_path": "calc.py", "old_text": "a = 1", "new_text": "a = 2"}
    model.answer(Call("edit_file", edit))
    model.answer("# Head\n\n- one\n\n| a |\n|---|\n| b |\n\nIt is **done**.")
    window = desk.open(**variables)
    window.type("go")
    lines = window.until("y once")
    assert any("+" in line and "a = 2" in line for line in lines)
    window.keys("n")
    window.until("the reason")
    window.keys("Enter")
    lines = window.until("It is done.")
    assert any("failed" in line for line in lines)
    if "LC_ALL" in variables:
        assert "".join(lines).isascii()
    coloured = window("capture-pane", "-p", "-e", "-t", "a")
    if "NO_COLOR" in variables or variables.get("TERM") == "xterm":
        assert "38;2;" not in coloured
    window.keys("F1")
    window.until("Keys in")
    window.keys("Escape")
    window.until_gone("Keys in")
    window.keys("C-q")
    window.until("END=0")


def test_a_dumb_terminal_gets_lines(desk: Desk, model: ModelServer) -> None:
    model.answer("One.")
    window = desk.open(TERM="dumb", wait="you:")
    assert any("TERM" in line for line in window.lines())
    window.type("hello")
    window.until("axio: One.")
    window.keys("C-d")
    window.until("END=0")


def test_without_a_terminal_it_says_so_in_a_line(desk: Desk) -> None:
    line = f"{shlex.quote(sys.executable)} {shlex.quote(AXIO)}"
    script = f"{line} 2>err; echo $? >> codes; {line} < /dev/null 2>in; echo $? >> codes"
    window = desk.open(wait="END=0", command=("-c", f"import os; os.system({script!r})"))
    window.close()
    assert (desk.folder / "codes").read_text().split() == ["2", "2"]
    for name in ("err", "in"):
        said = (desk.folder / name).read_text()
        assert said.count("\n") == 1 and "\x1b" not in said and "terminal" in said


CRASHING = """
import sys
from axio_tui.app.app import AgentApp
from axio_tui.__main__ import main

async def broken(app, *given):
    hidden = "a value of a variable"
    raise RuntimeError("broken [/] on purpose")

AgentApp.action_next_mode = broken
sys.exit(main([]))
"""


@pytest.mark.parametrize("crashes", [False, True])
def test_the_terminal_is_as_it_was(desk: Desk, model: ModelServer, crashes: bool) -> None:
    """All its settings, the mouse and the cursor, after quitting and after a crash; the last
    exchange and the way back stay, and the conversation can be gone on with."""
    model.answer("A **bold** answer.")
    runs = [sys.executable, *(("-c", CRASHING) if crashes else (AXIO,))]
    script = f"stty -a > before; {shlex.join(runs)}; echo $? > code; stty -a > after"
    window = desk.open(command=("-c", f"import os; os.system({script!r})"))
    window.type("hello")
    window.until("A bold answer.")
    assert flags(window).startswith("11")
    window.keys("BTab" if crashes else "C-q")
    lines = window.until("END=0")
    assert (desk.folder / "before").read_text() == (desk.folder / "after").read_text()
    assert flags(window) == "001"
    assert "> hello" in lines and "A **bold** answer." in lines
    assert (desk.folder / "code").read_text().strip() == str(int(crashes))
    text = "".join(lines)
    assert ("RuntimeError: broken [/] on purpose" in text) is crashes
    assert ("crash-" in text) is crashes and "a value of" not in text and "Traceback" not in text
    (line,) = [line for line in lines if "axio --resume" in line]
    again = desk.open("--resume", line.rpartition(" ")[2])
    again.until("A bold answer.")


def test_a_stream_goes_on_while_the_shell_has_the_terminal(desk: Desk, model: ModelServer) -> None:
    """Ctrl+Z gives the terminal to the shell, fg brings the same screen back; nothing is lost."""
    gate = model.gate()
    model.answer("The beginning", gate, ", what came meanwhile,", 0.2, " and the end.")
    window = desk.open(wait="bash", command=BASH)
    window.type(f"PS1='ready> '; {shlex.join([sys.executable, AXIO])}")
    window.until("F1 help")
    window.type("talk")
    window.until("The beginning")
    window.keys("C-z")
    window.until("Stopped")
    window.until("ready> ")
    assert flags(window) == "001"
    window.type("echo $((6 * 7)) is said")
    window.until("42 is said")
    gate.set()
    window.type("fg")
    window.until("The beginning, what came meanwhile, and the end.")
    assert flags(window).startswith("11")
    model.answer("And on.")
    window.type("more")
    window.until("And on.")
    window.keys("C-q")
    window.until("axio --resume")


def test_hostile_texts_are_shown_as_texts(desk: Desk, model: ModelServer) -> None:
    """From the model, a tool, a file name and a prompt: no command of them reaches the terminal."""
    name = "[red]\x1b]0;pwned title\x07[].txt"
    (desk.folder / name).write_text("\n".join(HOSTILE))
    model.answer("\n\n".join(HOSTILE), Call("read_file", {"filename": name}))
    model.answer(Call("shell", {"command": f"echo {HOSTILE[0]}\x1b[2J {HOSTILE[1]}"}))
    model.answer("\n\n".join(HOSTILE), "\n\nThe end.")
    window = desk.open()
    window("set-option", "-g", "set-clipboard", "on")
    title = window("display", "-p", "-t", "a", "#{pane_title}")
    window.type(f"see [/] [red]{HOSTILE[0]} @")
    window.until("y once")
    window.keys("C-f")
    window.until("[red]red[/red]")
    window.keys("Escape")
    window.until("y once")
    window.keys("Escape")
    window.until("The end.")
    window.keys("C-o")
    window.until("[@click=app.exit]")
    for command in ("/resume", "/rewind", "/permissions", "/tasks"):
        window.type(command)
        window.until("Esc closes")
        window.keys("Escape")
        window.until_gone("Esc closes")
    assert window("display", "-p", "-t", "a", "#{pane_title}") == title
    assert "pwned" not in window("list-buffers")
    window.keys("C-q")
    lines = window.until("END=0")
    assert window("display", "-p", "-t", "a", "#{pane_title}") == title
    assert any("The end." in line for line in lines)
