"""Programs for the shell of a container that read, write and tell of files, and what they answer.

As those of `axio_tools_docker.inside` they are the same in BusyBox, dash and bash.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence

from axio_tools_local.workspace import Entry

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

# PATH NAME: remove what a write that was cut off has left beside its file.
TIDY = _PATH + _RESOLVED + 'rm -f "${p%/*}/$2"\n'

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
