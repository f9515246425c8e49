"""Variables of the environment: which of them can change what a command does.

A variable is an argument that stands in no list. Those that shells, the loader and the C library
read change every program, so setting them is never plain. A few are known to change nothing. Any
other is for the programs that it reaches: those of which it is known what they read, and those that
a rule trusts with everything.
"""

from __future__ import annotations

import re

__all__ = ("changes_programs", "is_harmless", "is_plain_name")

_PLAIN_NAME = re.compile(r"[A-Za-z_]\w*", re.A)

# What a shell reads (bash, dash, zsh), then the loader, the C library, and what many programs obey.
_CHANGES_PROGRAMS = re.compile(
    r"_|PATH|IFS|ENV|HOME|SHELL|SHELLOPTS|PS\d|P?PWD|OLDPWD|CDPATH|FPATH|GLOBIGNORE|EXECIGNORE|FCEDIT"
    r"|FIGNORE|HOSTFILE|INPUTRC|MAIL\w*|OPT(?:IND|ARG|ERR)|POSIX\w*|PROMPT\w*|REPLY|TIMEFORMAT|TMOUT"
    r"|BASH\w*|COMP_?\w*|FUNC\w*|HIST\w*|READLINE\w*|auto_resume|histchars|COPROC|DIRSTACK|SHLVL"
    r"|UID|EUID|PPID|GROUPS|RANDOM|SECONDS|LINENO|PIPESTATUS|ZDOTDIR|NULLCMD|READNULLCMD|KEYTIMEOUT"
    r"|path|cdpath|fpath|manpath|mailpath|module_path|fignore|psvar|watch|argv|status|prompt\d?"
    r"|aliases|functions|commands|options|parameters"
    r"|LD_\w*|DYLD_\w*|GCONV_PATH|GLIBC_\w*|MALLOC_\w*|LOCPATH|NLSPATH|HOSTALIASES|LOCALDOMAIN"
    r"|RES_OPTIONS|RESOLV_\w*|TZDIR|TMPDIR|TMP|TEMP|GETCONF_DIR|TERMINFO\w*|TERMCAP"
    r"|\w*_proxy|\w*_PROXY|SSL_\w*|OPENSSL_\w*|KRB5\w*|XDG_\w*|USER|LOGNAME|USERNAME",
    re.A,
)
# What the programs of the tables in `usages` read besides.
_READ_BY_KNOWN_PROGRAMS = re.compile(
    r"\w*BLOCK_?SIZE|QUOTING_STYLE|TIME_STYLE|TABSIZE|VERSION_CONTROL|SIMPLE_BACKUP_SUFFIX"
    r"|\w*_COLORS|\w*_OPTIONS|\w*_OPTS|CURL_\w*|NETRC|JQ_\w*|AWK\w*|GAWK\w*|PS_\w*|PROC\w*|CMD_ENV"
    r"|UNIX95|MAGIC|DF_\w*|LS_\w*|TAPE|RSH|\w*_RSH|GZIP|BZIP2?|XZ_\w*|ZSTD_\w*",
    re.A,
)
_HARMLESS = re.compile(
    r"LANG|LANGUAGE|LC_[A-Z]+|TZ|TERM|CI|DEBUG|VERBOSE|NO_COLOR|FORCE_COLOR|CLICOLOR\w*|COLUMNS|LINES"
    r"|NODE_ENV|PORT|LOG_LEVEL|PYTHONUNBUFFERED|PYTHONDONTWRITEBYTECODE|PYTHONHASHSEED|PYTHONUTF8"
    r"|PYTHONIOENCODING|RUST_BACKTRACE|RUST_LOG|CARGO_TERM_COLOR|GOOS|GOARCH|CGO_ENABLED"
    r"|GIT_(?:AUTHOR|COMMITTER)_(?:NAME|EMAIL|DATE)|GIT_TERMINAL_PROMPT|DEBIAN_FRONTEND",
    re.A,
)
_NAMES_A_PROGRAM = re.compile(r"\w*(?:PAGER|EDITOR)|VISUAL", re.A)
_DOES_NOTHING = frozenset(("", "cat", "true", ":"))


def is_plain_name(name: str) -> bool:
    return _PLAIN_NAME.fullmatch(name) is not None


def changes_programs(name: str) -> bool:
    """True if setting it can change every program, or is nothing that can be set."""
    return not is_plain_name(name) or _CHANGES_PROGRAMS.fullmatch(name) is not None


def is_harmless(name: str, value: str | None, known_program: bool) -> bool:
    """True if a program that sees this variable does what it would do without it.

    `value` is None where only running it would tell. Of a known program it is known what it reads.
    """
    if _HARMLESS.fullmatch(name) or (value in _DOES_NOTHING and _NAMES_A_PROGRAM.fullmatch(name)):
        return True
    return known_program and _READ_BY_KNOWN_PROGRAMS.fullmatch(name) is None
