"""What runs at a target: POSIX sh, with the tools of any Linux, BusyBox or macOS. What varies comes on standard input.

``.fleethub/`` at the target:

* ``incoming/``  a delivery that is being received and checked; worth nothing
* ``next/``      the same folder after one rename: committed. Whoever comes next goes on with ``forward``
* ``applied/``   the set that was applied last, with its mark: what drift is told by
* ``previous/``  the set before it: what a node gets back that does not come up
* ``overwritten/``  what somebody else had written in the place of a file, in a folder for each delivery that took
  its place; the last ten
* ``lock/``      who writes here now
* ``mark.json``  the mark of what lies there, renamed last

A script answers on standard output, one thing per line, and ends with 0; ``error TEXT`` is a refusal. ``answer.ask``
runs it: it tells where the answer begins and ends, and calls ``leave`` wherever the script exits.
"""

from __future__ import annotations

from fleethub.clients.answer import UNSEEN

#: What a reading ends with when a delivery was made meanwhile.
OVERTAKEN = 75

#: Reads the target's path, and goes there; the functions that several scripts need.
_COMMON = (
    UNSEEN
    + r"""
umask 077
PATH=$PATH:/usr/local/bin:/usr/local/sbin:/usr/sbin:/sbin:/opt/homebrew/bin
COPYFILE_DISABLE=1; export PATH COPYFILE_DISABLE
here=.fleethub
held=
say() { printf '%s\n' "$*"; }
sums() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }
settle() { sync "$@" 2>/dev/null || sync; }
fail() { say "error $*"; exit 0; }
alive() { if [ -d /proc/self ]; then [ -d "/proc/$1" ]; else kill -0 "$1" 2>/dev/null; fi; }
free() { rm -rf "$here/lock"; held=; }
leave() { [ -z "$held" ] || free; }
# absence is only told where it can be seen
gone() { why=$(unseen "$1"); [ -z "$why" ] || fail "$why"; }
lock() {
  waited=0 missed=0
  until mkdir "$here/lock" 2>/dev/null; do
    if [ ! -d "$here/lock" ]; then  # let go of just now, or nothing can be made here
      missed=$((missed + 1)); [ $missed -lt 5 ] || fail "cannot write to $PWD/$here"
      continue
    fi
    pid=; read -r pid who 2>/dev/null <"$here/lock/holder"
    dead=
    if [ -n "$pid" ]; then alive "$pid" || dead=1; elif [ $waited -ge 3 ]; then dead=1; fi
    if [ -n "$dead" ]; then
      mv "$here/lock" "$here/stale.$$" 2>/dev/null && rm -rf "$here/stale.$$"
    elif [ $waited -ge 15 ]; then
      fail "${who:-somebody} is writing there now (process $pid); if not, remove $PWD/$here/lock"
    else
      waited=$((waited + 1)); sleep 1
    fi
  done
  held=1
  say "$$ $holder" 2>/dev/null >"$here/lock/holder" || fail "no space left for $PWD/$here/lock/holder"
}
# the sockets that listen on a port: another process has another one
listener() {
  [ "$1" -gt 0 ] || return 0
  if [ -r /proc/net/tcp ]; then
    hex=$(printf ':%04X' "$1")
    grep -h " 0A " /proc/net/tcp /proc/net/tcp6 2>/dev/null | while read -r _ at _ _ _ _ _ _ _ inode _; do
      case $at in *"$hex") printf '%s ' "$inode";; esac
    done
  else
    say '?'
  fi
}
# keeps what a delivery would overwrite and FleetHub did not write: neither the applied set's nor what comes.
# Before the commit, for what cannot be kept must not be overwritten
keep() {
  kept=
  while IFS= read -r path; do
    [ -e "$path" ] || [ -L "$path" ] || continue
    if [ ! -L "$path" ]; then
      [ -f "$path" ] || continue
      cmp -s "$path" "$here/applied/$path" && continue
      cmp -s "$path" "$1/$path" && continue
    fi
    if [ -z "$kept" ]; then
      kept=$(date -u +%Y%m%dT%H%M%SZ)
      [ -d $here/overwritten ] || mkdir $here/overwritten || return 1
      # after the last of this second, never in the place of one that was let go: the newest must sort last
      for last in "$here/overwritten/$kept"*; do :; done
      case $last in
        *Z) kept=$kept-01;;
        *Z-[0-9][0-9]) last=1${last##*-}; kept=$kept-$(printf %02d $((last - 99)));;
      esac
      mkdir "$here/overwritten/$kept" || return 1
    fi
    case $path in */*) mkdir -p "$here/overwritten/$kept/${path%/*}" || return 1;; esac
    cp -pP "$path" "$here/overwritten/$kept/$path" || return 1
    settle "$here/overwritten/$kept"
    say "kept $here/overwritten/$kept/$path"
  done <"$2"
  [ -n "$kept" ] || return 0
  set -- "$here"/overwritten/*
  while [ $# -gt 10 ]; do
    [ "$1" = "$here/overwritten/$kept" ] || rm -rf "$1"  # a clock that was set back
    shift
  done
}
# finishes a committed delivery; every line of it may be done twice
forward() {
  trap '' HUP PIPE INT TERM
  while IFS= read -r path; do
    [ -f "$here/next/files/$path" ] || continue
    case $path in */*) (umask 022; mkdir -p "${path%/*}") || return 1;; esac
    if [ -d "$path" ] && [ ! -L "$path" ]; then return 1; fi
    mv -f "$here/next/files/$path" "$path" || return 1
  done <"$here/next/order"
  while IFS= read -r line; do
    path=${line#*  }
    if [ -f "$path" ] && [ ! -L "$path" ] && say "$line" | sums -c >/dev/null 2>&1; then rm -f "$path" || return 1; fi
  done <"$here/next/stale"
  if [ -d "$here/next/set" ]; then
    if [ -d "$here/applied" ]; then rm -rf "$here/previous" && mv "$here/applied" "$here/previous" || return 1; fi
    mv "$here/next/set" "$here/applied" || return 1
  fi
  cp -p "$here/applied/.fleethub/mark.json" "$here/mark.tmp" && mv -f "$here/mark.tmp" "$here/mark.json" || return 1
  settle . "$here"
  rm -rf "$here/next"
}
"""
)

