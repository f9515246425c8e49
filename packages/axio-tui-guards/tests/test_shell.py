"""The small shell parser: what it reads off a text, and what it refuses to read."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from axio_tui_guards.programs import programs_in
from axio_tui_guards.shell_words import Unparsable


def shown(text: str) -> list[str]:
    """The programs of a text; what only running it would tell stands in angle brackets."""
    return [
        " ".join(word.text if word.literal else f"<{word.text}>" for word in program.words)
        for program in programs_in(text)
        if program.words
    ]


@pytest.mark.parametrize(
    ("text", "programs"),
    [
        ("", []),
        ("# nothing", []),
        ("a 'b c' \"d e\" f\\ g", ["a b c d e f g"]),
        ("a | b && c || d; e & f", list("abcdef")),
        ("a|b|&c |&\nd", list("abcd")),
        ("a\n\n  b # c\nd", list("abd")),
        ("a \\\n b", ["a b"]),
        ("a '\\\n'", ["a \\\n"]),
        ('a "\\$x \\" \\a"', ['a $x " \\a']),
        ('a "$x" $ "$" "a$"', ['a <"$x"> $ $ a$']),
        (
            "a ${x} ${#x} ${x%.py} ${1} $1 $@ $?",
            ["a <${x}> <${#x}> <${x%.py}> <${1}> <$1> <$@> <$?>"],
        ),
        ("a {} b{} HEAD~1 x[1] y? {a,b}", ["a {} b{} HEAD~1 <x[1]> <y?> <{a,b}>"]),
        ("a ~ ~/x b:~ { } [ ]", ["a <~> <~/x> <b:~> { } [ ]"]),
        ("a $(b $(c)) `d`", ["c", "b <$(c)>", "d", "a <$(b $(c))> <`d`>"]),
        ("a $((1 + (2)))", ["a <$((1 + (2)))>"]),
        ("{ a; } > f; (b) 2>&1", ["a", "b"]),
        ("{ a & }", ["a"]),
        ("if a; then b; elif c; then d; else e; fi", list("abcde")),
        ("while a; do b; done; until c; do d; done", list("abcd")),
        ("for x; do a; done; for y do b; done", ["a", "b"]),
        ("for x\nin 1 2\ndo a; done", ["a"]),
        ("case x in esac; case x in a | b) c ;; (d) e;; esac", ["c", "e"]),
        ("f-1() { a; } > x", ["a"]),
        ("f() for x in 1; do a; done", ["a"]),
        ("cat <<X; a\n$y \\$ \\x\nX\nb", ["cat", "a", "b"]),
        ("cat <<'X' | a\n$(b\nX", ["cat", "a"]),
        ("cat <<-X\n\ty\n\tX\na", ["cat", "a"]),
        ("cat <<X\n$(a) `b` ${c}\nX", ["cat", "a", "b"]),
        ("sh <<X\na\nX", ["sh", "a"]),
        ("sh <<X > y\na\nX", ["sh", "a"]),
        ("export x=1 && a", ["export x=1", "a"]),
        ("trap; trap a EXIT", ["trap", "trap a EXIT", "a"]),
        ("nice -- a; command -v b; exec", ["nice -- a", "a", "command -v b", "exec"]),
        ("env", ["env"]),
        ("sudo -n -u me x=1 a", ["sudo -n -u me x=1 a", "a"]),
        ("find . -delete", ["find . -delete", "rm <(what find found)>"]),
        ("find . -fprint x", ["find . -fprint x"]),
        ("find . -exec sudo -u + a \\;", ["find . -exec sudo -u + a ;", "sudo -u + a", "a"]),
        ("xargs -0 -n1 a {}", ["xargs -0 -n1 a {}", "a {} <(what xargs reads)>"]),
        ("busybox a", ["busybox a", "a"]),
        ("printf '%s' x; sort x", ["printf %s x", "sort x"]),
    ],
)
def test_the_programs_of_a_text(text: str, programs: list[str]) -> None:
    assert shown(text) == programs


@pytest.mark.parametrize(
    "text",
    """
a 'b
a "b
a `b
a $(b
a \\
a )
( a
{ a
if a
if a; then b
while a; do b
for x in a
for x in a; b
for x in '$(a)'; do b; done
for PATH in a; do b; done
case a
case a b in
case a in b c) d;; esac
case a in b) c
case a in b) c;;& esac
case a in b) c;& esac
f() a
f(a) { b; }
a b() { c; }
"f"() { a; }
then
done
} a
;
a ;; b
a && ; b
| a
& a
a > ; b
a >
a &> b c
a &>& b
{ a; } &> b c
a > >(b)
a <<$x
a <<"x
a ${x
a ${x:-$(b)}
a ${x=b}
a ${x@P}
a ${!x}
a $[1]
x=a; b $((x))
a $'b'
a $"b"
a `b \\`c\\``
a "b `c \\"d\\"`"
x[1]=2
x+=1
x=(a)
PATH=. a
LD_PRELOAD=x a
http_proxy=x a
x='$(a)'
'' a
"" a
$x
*
~/a
nice if a
time { a; }
eval $x
eval 'a
trap $x EXIT
export PATH=x
export $x
export PATH
alias a=b
read PATH
read 'a[1]'
read -a x
unset PATH
printf -v x a
printf $x a
sh -c
sh -c $x
sh -c -e a
sh <<X
a | sh
nohup -x a
env -S a
env -i - a
env $x
env $x=1 a
env 'a b=1' c
env PATH=x a
nice $x a
timeout $x a
xargs -I{} {} a
xargs -z a
find $x
find . -exec a
select x in a; do b; done
[[ a
[[ a > b ]]
[[ -v a ]]
(( 1 ))
function f { a; }
coproc a
""".strip("\n").split("\n"),
)
def test_what_it_refuses_to_read(text: str) -> None:
    with pytest.raises(Unparsable):
        programs_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "cat <<X\na",
        "cat <<X\na\\\nb\nX",
        "cat <<X $(a\n)\nX",
        "cat <<X 'a\nb'\nX",
        "a $(cat <<X)\nX",
        "cat <<'X\n'\na",
        "a b\\\nc",
        'a "b\\\nc"',
        "a\0b",
        "a\x1bb",
        "a\rb",
        "$(" * 30 + "a" + ")" * 30,
        "sh -c " * 30 + "a",
        "nice " * 30 + "a",
        "( " * 3000 + "a" + ")" * 3000,
        "eval " * 30 + "a",
    ],
)
def test_what_it_refuses_to_read_over_several_lines_or_nested_too_deeply(text: str) -> None:
    with pytest.raises(Unparsable):
        programs_in(text)


PIECES = st.sampled_from(
    "a rm x=1 ' \" ` $( ) ( { } ; ;; & && | || > < << <<- \n # \\ $ ${ if then fi for in do done "
    "case esac while f() ! eval sh -c env find xargs * ~ [ ] \t".split(" ")
)


@given(st.lists(PIECES, max_size=25), st.sampled_from(["", " "]))
def test_any_text_is_read_or_refused(pieces: list[str], between: str) -> None:
    try:
        programs = programs_in(between.join(pieces))
    except Unparsable:
        return
    assert all(word.literal for program in programs for word in program.words[:1])
