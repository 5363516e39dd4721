# Input: path, port, the path that must answer there, seconds, "1" where the process must be a new one, who asks;
# the command's words, an empty line.
# Output: "command CODE", its last lines; "healthy" or "silent"; "old" where the process is the same as before.
. ./target.sh
IFS= read -r target; IFS= read -r port; IFS= read -r health; IFS= read -r seconds; IFS= read -r fresh; IFS= read -r holder
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
  if command -v curl >/dev/null; then curl -fsS -m 3 -o /dev/null "http://127.0.0.1:$port$health"
  elif command -v wget >/dev/null; then wget -q -T 3 -O /dev/null "http://127.0.0.1:$port$health"
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