#: Input: path; ``machine`` and the programs to be asked, to look at the machine too; who asks; paths; an empty line.
#: Output: ``absent`` or ``present``; of each path ``file``, ``kind`` or ``none``; ``more`` for what else is in the tar
#: that comes after ``end``. A path without a line, or a file that is not in the tar, was not read. Ends with OVERTAKEN
#: where it says nothing.
READ = (
    _COMMON
    + r"""
IFS= read -r target; IFS= read -r machine; IFS= read -r holder
if [ -n "$machine" ]; then
  bounded=; command -v timeout >/dev/null && bounded='timeout 10'
  for tool in docker openclaw curl wget; do command -v $tool >/dev/null && say "tool $tool"; done
  sed -n \
    's/^ *[0-9]*: [0-9A-F]*:\([0-9A-F]*\) [^ ]* 0A [^ ]* [^ ]* [^ ]* *[0-9]* *[0-9]* *\([0-9]*\) .*/listens \1 \2/p' \
    /proc/net/tcp /proc/net/tcp6 2>/dev/null
  case $machine in *" openclaw"*)
    command -v openclaw >/dev/null && version=$($bounded openclaw --version 2>/dev/null </dev/null) &&
      say "tool openclaw $version"
  esac
  case $machine in *" docker"*)
    say "uid $(id -u)"
    if command -v docker >/dev/null; then
      version=$($bounded docker compose version --short 2>/dev/null </dev/null) && say "tool compose $version"
      p=com.docker.compose.project
      $bounded docker ps -a --filter label=$p --format \
        "container	{{.Label \"$p\"}}	{{.Label \"$p.working_dir\"}}	{{.State}}	{{.Ports}}" 2>/dev/null ||
        say "silent docker"
    fi
  esac
fi
if [ ! -d "$target" ]; then
  if [ -e "$target" ] || [ -L "$target" ]; then fail "$target is not a folder"; fi
  gone "$target"; say absent; say end; exit 0
fi
cd "$target" 2>/dev/null || fail "no permission to look into $target"
say present
if [ -d $here ] && [ ! -x $here ]; then fail "no permission to look into $target/$here"; fi
if [ -d $here/lock ] && [ -w $here ]; then lock; fi
if [ -d $here/next ]; then
  [ -w $here ] || fail "a delivery was committed and not finished, and only its user can finish it"
  [ -n "$held" ] || lock
  if [ -d $here/next ]; then forward && say forwarded || fail "a committed delivery cannot be finished"; fi
fi
# the set that lies there, by its mark, which is renamed last; no program is started for it
set_of() {
  which=
  if [ -d $here/next ]; then which=next
  elif [ -r $here/mark.json ]; then while IFS= read -r line; do which=$which$line; done <$here/mark.json; fi
}
set_of; before=$which
for name in compose.yaml compose.yml docker-compose.yaml docker-compose.yml; do
  [ -f $name ] && say "compose $name"
done
set --
while IFS= read -r path && [ -n "$path" ]; do
  if [ -L "$path" ]; then say "kind link $path"
  elif [ -f "$path" ]; then
    [ -r "$path" ] || fail "no permission to read $target/$path"
    say "file $path"
    set -- "$@" "./$path"
  elif [ -d "$path" ]; then say "kind folder $path"
  elif [ -e "$path" ]; then say "kind other $path"
  else gone "$path"; say "none $path"; fi
  old=$here/applied/$path
  if [ -f "$old" ] && [ ! -L "$old" ] && [ -r "$old" ]; then say "more $old"; set -- "$@" "./$old"; fi
done
for path in $here/mark.json $here/applied/.fleethub/listener; do
  if [ -f $path ]; then
    if [ -r $path ]; then say "more $path"; set -- "$@" "./$path"
    elif [ $path = $here/mark.json ]; then fail "no permission to read $target/$path"; fi
  fi
done
[ -e $here/mark.json ] || gone $here/mark.json
say end
[ $# -eq 0 ] || tar -cf - "$@" || exit
set_of; [ -n "$held" ] || [ "$which" = "$before" ] || exit 75
"""
)

