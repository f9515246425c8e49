"""Programs for the shell of a container that start commands and end them.

A container has no agent of ours: an image is used as it is. All that is asked of it is a POSIX
shell and the programs in `NEEDED`. The programs here start no process where one may not be had:
when a command has used up all that the container may have, the shell's own words still work.

**The mark.** Each command runs under two limits of its own that Linux has not enforced since 2.4,
for RSS and for file locks. Children inherit them, and no `setsid`, double fork or `env -i` takes
them off; so they tell in `/proc/PID/limits` which processes belong to which command. A process can
lower its limits, but cannot raise them. The two limits of a command have always the same sum, so
that with lower ones a process cannot pass for one of another command, nor for one of none. Where it
is not a child of a command that runs, it is a stray: it ends with the next command that does.
"""

from __future__ import annotations

import json
import re

NEEDED = ("chmod", "dd", "head", "mkdir", "mv", "readlink", "rm", "sleep", "stat", "tail", "xargs")

STARTED = "started"
CLEAN = "clean"

# `facts` asks for the state and the parent of a process; of what has ended they are empty. `alive`
# is false of what has ended and is not forgotten yet: a Z is also what has other threads that go
# on. `late` is true some seconds after `begun`: a kill takes effect when the processor has time.
_LOOKS = r"""
facts() {
    state= parent=
    while read -r key value rest; do
        case $key in State:) state=$value ;; PPid:) parent=$value; break ;; esac
    done < "$1/status"
}
alive() {
    facts "$1"
    case $state in
    "" | X) return 1 ;;
    Z) set -- "$1"/task/*; [ $# -gt 1 ] ;;
    esac
}
begun() { read -r begun rest < /proc/uptime; begun=${begun%.*}; }
late() { read -r now rest < /proc/uptime; [ $((${now%.*} - begun)) -gt 5 ]; }
"""

# How a command is marked, by a number below 2^30; and how a process is asked for its mark.
_MARK = r"""
words() { words="$((1099511627776 + $1 * 1024)) $((2147483648 - $1))"; }
put_on() {
    ulimit -m $((1073741824 + $1)) && { ulimit -w $((2147483648 - $1)) ||
        ulimit -x $((2147483648 - $1)); } 2>/dev/null
}
mark() {
    rss= locks=
    while read -r a b c soft hard rest; do
        case "$a $b $c" in
        "Max resident set") rss=$hard ;;
        "Max file locks") locks=$hard; break ;;
        esac
    done < "$1/limits"
    mark="$rss $locks"
}
"""

# `marked` sends a signal to the processes of the command `$mine` and to strays; it is true if there
# was any. A process is asked once, unless it is to be ended: what it belongs to does not change.
# What has ended meanwhile may have started others, which the next look sees; and that tells more of
# a process whose parent has just ended.
_MARKED = (
    _LOOKS
    + _MARK
    + r"""
seen=" "
marked() {
    looks=0 again=1
    while [ "$again" ] && [ $looks -lt 50 ]; do
        looks=$((looks + 1))
        again=
        look "$1" && return 0
    done
    return 1
}
look() {
    none=1 running=
    for p in /proc/[0-9]*; do
        case "$seen/proc/$$ " in *" $p "*) continue ;; esac
        mark "$p"
        unsure=
        case $mark in
        " ") again=1 ;; # it has ended
        *unlimited*) ;; # it was never started by a command
        *)
            if [ "$mark" = "$mine" ] || stray "$p"; then
                alive "$p" && kill "-$1" "${p#/proc/}" && none=0 && continue
                again=1
            fi
            ;;
        esac
        [ -z "$unsure" ] && seen="$seen$p " || again=1
    done 2>/dev/null
    return $none
}
# True of what neither has the mark of a command that runs nor descends from one. A command runs as
# long as its launcher, which has no parent, as all that an engine starts.
stray() {
    case $running in *"<$mark>"*) return 1 ;; esac
    if whole; then
        its=$mark
        for q in /proc/[0-9]*; do
            facts "$q"
            [ "$parent" = 0 ] && mark "$q" && [ "$mark" = "$its" ] || continue
            running="$running<$its>"
            return 1
        done
        return 0
    fi
    q=$1
    while facts "$q"; [ "${parent:-0}" -gt 1 ]; do q=/proc/$parent; done
    [ -n "$parent" ] || { unsure=1; return 1; }
    [ "$parent" = 0 ] || return 0
    mark "$q"
    [ "$mark" != "$mine" ] || return 0
    case $mark in *unlimited*) return 1 ;; esac
    ! whole
}
whole() { [ $((rss / 1024 + locks)) -eq 3221225472 ] && [ $((rss % 1024)) -eq 0 ]; }
"""
)

