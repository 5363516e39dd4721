# What the scripts that run at a target have in common: POSIX sh, with the tools of any Linux, BusyBox or macOS.
# What varies comes on standard input. An answer goes to standard output, one thing per line, and the exit code is 0;
# "error TEXT" is a refusal.
#
# .fleethub/ at the target, which host/placing.py writes too where FleetHub's own machine has it:
#   incoming/     a delivery that is being received and checked; worth nothing
#   next/         the same folder after one rename: committed. Whoever comes next goes on with forward; what goes into
#                 .fleethub/ has its name there
#   applied/      the set that was applied last, with its mark: what drift is told by
#   previous/     the set before it: what a node gets back that does not come up
#   overwritten/  what somebody else had written in the place of a file, in a folder for each delivery that took its
#                 place; the last ten
#   arriving/, arrival/, arrived  what is copied from a node's old place (arrival.sh)
#   lock/         who writes here now
#   mark.json     the mark of what lies there, renamed last
. ./common.sh
run=
# run="exec" sums in a process that is for it alone
sums() { if command -v sha256sum >/dev/null; then $run sha256sum "$@"; else $run shasum -a 256 "$@"; fi; }
# puts into me which user this is; of the system's own file where it has one, by the shell alone
account() {
  me=
  if [ -r /proc/self/status ]; then
    while read -r name _ id _; do case $name in Uid:) me=$id; break;; esac; done </proc/self/status
  fi
  [ -n "$me" ] || me=$(exec id -u)
}
# settle PATH...: they are on disk when it returns 0. Else nothing that hangs on them may go on: a disk says once that it
# lost something, and whoever asks again, be it for everything, hears that all is well
settle() { lost=$(LC_ALL=C; export LC_ALL; exec sync "$@" 2>&1) || unsaid; }
# settle_all FOLDER: with all that is in it
settle_all() { lost=$(LC_ALL=C; export LC_ALL; exec find "$1" \( -type f -o -type d \) -exec sync {} + 2>&1) || unsaid; }
unsaid() {
  case $lost in *"I/O error"*|*"Input/output error"*|*"No space left"*|*"uota exceeded"*) lost=${lost%%
*}; return 1;; esac
  sync  # a file system that cannot say it of a folder, or a sync that takes no names
}
alive() { if [ -d /proc/self ]; then [ -d "/proc/$1" ]; else kill -0 "$1" 2>/dev/null; fi; }
free() { rm -rf "$here/lock"; held=; }
leave() { [ -z "$held" ] || free; }
lock() {
  waited=0 missed=0
  until mkdir "$here/lock" 2>/dev/null; do
    if [ ! -d "$here/lock" ]; then  # let go of just now, or nothing can be made here
      missed=$((missed + 1))
      if [ $missed -lt 5 ]; then continue; fi
      if mkdir "$here/lock"; then break; fi  # whose word on why not is passed on
      fail "cannot write to $PWD/$here"
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
  # shellcheck disable=SC2154  # each script reads who asks
  say "$$ $holder" 2>/dev/null >"$here/lock/holder" || fail "no space left for $PWD/$here/lock/holder"
}
# newer LINEAGE SERIAL: puts into why that this apply may not write here, for one of a higher serial has while it was
# frozen, or it cannot be told. Of a mark, as FleetHub writes it, a line each; no program is started for it
newer() {
  why='' known='' there=''
  if [ -e $here/mark.json ] && [ ! -f $here/mark.json ]; then why="$PWD/$here/mark.json is not a file: remove it"; fi
  if [ -z "$1" ] || [ ! -f $here/mark.json ]; then return 0; fi
  while IFS= read -r line; do
    case $line in ' "lineage": '*) to=known;; ' "serial": '*) to=there;; *) continue;; esac
    line=${line#*: }; line=${line%,}; line=${line#\"}; line=${line%\"}
    if [ "$to" = known ]; then known=$line; else there=$line; fi
  done 2>/dev/null <$here/mark.json
  [ "$known" = "$1" ] || return 0
  case $there in ''|*[!0-9]*) return 0;; esac
  case $2 in ''|*[!0-9]*) return 0;; esac
  [ "$there" -le "$2" ] || why="apply $there wrote there since, and this is apply $2; plan again"
}
# whether all that a list names is as it was applied, or not there: two programs for all, where keep runs one for each
as_applied() {
  set --
  while IFS= read -r path; do
    if [ ! -e "$path" ] && [ ! -L "$path" ]; then continue; fi
    if [ -L "$path" ] || [ ! -f "$path" ] || [ ! -f "$here/applied/$path" ]; then return 1; fi
    set -- "$@" "./$path"
  done <"$list"
  [ $# -gt 0 ] || return 0
  (cd $here/applied && sums "$@" 2>/dev/null) | sums -c >/dev/null 2>&1
}
# keeps what a delivery would overwrite and FleetHub did not write: neither the applied set's nor what comes.
# Before the commit, for what cannot be kept must not be overwritten
keep() {
  kept='' list=$2
  if as_applied; then return 0; fi
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
    case $path in */*) up=$here/overwritten/$kept/${path%/*};; *) up=$here/overwritten/$kept;; esac
    if [ -L "$path" ]; then settle "$up" "$here/overwritten/$kept"
    else settle "$here/overwritten/$kept/$path" "$up" "$here/overwritten/$kept"; fi || return 1
    say "kept $here/overwritten/$kept/$path"
  done <"$2"
  [ -n "$kept" ] || return 0
  set -- "$here"/overwritten/*
  while [ $# -gt 10 ]; do
    [ "$1" = "$here/overwritten/$kept" ] || rm -rf "$1"  # a clock that was set back
    shift
  done
}
# put FOLDER FILE...: renames files into a folder, in their order, by one program for all
put() { [ $# -lt 2 ] || { into=$1; shift; mv -f "$@" "$into/"; }; }
# finishes a committed delivery; every line of it may be done twice. "forward last": nothing follows, the lock goes too
forward() {
  last=$1
  trap '' HUP PIPE INT TERM
  set -- .
  while IFS= read -r path; do
    [ -f "$here/next/files/$path" ] || continue
    case $path in */*) up=${path%/*}; [ -d "$up" ] || (umask 022; exec mkdir -p "$up") || return 1;; *) up=.;; esac
    if [ -d "$path" ] && [ ! -L "$path" ]; then return 1; fi
    [ "$up" = "$1" ] || { put "$@" || return 1; set -- "$up"; }
    set -- "$@" "$here/next/files/$path"
  done <"$here/next/order"
  put "$@" || return 1
  while IFS= read -r line; do
    path=${line#*  }
    if [ -f "$path" ] && [ ! -L "$path" ] && say "$line" | sums -c >/dev/null 2>&1; then rm -f "$path" || return 1; fi
  done <"$here/next/stale"
  if [ -d "$here/next/set" ]; then mv "$here/next/set" "$here/next/applied" || return 1; fi  # of an older FleetHub
  set -- "$here"
  if [ -d "$here/next/applied" ]; then
    if [ -d "$here/applied" ]; then
      if [ -d "$here/previous" ]; then rm -rf "$here/previous" || return 1; fi
      mv "$here/applied" "$here/previous" || return 1
    fi
    set -- "$@" "$here/next/applied"
  fi
  [ ! -d "$here/mark.json" ] || return 1  # mv would put it in there
  # the mark is the last one; what lies there without it was committed by back.sh, or is done a second time
  if [ -f "$here/next/mark.json" ]; then put "$@" "$here/next/mark.json" || return 1
  else
    put "$@" && cp -p "$here/applied/.fleethub/mark.json" "$here/mark.tmp" && settle "$here/mark.tmp" &&
      mv -f "$here/mark.tmp" "$here/mark.json" || return 1
  fi
  settle . "$here" || return 1
  if [ -z "$last" ]; then rm -rf "$here/next"; else rm -rf "$here/next" "$here/lock" && held=; fi
}