#: Input: path, port, ``1`` where a restart is needed, uid, who delivers; then the archive of ``Bundle.pack``.
DELIVER = (
    _COMMON
    + r"""
IFS= read -r target; IFS= read -r port; IFS= read -r restart; IFS= read -r uid; IFS= read -r holder
(umask 022; mkdir -p "$target/$here") || fail "cannot make $target/$here"
cd "$target" || fail "no permission to look into $target"
lock
if [ -d $here/next ]; then forward || fail "an earlier delivery cannot be finished"; fi
in=$here/incoming
refuse() { rm -rf $in; fail "$@"; }
if [ -e $in ] || [ -L $in ]; then rm -rf $in; fi
mkdir $in || fail "cannot write to $target/$here"
(cd $in && exec tar -xpmof -) || refuse "its files did not arrive whole"
[ -f $in/sums ] && (cd $in && sums -c sums >/dev/null 2>&1) || refuse "its files did not arrive whole"
changed="changed since the plan was made; plan again"
if [ -s $in/expects ] && ! bad=$(sums -c $in/expects 2>/dev/null); then
  refuse "$(say "$bad" | sed -n 's/: FAILED.*//p' | sed -n 1p) $changed"
fi
while IFS= read -r path; do
  if [ -f "$path" ] && [ ! -L "$path" ]; then refuse "$path $changed"; fi
done <$in/absent
while IFS= read -r path; do
  [ -d "$path" ] && continue
  (umask 022; mkdir -p "$path") || refuse "cannot make $target/$path"
  if [ "$(id -u)" = 0 ]; then chown "$uid:$uid" "$path"; fi
done <$in/folders
while IFS= read -r name && IFS= read -r kind; do
  set --; while IFS= read -r word && [ -n "$word" ]; do set -- "$@" "$word"; done
  unmet=; "$@" </dev/null >/dev/null 2>&1 || unmet=1
  set --
  while IFS= read -r word && [ -n "$word" ]; do
    case $word in *@set@*) word=${word%%@set@*}$target/$in/set${word#*@set@};; esac
    set -- "$@" "$word"
  done
  if [ -n "$unmet" ]; then say "unchecked $name"; continue; fi
  said=$(cd $in/set && "$@" 2>&1 </dev/null); code=$?
  if [ $kind = json ]; then
    case $(say "$said" | tr -d ' \n\t') in *'"valid":true'*'"warnings":[]'*) ;; *) [ $code -ne 0 ] || code=1;; esac
  fi
  [ $code -eq 0 ] || refuse "$name ended with $code: $(say "$said" | tail -n 20 | tr '\n' ' ')"
  say "checked $name"
done <$in/checks
# nothing is committed that could not be renamed into its folder
while IFS= read -r path; do
  case $path in */*) up=${path%/*};; *) up=.;; esac
  if [ -d "$up" ] && [ ! -w "$up" ]; then refuse "no permission to write to $target/$up"; fi
done <$in/order
old=applied/.fleethub/listener
if [ "$restart" = 1 ]; then listener "$port" >$in/set/.fleethub/listener
elif [ -f $here/$old ]; then cp -p $here/$old $in/set/.fleethub/listener; fi || refuse "no space left at $target"
keep $in/files $in/order || refuse "what it would overwrite cannot be kept in $target/$here/overwritten"
set --
while IFS= read -r line; do set -- "$@" "$in/${line#*  }"; done <$in/sums
settle "$@" $in
mv $in $here/next || refuse "cannot commit the delivery"
forward || fail "committed, and not finished: the next contact goes on"
say delivered
"""
)