# TOKEN MARK FOLDER ODD INPUT SCRIPT COUNT PART... COMMAND...: run a command, end what it leaves.
# The first line on stderr tells how it began: the token, and "started" or the name of an error. The
# last tells how it ended, see `Ending`; the launcher itself then ends with 0. A shell tells by its
# exit code alone not if a program has returned 137 or was killed: when it was killed (by other than
# SIGINT or SIGPIPE) the shell says so in words. bash does not in a subshell, and not as `sh`.
#
# ODD is not empty where the folder and the command are written as `printf %b` reads them: an engine
# takes text, and names in Linux are bytes. INPUT is empty for none, `-` for one that ends, or the
# number of its bytes where a connection cannot be closed in one direction.
_RUN = r"""
command set +o posix 2>/dev/null
run() {
    shift
    (exec "$@") 2>&3 >&4 3>&- 4>&-
    echo "/$?"
}
case $1 in
"" | -) run "$@" ;;
*) head -c "$1" 3>&- 4>&- | run "$@" ;;
esac
"""
LAUNCH = (
    _MARKED
    + rf"""
run='{_RUN}'"""
    + r"""
begin() { printf '%s %s\n' "$token" "$1" >&3; }
fail() { [ -z "$script" ] || rm -f "$script"; begin "$1"; exit 125; }
read_as_bytes() { word=$(printf '%b.' "$1"); word=${word%.}; }
there() {
    case $1 in */*) [ -x "$1" ] && [ ! -d "$1" ]; return ;; esac
    found= IFS=:
    for f in $PATH; do [ -x "$f/$1" ] && [ ! -d "$f/$1" ] && found=1; done
    unset IFS
    [ -n "$found" ]
}
token=$1 number=$2 folder=$3 odd=$4 input=$5 script=$6 count=$7
shift 7
exec 3>&2 4>&1 2>/dev/null
ulimit -c 0
words "$number"
mine=$words
put_on "$number"
[ -z "$odd" ] || { read_as_bytes "$folder"; folder=$word; }
CDPATH= cd -- "$folder" || {
    [ -e "$folder" ] || fail ENOENT
    [ -d "$folder" ] || fail ENOTDIR
    fail EACCES
}
if [ "$count" -gt 0 ]; then
    while [ "$count" -gt 0 ]; do
        printf %s "$1" || fail ENOSPC
        shift
        count=$((count - 1))
    done > "$script"
fi
if [ "$odd" ]; then
    count=$#
    while [ "$count" -gt 0 ]; do
        read_as_bytes "$1"
        shift
        set -- "$@" "$word"
        count=$((count - 1))
    done
fi
there "$1" || fail ENOEXEC
begin started
said=$(exec 2>&1; exec /bin/sh -c "$run" sh "$input" "$@")
code=$?
case $said in
/*) code=${said#/} ;;
*/*) code=$((128 - ${said##*/})) ;;
*) [ $code -le 128 ] || code=$((128 - code)) ;;
esac
if marked 0; then
    sleep 0.2
    begun
    while marked 9; do
        late || continue
        printf '\n[what it had started could not be ended alone: all commands were]\n' >&3
        kill -9 -1
        break
    done
fi
[ -z "$script" ] || rm -f "$script"
[ "$input" != - ] || dd of=/dev/null bs=65536 # unread, it would keep the connection open
printf '\0%s %s\n' "$token" "$code" >&3
exit 0
"""
)

