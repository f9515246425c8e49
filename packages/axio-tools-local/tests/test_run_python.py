from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

from axio_tools_local.run_python import run_python
from support.waiting import timed_out


@pytest.fixture(autouse=True)
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of the test's own, so that it can see what is left there."""
    path = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    return path


async def test_what_is_printed_comes_back_stripped(temporary: Path) -> None:
    assert await run_python("print(6 * 7)\nprint()") == "42"
    assert os.listdir(temporary) == []


async def test_it_is_this_interpreter() -> None:
    assert await run_python("import sys; print(sys.executable)") == sys.executable


async def test_stderr_and_exit_code_follow_the_output() -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    assert await run_python(code) == "out\n\n[stderr]\nerr\n\n[exit code: 3]"


async def test_an_exception_shows_its_line(temporary: Path) -> None:
    result = await run_python("x = 1\nraise RuntimeError('broken')")
    assert "line 2" in result and "RuntimeError: broken" in result
    assert result.endswith("[exit code: 1]")
    assert os.listdir(temporary) == []


async def test_equal_failures_are_equal_results(temporary: Path) -> None:
    code = "import warnings\nwarnings.warn('old')\nprint(__file__)\n1 / 0"
    result = await run_python(code)
    assert result == await run_python(code)
    assert result.startswith("script.py\n\n[stderr]\nscript.py:2: UserWarning: old")
    assert 'File "script.py", line 4, in <module>' in result and "1 / 0" in result


async def test_silence_is_said_in_words() -> None:
    assert await run_python("pass") == "(no output)"


async def test_a_line_without_an_end_is_not_lost() -> None:
    assert await run_python("import sys; sys.stdout.write('x')") == "x"


async def test_a_timeout_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 second, got 0"):
        await run_python("pass", timeout=0)


async def test_a_timeout_keeps_what_was_printed(temporary: Path) -> None:
    assert await run_python("import time; time.sleep(60)", timeout=1) == (
        "[timeout: code exceeded 1s]"
    )
    code = "import time; print('before'); time.sleep(600)"
    result, limit = await timed_out(lambda seconds: run_python(code, timeout=seconds), "before")
    assert result == f"before\n\n[timeout: code exceeded {limit}s]"
    assert os.listdir(temporary) == []


async def test_it_reads_stdin_and_runs_in_a_directory(folder: Path) -> None:
    (folder / "sub").mkdir()
    code = "import os; print(input(), os.getcwd())"
    assert await run_python(code, cwd="sub", stdin="hi\n") == f"hi {folder / 'sub'}"
    assert "EOFError" in await run_python("input()")


async def test_any_text_can_be_code() -> None:
    assert await run_python("print('é\u2028ß')") == "é\u2028ß"
    assert await run_python("print('''a\r\nb''')") == "a\nb"


async def test_a_missing_directory_is_an_error(temporary: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await run_python("pass", cwd="missing")
    assert os.listdir(temporary) == []
