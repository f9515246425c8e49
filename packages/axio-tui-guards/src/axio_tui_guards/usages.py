"""Usage lines of programs that run no others, and of those that run the rest of their words.

Only what is the same with GNU and BSD stands here, or what BSD refuses; so it is no list of all
options, but of those whose reading is certain. `usage` explains the form.
"""

from __future__ import annotations

from collections.abc import Mapping

from axio_tui_guards.usage import Usage, read_table

__all__ = ("USAGES", "WRAPPERS")

_FILES = r"""
cat,tac,nl,rev,fold,fmt,expand,unexpand: -AbeEnstTuv --number --number-nonblank --show-all \
 --show-ends --show-tabs --show-nonprinting --squeeze-blank -w=t : r* ! reads
head,tail: -qvfFzr -n,--lines=t -c,--bytes=t --quiet --silent --verbose --follow[=t] --retry \
 -s,--sleep-interval=t --pid=t -0123456789 : r* ! reads
wc: -clLmw --bytes --chars --lines --words --max-line-length --files0-from=x : r* ! reads
cksum,sum: : r* ! reads
md5sum,sha1sum,sha256sum,sha512sum,shasum,b2sum: -btz -a,--algorithm=t --binary --text --tag \
 -c,--check=x : r* ! reads
base64,base32: -d,--decode -D -w,--wrap=t : r* ! reads
cut: -nszw -b,--bytes=t -c,--characters=t -d,--delimiter=t -f,--fields=t --complement \
 --only-delimited --output-delimiter=t : r* ! reads
paste: -sz -d,--delimiters=t --serial : r* ! reads
sort: -bdfghiMnrRsuVzcCm -k,--key=t -t,--field-separator=t -S,--buffer-size=t \
 -T,--temporary-directory=w -o,--output=w \
 --reverse --unique --numeric-sort --human-numeric-sort --version-sort --ignore-case --stable \
 --check[=t] --parallel=t --files0-from=x --compress-program=x --random-source=r : r* ! reads runs
uniq: -cdDiuz -f,--skip-fields=t -s,--skip-chars=t -w,--check-chars=t --count --repeated --unique \
 --ignore-case : r w ! reads
comm: -123iz --check-order --nocheck-order --total --output-delimiter=t : r r ! reads
join: -iz -1=t -2=t -a=t -e=t -j=t -o=t -t=t -v=t --header --check-order --nocheck-order \
 : r r ! reads
tr: -cCdst --complement --delete --squeeze-repeats --truncate-set1 : t t ! reads
tee: -aip --append --ignore-interrupts : w*
shuf: -erz -n,--head-count=t -i,--input-range=t -o,--output=w --echo --repeat --random-source=r \
 : r* ! reads
cmp: -bls -i=t -n=t --silent --quiet --print-bytes --verbose : r r t t ! reads
diff: -abBcdeiNnqsTtuwyEpZ -r,--recursive -U,--unified[=t] -C,--context[=t] -I=t -W,--width=t \
 -x,--exclude=t --brief --color[=t] --side-by-side --suppress-common-lines --strip-trailing-cr \
 --ignore-all-space --ignore-space-change --ignore-blank-lines --ignore-case --new-file --text \
 --no-dereference --minimal : r r ! reads deep wanders=-r
file: -bLhikNnprsv --brief --mime --mime-type --mime-encoding --dereference -F=t -f=x -m=x -C=x \
 : r* ! reads
stat: -Lx --dereference -c,--format=t --printf=t : r* ! reads
strings: -a --all -n,--bytes=t -t,--radix=t : r* ! reads
od: -abcdfilosxv -A,--address-radix=t -j,--skip-bytes=t -N,--read-bytes=t -t,--format=t -w[=t] \
 : r* ! reads
hexdump: -bcdoxCv -n=t -s=t -e=t -f=x : r* ! reads
xxd: -p,-ps -bCiru : r w ! reads
column: -tnex -c=t -s,--separator=t -N=t -o=t --table : r* ! reads
iconv: -cl -f,--from-code=t -t,--to-code=t --list -o,--output=w : r* ! reads
grep,egrep,fgrep: -abcEFGhHiLlnoPqsvwxyzUZ -r,--recursive -R,--dereference-recursive \
 -A,--after-context=t -B,--before-context=t -C,--context=t -e,--regexp=t -f,--file=r \
 -m,--max-count=t -0123456789 --color[=t] --colour[=t] --include=t --exclude=t \
 --exclude-dir=t --exclude-from=r --count --ignore-case --invert-match --line-number --no-messages \
 --only-matching --quiet --silent --with-filename --no-filename --word-regexp --line-regexp \
 --files-with-matches --files-without-match --extended-regexp --fixed-strings --perl-regexp \
 --basic-regexp --text --null --null-data --line-buffered --label=t --binary-files=t \
 : t+ef r* ! reads deep=-r,-R here=-r,-R wanders=-R
ls: -1AaBbCcFfGgHhikLlmNnoPpqQrSstuUvXxZ -R,--recursive --all --almost-all --human-readable \
 --color[=t] --sort=t --time=t --time-style=t --format=t --group-directories-first --classify[=t] \
 --directory -d --full-time --inode --size --reverse --ignore=t --hide=t --dereference \
 : r* ! reads here deep=-R wanders=-L
tree: -aACdDfFghilnNpqrstuUvxXJ -L=t -I=t -P=t -o=w -H=t -T=t --charset=t --dirsfirst --gitignore \
 --noreport --prune --du --filelimit=t --matchdirs --inodes --device --si : r* ! reads deep here \
 wanders=-l
du: -0abcDHhkLlmPsSx -d,--max-depth=t -t,--threshold=t --exclude=t --apparent-size --bytes --total \
 --human-readable --summarize --si --time[=t] -X,--exclude-from=r --files0-from=x \
 : r* ! reads deep here wanders=-L
df: -aHhiklPT --human-readable --inodes --local --total --si --portability --print-type -t=t \
 --type=t --output[=t] : r* ! reads
pwd: -LP --logical --physical : ! reads
readlink,realpath: -efmnqsvz --canonicalize --canonicalize-existing --canonicalize-missing \
 --no-newline --quiet --relative-to=r --relative-base=r --strip --no-symlinks --zero -LP : r* ! \
 reads
"""

