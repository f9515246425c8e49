"""Programs for the shell of a container, and what they answer: the same in BusyBox, dash and bash.

A container has no agent of ours: an image is used as it is. All that is asked of it is a POSIX
shell and the programs in `NEEDED`. The programs here start no process where one may not be had:
when a command has used up all that the container may have, the shell's own words still work.

**The mark.** Each command runs under a limit of its own for RSS, which Linux has not enforced since
2.4.30. Children inherit it, and no `setsid`, double fork or `env -i` takes it off; so it tells in
`/proc/PID/limits` which processes belong to which command.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence

from axio_tools_local.workspace import Entry

NEEDED = ("chmod", "dd", "head", "mkdir", "mv", "readlink", "rm", "sleep", "stat", "tail", "xargs")

STARTED = "started"
CLEAN = "clean"

# `alive` is false of what has ended and is not forgotten yet. `late` is true some seconds after
# `begun`: a kill takes effect when the processor has time for it.
_LOOKS = r"""
alive() {
    read -r line < "$1/stat" && case ${line##*)} in " Z"* | " X"*) return 1 ;; esac
}
begun() { read -r begun rest < /proc/uptime; begun=${begun%.*}; }
late() { read -r now rest < /proc/uptime; [ $((${now%.*} - begun)) -gt 5 ]; }
"""

# Sends a signal to what has the mark, and is true if that was anything. What is started while it
# looks it does not see; so it looks again when the kernel has given out a number meanwhile.
_MARKED = (
    _LOOKS
    + r"""
marked() {
    looks=0
    while [ $looks -lt 10 ]; do
        looks=$((looks + 1))
        read -r a b c d first rest < /proc/loadavg
        look "$1" && return 0
        read -r a b c d last rest < /proc/loadavg
        [ "$first" = "$last" ] && return 1
    done
    return 1
}
look() {
    none=1
    for p in /proc/[0-9]*; do
        [ "$p" = "/proc/$$" ] && continue
        while read -r a b c soft rest; do
            [ "$a$b$c" = Maxresidentset ] || continue
            [ "$soft" = "$bytes" ] && alive "$p" && kill "-$1" "${p#/proc/}" && none=0
            break
        done < "$p/limits"
    done 2>/dev/null
    return $none
}
"""
)

# TOKEN MARK FOLDER INPUT SCRIPT COUNT PART... COMMAND...: run a command, and end what it leaves.
# The first line on stderr tells how it began: the token, and "started" or the name of an error.
LAUNCH = (
    _MARKED
    + r"""
begin() { printf '%s %s\n' "$token" "$1" >&3; }
fail() { begin "$1"; exit 125; }
there() {
    case $1 in */*) [ -x "$1" ] && [ ! -d "$1" ]; return ;; esac
    found= IFS=:
    for f in $PATH; do [ -x "$f/$1" ] && [ ! -d "$f/$1" ] && found=1; done
    unset IFS
    [ -n "$found" ]
}
token=$1 mark=$2 folder=$3 input=$4 script=$5 count=$6
shift 6
bytes=$((mark * 1024))
exec 3>&2 2>/dev/null
ulimit -c 0
ulimit -m "$mark"
CDPATH= cd -- "$folder" || {
    [ -e "$folder" ] || fail ENOENT
    [ -d "$folder" ] || fail ENOTDIR
    fail EACCES
}
eval "there \"\${$((count + 1))}\"" || fail ENOEXEC
if [ "$count" -gt 0 ]; then
    while [ "$count" -gt 0 ]; do
        printf %s "$1" || { rm -f "$script"; fail ENOSPC; }
        shift
        count=$((count - 1))
    done > "$script"
fi
begin started
(exec "$@") 2>&3 3>&-
code=$?
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
[ -z "$input" ] || dd of=/dev/null bs=65536 # what it did not read would keep the connection open
exit $code
"""
)

# TOKEN MARK ALONE SCRIPT: end all processes of a command, or, with ALONE, all of this user.
KILL = (
    _MARKED
    + r"""
others() {
    for p in /proc/[0-9]*; do
        [ "$p" != "/proc/$$" ] && [ -O "$p" ] && alive "$p" && return 0
    done 2>/dev/null
    return 1
}
token=$1 bytes=$(($2 * 1024)) alone=$3 script=$4
answer=clean
begun
while if [ "$alone" ]; then kill -9 -1 2>/dev/null; others; else marked 9; fi; do
    late && { answer=left; break; }
done
printf '%s %s\n' "$token" "$answer" >&2
[ -z "$script" ] || rm -f "$script"
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
PREPARE = r"""
while [ "$1" ]; do chmod 1777 "$1"; shift; done
shift
for f; do command -v "$f" > /dev/null || printf '%s\n' "$f"; done
ulimit -m 1048583
while read -r a b c soft rest; do
    [ "$a$b$c" = Maxresidentset ] && [ "$soft" = 1073748992 ] && exit 0
done 2>/dev/null < /proc/self/limits
echo marks
"""

# ── files ─────────────────────────────────────────────────────────────────────────────────────

_PATH = r"""
export LC_ALL=C
p=$(printf '%b.' "$1")
p=${p%.}
fail() { printf '%s\n' "$1" >&2; exit 1; }
"""
# `readlink -f` of BusyBox goes astray where a link leads to nothing.
_RESOLVED = r"""
links=0
while [ -L "$p" ]; do
    links=$((links + 1))
    [ $links -le 40 ] || fail 'Too many levels of symbolic links'
    l=$(readlink "$p" && echo .) || exit 1
    l=${l%??}
    case $l in /*) p=$l ;; *) p=${p%/*}/$l ;; esac
done
"""
_KIND = r"""
mode=$(stat -L -c %f "$p") || exit 1
case $mode in
8*) ;;
4*) fail 'Is a directory' ;;
*) fail 'not a regular file' ;;
esac
"""

# PATH OFFSET SIZE
READ = (
    _PATH
    + _KIND
    + r"""
[ -r "$p" ] || fail 'Permission denied'
if [ "$3" -lt 0 ]; then
    tail -c "+$(($2 + 1))" "$p"
elif [ "$2" -eq 0 ]; then
    head -c "$3" "$p"
else
    tail -c "+$(($2 + 1))" "$p" | head -c "$3"
fi
"""
)

# PATH MODE SIZE NAME: stdin becomes the content. It is complete, and on the disk, before it takes
# the old file's place.
WRITE = (
    _PATH
    + _RESOLVED
    + r"""
d=${p%/*}
said=$(mkdir -p "${d:-/}" 2>&1) || {
    case $said in *': File exists') fail 'Not a directory' ;; *) fail "$said" ;; esac
}
keep=
if [ -e "$p" ] || [ -L "$p" ]; then
"""
    + _KIND
    + r"""
    keep=$(stat -c %a "$p")
fi
t=$d/$4
(umask 077; dd of="$t" bs=65536 conv=fsync) && {
    [ "$(stat -c %s "$t")" = "$3" ] || fail 'Input/output error'
} && {
    [ -z "$keep" ] || { [ -O "$p" ] && [ -G "$p" ]; } ||
        chown "$(stat -c %u:%g "$p")" "$t" 2>/dev/null || :
} && chmod "${2:-${keep:-644}}" "$t" && mv -f "$t" "$p" || {
    rm -f "$t"
    exit 1
}
"""
)

REMOVE = _PATH + _RESOLVED + _KIND + 'rm -f "$p"\n'

_FACTS = "'%f %s %Y'"

STAT = (
    _PATH
    + rf"""
stat -L -c {_FACTS} "$p" 2>/dev/null || stat -c {_FACTS} "$p"
"""
)

# All names, and then what is known of each, with its name again: one that is gone meanwhile is left
# out.
LIST = (
    _PATH
    + r"""
mode=$(stat -L -c %f "$p") || exit 1
case $mode in 4*) ;; *) fail 'Not a directory' ;; esac
[ -r "$p" ] && cd "$p" 2>/dev/null || fail 'Permission denied'
names() { printf '%s\0' ./* ./.[!.]* ./..?*; }
names
printf '\0'
names | xargs -0 stat -c '%f %s %Y %n' 2>/dev/null
printf '\0'
names | xargs -0 stat -L -c '%f %s %Y %n' 2>/dev/null
exit 0
"""
)

# The words of the C libraries (GNU, musl) and shells (dash) that differ from Python's.
_WORDS = {
    "Directory nonexistent": errno.ENOENT,
    "No such file": errno.ENOENT,
    "Filename too long": errno.ENAMETOOLONG,
    "Symbolic link loop": errno.ELOOP,
    "I/O error": errno.EIO,
    **{os.strerror(code): code for code in errno.errorcode},
}


def escaped(path: str) -> str:
    r"""A path as the programs take it: any name can be said in it, also what is not UTF-8."""
    data = os.fsencode(path)
    if b"\0" in data:
        raise ValueError("embedded null byte")
    return "".join(
        "\\\\" if byte == 0x5C else chr(byte) if byte < 0x80 else f"\\0{byte:o}" for byte in data
    )


def error_of(message: bytes, path: str) -> OSError:
    """The error that a program has told in words, which stand at the end of a line."""
    text = message.decode("utf-8", "replace").strip()
    for line in text.splitlines():
        code = _WORDS.get(line.rpartition(": ")[2])
        if code is not None:
            return OSError(code, os.strerror(code), path)
    return OSError(f"{path}: {text or 'the container gave no answer'}")


def parts_of(script: str) -> list[str] | None:
    """A script as arguments of a length that Linux takes; None when it is too long for them."""
    if len(script) > 250_000:
        return None
    return [script[start : start + 30_000] for start in range(0, len(script), 30_000)] or [""]


def entry_of(name: str, facts: bytes) -> Entry:
    """From a line of `STAT`."""
    mode, size, modified = facts.split()[:3]
    kind = int(mode, 16)
    return Entry(name, kind, int(size), float(modified), broken=kind >> 12 == 0o12)


def entries_of(answer: bytes) -> list[Entry]:
    """From the answer of `LIST`."""
    names, _, rest = answer.partition(b"\0\0")
    own, _, followed = rest.partition(b"\0")
    listed = names.split(b"\0")
    found = dict(_records(listed, own))
    found |= dict(_records(listed, followed))
    return [entry_of(os.fsdecode(name[2:]), facts) for name, facts in found.items()]


def _records(names: Sequence[bytes], text: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Lines `FACTS NAME`, in the order of the names, of which any may be missing.

    A name may hold line feeds; therefore it is the names that tell where a line ends.
    """
    position = 0
    for name in names:
        start = position
        for _ in range(3):
            start = text.find(b" ", start) + 1
            if start == 0:
                return
        if text.startswith(name + b"\n", start):
            yield name, text[position : start - 1]
            position = start + len(name) + 1