#: Input: path, port, seconds, ``1`` where the process must be a new one, who asks; the command's words, an empty line.
#: Output: ``command CODE``, its last lines; ``healthy`` or ``silent``; ``old`` where the process is the same as before.
RUN = (
    _COMMON
    + r"""
IFS= read -r target; IFS= read -r port; IFS= read -r seconds; IFS= read -r fresh; IFS= read -r holder
cd "$target" || fail "no permission to look into $target"
lock
if [ -d $here/next ]; then forward || fail "an earlier delivery cannot be finished"; fi
set --
while IFS= read -r word && [ -n "$word" ]; do set -- "$@" "$word"; done
if [ $# -gt 0 ]; then
  command -v "$1" >/dev/null || fail "there is no $1 on this machine"
  said=$("$@" 2>&1 </dev/null); code=$?
  say "command $code $(say "$said" | tail -n 5 | tr '\n' ' ')"
  [ $code -eq 0 ] || exit 0
fi
[ "$port" -gt 0 ] || exit 0
ask() {
  if command -v curl >/dev/null; then curl -fsS -m 3 -o /dev/null "http://127.0.0.1:$port/healthz"
  elif command -v wget >/dev/null; then wget -q -T 3 -O /dev/null "http://127.0.0.1:$port/healthz"
  else fail "neither curl nor wget is on this machine, so its health cannot be asked"; fi
}
before=; [ "$fresh" = 1 ] && [ -f $here/applied/.fleethub/listener ] && before=$(cat $here/applied/.fleethub/listener)
[ "$before" != '?' ] || before=
end=$(($(date +%s) + seconds)); state=silent
while :; do
  if ask 2>/dev/null; then
    state=healthy
    now=$(listener "$port")
    if [ -z "$before" ] || [ -z "$now" ] || [ "$now" != "$before" ]; then say healthy; exit 0; fi
    state=old
  fi
  [ "$(date +%s)" -lt $end ] || break
  sleep 0.2 2>/dev/null || sleep 1
done
say $state
"""
)

#: Input: path, who asks, then the new mark.
STAMP = (
    _COMMON
    + r"""
IFS= read -r target; IFS= read -r holder
cd "$target" || fail "no permission to look into $target"
lock
umask 022
cat >$here/mark.tmp && settle $here/mark.tmp && mv -f $here/mark.tmp $here/mark.json || fail "cannot write the mark"
say stamped
"""
)