_CHANGES = r"""
cp: -abfHiLlnPpsTuvx -r,--recursive -R -t,--target-directory=w --suffix=t --archive --force \
 --backup[=t] --dereference --no-dereference --interactive --link --symbolic-link --no-clobber \
 --no-target-directory --parents --preserve[=t] --no-preserve=t --reflink[=t] --sparse=t --update \
 --verbose --one-file-system --strip-trailing-slashes : w* ! \
 deep=-r,-R,-a,--archive,-l,-s,--link,--symbolic-link wanders=-L,-H,--dereference into \
 links=-r,-R,-a,--archive,-s,--symbolic-link
mv: -bfinTuv -t,--target-directory=w --suffix=t --force --interactive --no-clobber --backup[=t] \
 --no-target-directory --update --verbose --strip-trailing-slashes : w* ! deep links
ln: -bFfhinLPrsTvw -t,--target-directory=w --suffix=t --symbolic --force --relative --backup[=t] \
 --logical --physical --no-dereference --no-target-directory --interactive --verbose : w* ! deep \
 into links
link,unlink: : w*
rm: -f,--force -r,-R,--recursive -i,-I -d,--dir -v,--verbose --interactive[=t] --one-file-system \
 --preserve-root[=t] --no-preserve-root : w* ! deep=-r
rmdir: -pv --parents --verbose --ignore-fail-on-non-empty : w*
mkdir: -p,--parents -v,--verbose -m,--mode=t : w*
mktemp: -dqu --directory --quiet --dry-run --suffix=t -p,--tmpdir=w : w
touch: -acmhf -r,--reference=r -t=t -d,--date=t --time=t --no-create --no-dereference : w*
truncate: -co -s,--size=t -r,--reference=r --no-create --io-blocks : w*
chmod: -cfhvHLP -R,--recursive --changes --quiet --silent --verbose --preserve-root \
 --no-preserve-root --reference=r : w* ! deep=-R wanders=-H,-L
chown,chgrp: -cfhvHLP -R,--recursive --changes --quiet --silent --verbose --dereference \
 --no-dereference --preserve-root --no-preserve-root --from=t --reference=r : w* ! deep=-R \
 wanders=-H,-L
shred: -fuvxz -n,--iterations=t -s,--size=t --remove[=t] --zero --force --verbose : w*
sync: -df : w*
tar: -x,--extract,--get -c,--create -t,--list -r,--append -u,--update -zjJvkpahlmO -f,--file=f \
 -C,--directory=d --exclude=t --strip-components=t --gzip --bzip2 --xz --zstd --verbose \
 --keep-old-files --overwrite --no-same-owner --owner=t --group=t : x+xctru w* ! deep here runs \
 wanders=-h links=-x
"""

