"""Requests in people's words, and the arguments that fulfil them, for each tool.

A small model chooses a tool by its examples, and sees from them which part of a request becomes
which argument; therefore most arguments are words of their request.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from axio.types import JSONObject

Examples: TypeAlias = tuple[tuple[str, JSONObject], ...]


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
    ("list files", "."),
    ("what is in vendor?", "vendor"),
    ("list everything in vendor/assets", "vendor/assets"),
    ("show all files in scripts", "scripts"),
    ("what do I have in this folder?", "."),
    ("which files are there?", "."),
    ("list this folder", "."),
    ("what's inside the media directory?", "media"),
)
READ_FILE = _examples(
    "filename",
    ("what does setup.cfg contain?", "setup.cfg"),
    ("show me the file LICENSE", "LICENSE"),
    ("cat page.css", "page.css"),
    ("read src/parser.c", "src/parser.c"),
    ("print data/users.csv", "data/users.csv"),
    ("explain worker.js to me", "worker.js"),
    ("show me the contents of index.rst", "index.rst"),
    ("what version is in pom.xml?", "pom.xml"),
    ("open the file server.log", "server.log"),
    ("what is written in plan.txt?", "plan.txt"),
    ("what does build.gradle do?", "build.gradle"),
    ("display the content of api/routes.rb", "api/routes.rb"),
    ("summarize thesis.tex", "thesis.tex"),
    ("how many lines are in table.csv?", "table.csv"),
    ("let me see player.swift", "player.swift"),
)
WRITE_FILE = _examples(
    "file_path content",
    ("write good evening to greeting.txt", "greeting.txt", "good evening"),
    ("create a file named list.txt containing eggs and flour", "list.txt", "eggs and flour"),
    ("save 'call me back' in memo.md", "memo.md", "call me back"),
    ("make a new file home.html with <p>Welcome</p>", "home.html", "<p>Welcome</p>"),
    ("create bye.py that prints bye", "bye.py", "print('bye')"),
    ("create an empty file named marker.tmp", "marker.tmp", ""),
    ("make a file poem.txt with the text roses are red", "poem.txt", "roses are red"),
    ("write 'it works' into result.log", "result.log", "it works"),
    ("put the words see you soon in card.txt", "card.txt", "see you soon"),
    ("create a file sum.csv with the content a,b", "sum.csv", "a,b"),
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
    ("where is the word invoice used?", "invoice", "."),
    ("grep timeout in vendor", "timeout", "vendor"),
    ("where do we use the function send_mail?", "send_mail", "."),
    ("look for cookie in lib", "cookie", "lib"),
    ("which file contains secret_key?", "secret_key", "."),
    ("which files contain the word license?", "license", "."),
)
GLOB_FILES = _examples(
    "pattern directory",
    ("find all files named *.md", "*.md", "."),
    ("which *.json files are in the data folder?", "*.json", "data"),
    ("where is the file invoice.pdf?", "invoice.pdf", "."),
    ("find files matching *_test.go in pkg", "*_test.go", "pkg"),
    ("find every *.css file", "*.css", "."),
    ("find all python files", "**/*.py", "."),
    ("are there any markdown files?", "**/*.md", "."),
    ("list all javascript files", "**/*.js", "."),
    ("find all typescript files", "**/*.ts", "."),
    ("find all text files", "**/*.txt", "."),
    ("find all shell scripts", "**/*.sh", "."),
    ("find all html files", "**/*.html", "."),
    ("find all json files", "**/*.json", "."),
    ("find all yaml files", "**/*.yaml", "."),
    ("find all csv files", "**/*.csv", "."),
    ("find all rust files", "**/*.rs", "."),
    ("find all files that end in .log", "**/*.log", "."),
    ("are there any .toml files?", "**/*.toml", "."),
    ("is there a file called Makefile?", "**/Makefile", "."),
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
    ("remove the file draft.txt", "rm draft.txt"),
    ("create a folder called assets", "mkdir assets"),
    ("make the directory lib/assets", "mkdir -p lib/assets"),
    ("rename draft.txt to final.txt", "mv draft.txt final.txt"),
    ("move draft.txt to old/draft.txt", "mv draft.txt old/draft.txt"),
    ("copy draft.txt to spare.txt", "cp draft.txt spare.txt"),
    ("add 'buy milk' to draft.txt", "echo 'buy milk' >> draft.txt"),
    ("append 'buy milk' to draft.txt", "echo 'buy milk' >> draft.txt"),
    ("how much free disk space is there?", "df -h"),
    ("how full is the disk?", "df -h"),
    ("what is the git status?", "git status"),
    ("show me the git log", "git log"),
    ("which git branch am I on?", "git branch"),
    ("what time is it?", "date"),
    ("which date is today?", "date"),
)
RUN_PYTHON = _examples(
    "code",
    ("what is 12 plus 30?", "print(12 + 30)"),
    ("run this python code: print(len('hello'))", "print(len('hello'))"),
    ("how much is 8 times 9?", "print(8 * 9)"),
    ("compute 144 / 12 with python", "print(144 / 12)"),
    ("use python to print the current year", "import time; print(time.strftime('%Y'))"),
    ("what is 250 minus 75?", "print(250 - 75)"),
    ("what is 6 * 7?", "print(6 * 7)"),
    ("calculate 3 + 4 * 5", "print(3 + 4 * 5)"),
    ("what is 96 divided by 8?", "print(96 / 8)"),
)