#: Input: path, port, who asks. The set before the last one becomes the next one.
BACK = (
    _COMMON
    + r"""
IFS= read -r target; IFS= read -r port; IFS= read -r holder
cd "$target" || fail "no permission to look into $target"
lock
if [ -d $here/next ]; then forward || fail "an earlier delivery cannot be finished"; fi
if [ ! -d $here/previous ]; then say none; exit 0; fi
in=$here/incoming
rm -rf $in && mkdir $in && cp -Rp $here/previous $in/set && cp -Rp $here/previous $in/files ||
  fail "no space left at $target"
rm -rf $in/files/.fleethub
(cd $in/files && find . -type f | sed 's|^\./||' | sort) >$in/order && : >$in/stale || fail "no space left at $target"
# the process from before the newer set is one of the set that comes back: that it stays is no fault
if [ "$(listener "$port")" != "$(cat $here/applied/.fleethub/listener 2>/dev/null)" ]; then
  listener "$port" >$in/set/.fleethub/listener || fail "no space left at $target"
fi
# what only the newer set has goes, where it still is as applied
(cd $here/applied && find . -path ./.fleethub -prune -o -type f -print | sed 's|^\./||') | while IFS= read -r path; do
  [ -f "$in/files/$path" ] || (cd $here/applied && sums "$path") >>$in/stale
done
keep $in/files $in/order || fail "what it would overwrite cannot be kept in $target/$here/overwritten"
settle $in
mv $in $here/next && forward || fail "committed, and not finished: the next contact goes on"
rm -rf $here/previous
say back
"""
)

#: Input: path, who asks; words of the command that tells whether the next can be run here, an empty line; words of the
#: command that ends the node, an empty line; sums of what may go, an empty line.
#: Output: ``unstopped`` where the node was not ended, for there is nothing here to end it with; then ``stays NAME`` for
#: what is left.
REMOVE = (
    _COMMON
    + r"""
IFS= read -r target; IFS= read -r holder
if [ ! -e "$target" ] && [ ! -L "$target" ]; then gone "$target"; say removed; exit 0; fi
[ -d "$target" ] || fail "$target is not a folder"
cd "$target" || fail "no permission to look into $target"
set --
while IFS= read -r word && [ -n "$word" ]; do set -- "$@" "$word"; done
unmet=; [ $# -eq 0 ] || "$@" </dev/null >/dev/null 2>&1 || unmet=1
set --
while IFS= read -r word && [ -n "$word" ]; do set -- "$@" "$word"; done
if [ -d $here ]; then lock; fi
if [ -d $here/next ]; then forward || fail "an earlier delivery cannot be finished"; fi
if [ $# -gt 0 ] && [ -n "$unmet" ]; then say unstopped
elif [ $# -gt 0 ]; then
  command -v "$1" >/dev/null || fail "there is no $1 on this machine"
  said=$("$@" 2>&1 </dev/null); code=$?
  [ $code -eq 0 ] || fail "$1 ended with $code: $(say "$said" | tail -n 5 | tr '\n' ' ')"
fi
while IFS= read -r line && [ -n "$line" ]; do
  path=${line#*  }
  if [ ! -e "$path" ] && [ ! -L "$path" ]; then gone "$path"; fi
  [ -f "$path" ] && [ ! -L "$path" ] || continue
  if say "$line" | sums -c >/dev/null 2>&1; then rm -f "$path" || fail "cannot remove $target/$path"; fi
  while case $path in */*) true;; *) false;; esac; do path=${path%/*}; rmdir "$path" 2>/dev/null || break; done
done
rm -rf $here/incoming $here/applied $here/previous || fail "cannot remove $target/$here"
rm -f $here/mark.json; free
rmdir $here 2>/dev/null
[ ! -d $here/overwritten ] || say "stays $here/overwritten"
for name in * .[!.]* ..?*; do
  [ "$name" != $here ] || [ ! -d $here/overwritten ] || continue
  if [ -e "$name" ] || [ -L "$name" ]; then say "stays $name"; fi
done
cd / && rmdir "$target" 2>/dev/null
say removed
"""
)
