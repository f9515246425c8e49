"""Requests in people's words, and the arguments that fulfil them, for each tool.

A small model chooses a tool by its examples, and sees from them which part of a request becomes
which argument; therefore most arguments are words of their request.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Examples: TypeAlias = tuple[tuple[str, dict[str, Any]], ...]


def _examples(names: str, *rows: tuple[Any, ...]) -> Examples:
    """Rows of a request followed by the values of the arguments `names`."""
    return tuple((row[0], dict(zip(names.split(), row[1:], strict=True))) for row in rows)


LIST_FILES = _examples(
    "directory",
    ("what is in the folder images?", "images"),
    ("show me all files here", "."),
    ("dir", "."),
    ("show the contents of the directory lib/core", "lib/core"),
    ("list the files in /var/log", "/var/log"),
    ("what files are in the current directory?", "."),
)
READ_FILE = _examples(
    "filename",
    ("what does setup.cfg contain?", "setup.cfg"),
    ("show me the file LICENSE", "LICENSE"),
    ("cat page.css", "page.css"),
    ("read src/parser.c", "src/parser.c"),
    ("print data/users.csv", "data/users.csv"),
    ("explain worker.js to me", "worker.js"),
)
WRITE_FILE = _examples(
    "file_path content",
    ("write good evening to greeting.txt", "greeting.txt", "good evening"),
    ("create a file named list.txt containing eggs and flour", "list.txt", "eggs and flour"),
    ("save 'call me back' in memo.md", "memo.md", "call me back"),
    ("make a new file home.html with <p>Welcome</p>", "home.html", "<p>Welcome</p>"),
    ("create bye.py that prints bye", "bye.py", "print('bye')"),
    ("create an empty file named marker.tmp", "marker.tmp", ""),
)
PATCH_FILE = _examples(
    "file_path from_line to_line content",
    ("replace lines 4 to 7 of build.sh with make all", "build.sh", 4, 7, "make all"),
    ("set line 2 of Dockerfile to USER app", "Dockerfile", 2, 2, "USER app"),
    ("in app.ini change line 15 to port = 81", "app.ini", 15, 15, "port = 81"),
    ("change lines 20 to 22 of src/game.lua to return nil", "src/game.lua", 20, 22, "return nil"),
    ("line 9 of story.txt should be The end", "story.txt", 9, 9, "The end"),
)
EDIT_FILE = _examples(
    "file_path old_text new_text",
    ("in config.js replace localhost with example.org", "config.js", "localhost", "example.org"),
    ("change 'colour' to 'color' in style.css", "style.css", "colour", "color"),
    ("replace x = 3 by x = 4 in setup.toml", "setup.toml", "x = 3", "x = 4"),
    ("swap the word monday for friday in plan.md", "plan.md", "monday", "friday"),
    ("in src/app.c substitute foo() with bar()", "src/app.c", "foo()", "bar()"),
)
SEARCH_FILES = _examples(
    "pattern directory",
    ("search for FIXME in the source folder", "FIXME", "source"),
    ("where is parse_header defined?", "parse_header", "."),
    ("find the text 'connection lost' in logs", "connection lost", "logs"),
    ("grep for import json", "import json", "."),
    ("find the word deprecated in web", "deprecated", "web"),
    ("which files mention jquery?", "jquery", "."),
)
GLOB_FILES = _examples(
    "pattern directory",
    ("find all files named *.md", "*.md", "."),
    ("which *.json files are in the data folder?", "*.json", "data"),
    ("where is the file invoice.pdf?", "invoice.pdf", "."),
    ("find files matching *_test.go in pkg", "*_test.go", "pkg"),
    ("find every *.css file", "*.css", "."),
)
SHELL = _examples(
    "command",
    ("git diff", "git diff"),
    ("run npm test", "npm test"),
    ("execute the command uname -a", "uname -a"),
    ("delete draft.txt", "rm draft.txt"),
    ("make a directory named assets", "mkdir assets"),
    ("npm install express", "npm install express"),
    ("how much space is on the disk?", "df -h"),
    ("which version of ruby is installed?", "ruby --version"),
)
RUN_PYTHON = _examples(
    "code",
    ("what is 12 plus 30?", "print(12 + 30)"),
    ("run this python code: print(len('hello'))", "print(len('hello'))"),
    ("how much is 8 times 9?", "print(8 * 9)"),
    ("compute 144 / 12 with python", "print(144 / 12)"),
    ("use python to print the current year", "import time; print(time.strftime('%Y'))"),
    ("what is 250 minus 75?", "print(250 - 75)"),
)