_TEXTS = r"""
basename: -az -s,--suffix=t --multiple --zero : t* ! reads
dirname: -z --zero : t* ! reads
seq,expr,sleep,yes,arch,nproc,tty,groups,whoami,free,uptime,cal,id,uname,echo,printf,true,\
false,popd,shift,exit,return,break,continue: : ! reads words
wait: -nf : t* ! reads
ps,kill: : ! words
cd,pushd: -LP : r ! reads
hostname: -adfiIsy --fqdn --long --short --ip-address --all-ip-addresses -F=x : ! reads
who,users: -abdHlmpqrstuTw --all --boot --count --heading : r* ! reads
which,whereis: -abmsSBMul --all : t* ! reads
pgrep: -aclnovwxfi -u=t -U=t -P=t -g=t -s=t -t=t -d=t --full --exact --list-name --list-full \
 --newest --oldest --count : t ! reads
pkill: -aclnovwxfie -0123456789 -u=t -U=t -P=t -g=t -s=t -t=t --full --exact --newest --oldest \
 --signal=t : t
date: -u,--utc,--universal -R,--rfc-email -d,--date=t -I[=t] --iso-8601[=t] --rfc-3339=t : t
lsof: -abCDhlnOPRtUvVwX -i=t -p=t -u=t -c=t -g=t -d=t : r*
"""

_NET = r"""
curl: -#012346aBfGgIijklMNOpqRSsvZ -L,--location --fail --fail-with-body --get --globoff --head \
 --include --insecure --remote-name -J,--remote-header-name --silent --show-error --verbose \
 --compressed --create-dirs --ipv4 --ipv6 --http1.1 --http2 --no-buffer --no-progress-meter \
 --progress-bar --retry-connrefused --ssl-reqd --tlsv1.2 --tlsv1.3 --path-as-is --location-trusted \
 -A,--user-agent=t -b,--cookie=x -C,--continue-at=t -c,--cookie-jar=w -D,--dump-header=w \
 -d,--data=@ --data-ascii=@ --data-binary=@ --data-raw=t --data-urlencode=@ --json=@ -E,--cert=x \
 -e,--referer=t -F,--form=@ --form-string=t -H,--header=@ -K,--config=x -m,--max-time=t \
 -o,--output=w --output-dir=d -r,--range=t -T,--upload-file=g -u,--user=t -w,--write-out=@ \
 -X,--request=t -x,--proxy=u --cacert=r --capath=r --key=r --cert-type=t --connect-timeout=t \
 --limit-rate=t --max-filesize=t --max-redirs=t --retry=t --retry-delay=t --retry-max-time=t \
 --oauth2-bearer=t --url=u --proxy-user=t --connect-to=x --resolve=x \
 : u* ! net follows=-L,--location-trusted names=-O,-J,--remote-name settings
ping: -46abDLnqrRUv -c=t -i=t -W=t -w=t -s=t -t=t : h ! reads net
host: -a46 : h h ! reads net
nslookup: : h h ! reads net settings
"""

_LANGUAGES = r"""
sed,gsed: -nErsuz --quiet --silent --regexp-extended --separate --null-data --posix \
 -e,--expression=p -f,--file=x -i,--in-place[=t] : p+ef r* ! reads runs writes=-i
awk,gawk,mawk,nawk: -F,--field-separator=t -v,--assign=t -f,--file=x : p r* ! reads runs
jq: -aCcejMnrRsS --compact-output --raw-output --raw-input --slurp --null-input --exit-status \
 --tab \
 --sort-keys --color-output --monochrome-output --ascii-output --join-output --unbuffered \
 --indent=t \
 --arg=tt --argjson=tt -f,--from-file=x -L=x --slurpfile=tx --rawfile=tx : p r* ! reads settings
"""

_WRAPPERS = r"""
env: -i,--ignore-environment -0,--null -u,--unset=t -C=x -S=x : =* c
sudo: -nEHSbk -u=t -g=t -p=t -C=t : =* c
doas: -n -u=t : =* c
nice: -n,--adjustment=t : c
ionice: -t -c=t -n=t : c
nohup,busybox,toybox: : c
setsid: -wfc --wait --fork --ctty : c
stdbuf: -i,--input=t -o,--output=t -e,--error=t : c
timeout: -v,--verbose --foreground --preserve-status -s,--signal=t -k,--kill-after=t : t c
time,command: -p : c
exec: : c
xargs: -0,--null -r,--no-run-if-empty -t,--verbose -x,--exit -n,--max-args=t -L,--max-lines=t \
 -P,--max-procs=t -I=i -d,--delimiter=t -s,--max-chars=t -E=t -a=x : c
"""

_TABLE = read_table(_FILES + _CHANGES + _TEXTS + _NET + _LANGUAGES)

USAGES: Mapping[str, Usage] = {**_TABLE, ":": _TABLE["true"]}
"""Programs that run no other, whatever their arguments."""

WRAPPERS: Mapping[str, Usage] = read_table(_WRAPPERS)
"""Programs that run the rest of their words."""