# TOKEN MARK ALONE TIDY ARGUMENT...: end all processes of a command, or, with ALONE, all of this
# user; and then run the words TIDY, which remove what the command did not come to remove.
KILL = (
    _MARKED
    + r"""
others() {
    for p in /proc/[0-9]*; do
        [ "$p" != "/proc/$$" ] && [ -O "$p" ] && alive "$p" && return 0
    done 2>/dev/null
    return 1
}
token=$1 alone=$3 tidy=$4
words "$2"
mine=$words
shift 4
answer=clean
begun
while if [ "$alone" ]; then kill -9 -1 2>/dev/null; others; else marked 9; fi; do
    late && { answer=left; break; }
done
printf '%s %s\n' "$token" "$answer" >&2
eval "$tidy"
"""
)

# End all processes but the first two, which are the init and the main process of a container.
KILL_OTHERS = (
    _LOOKS
    + r"""
main=
for p in /proc/[0-9]*; do
    p=${p#/proc/}
    [ $p -gt 1 ] && { [ -z "$main" ] || [ $p -lt $main ]; } && main=$p
done
begun
left=1
while [ "$left" ] && ! late; do
    left=
    for p in /proc/[0-9]*; do
        case ${p#/proc/} in 1 | $$ | $main) continue ;; esac
        alive "$p" && kill -9 "${p#/proc/}" && left=1
    done 2>/dev/null
done
[ -z "$left" ]
"""
)

# FOLDER... "" NEEDED...: what root does when a container has started. It opens the folders to all
# (a tmpfs over a folder of the image takes that folder's mode, whatever was asked for), and tells
# what is missing; `MARKS` among that is the kernel's part.
MARKS = "marks"
PREPARE = (
    _MARK
    + r"""
while [ "$1" ]; do chmod 1777 "$1"; shift; done
shift
for f; do command -v "$f" > /dev/null || printf '%s\n' "$f"; done
number=7
words "$number"
[ "$(ulimit -m)" = unlimited ] && put_on "$number" && mark /proc/self && [ "$mark" = "$words" ] ||
    echo marks
"""
)


def is_text(word: str) -> bool:
    """False of what stands for bytes that are none (`os.fsdecode`), and of halves of characters."""
    return not any("\ud800" <= character <= "\udfff" for character in word)


def parts_of(script: str) -> list[str] | None:
    """A script as arguments of a length that Linux takes; None when they cannot hold it."""
    if not is_text(script) or len(json.dumps(script)) > 500_000:
        return None
    return [script[start : start + 30_000] for start in range(0, len(script), 30_000)] or [""]


class Ending:
    """Finds in the stderr of a command the line that its launcher writes last: how it ended."""

    def __init__(self, token: str) -> None:
        self.code: int | None = None
        """As Python has it: minus the number of the signal that ended it."""
        self._begin = f"\0{token} ".encode()
        self._line = re.compile(re.escape(self._begin) + rb"(-?\d{1,3})\n")
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Return the bytes of this, and of what was held back, that are the command's own."""
        data = self._held + data
        found = self._line.search(data)
        if found is not None:
            self.code = int(found[1])
            data = data[: found.start()] + data[found.end() :]
        start = data.rfind(b"\0", -len(self._begin) - 4)
        if start < 0 or not self._may_begin(data[start:]):
            start = len(data)
        self._held = data[start:]
        return data[:start]

    def close(self) -> bytes:
        held, self._held = self._held, b""
        return held

    def _may_begin(self, data: bytes) -> bool:
        return self._begin.startswith(data) or data.startswith(self._begin)
