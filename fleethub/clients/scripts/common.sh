# What every script that runs at a target begins with. Of it reading needs no more, so it is sent less.
. ./unseen.sh
umask 077
PATH=$PATH:/usr/local/bin:/usr/local/sbin:/usr/sbin:/sbin:/opt/homebrew/bin
COPYFILE_DISABLE=1; export PATH COPYFILE_DISABLE
# shellcheck disable=SC2034  # of all of them
here=.fleethub held=
say() { printf '%s\n' "$*"; }
fail() { say "error $*"; exit 0; }
# absence is only told where it can be seen
gone() { unseen "$1"; [ -z "$why" ] || fail "$why"; }
# sockets PORT: puts into listening the sockets that listen there: another process has another one. The kernel looks
# through all connections for /proc/net/tcp, which takes milliseconds on a machine with much memory; it tells ss of one
# port at once
sockets() {
  listening=
  [ "$1" -gt 0 ] || return 0
  if command -v ss >/dev/null && rows=$(exec ss -Hltne "sport = :$1" 2>/dev/null); then
    while read -r row; do
      case $row in *" ino:"*) row=${row#* ino:}; listening="$listening${row%% *} ";; esac
    done <<EOF
$rows
EOF
  elif [ -r /proc/net/tcp ]; then
    hex=$(printf ':%04X' "$1")
    listening=$(grep -h " 0A " /proc/net/tcp /proc/net/tcp6 2>/dev/null | while read -r _ at _ _ _ _ _ _ _ inode _; do
      case $at in *"$hex") printf '%s ' "$inode";; esac
    done)
  else
    listening='?'
  fi
}
listener() { sockets "$1"; printf '%s' "$listening"; }
