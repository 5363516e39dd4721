# What look.sh and read.sh do. Input: path; "machine", the programs to be asked, ":PORT", or "+PORT" where the last
# set waits for a new process, to look at the machine too; who asks; paths; an empty line.
# Output: "absent" or "present"; of each path "file", "kind" or "none"; "more" for what else is in the tar
# that comes after "end". A path without a line, or a file that is not in the tar, was not read. Ends with 75
# where a delivery was made meanwhile, and says nothing.
# shellcheck disable=SC2034,SC2154  # common.sh assigns here and listening, and target.sh reads holder
IFS= read -r target; IFS= read -r machine; IFS= read -r holder
if [ -n "$machine" ]; then
  bounded=; command -v timeout >/dev/null && bounded='timeout 10'
  for tool in docker curl wget; do command -v $tool >/dev/null && say "tool $tool"; done
  for tool in ${machine#machine}; do
    case $tool in
      +*) if [ -s "$target/$here/applied/.fleethub/listener" ]; then tool=:${tool#+}; else continue; fi;;
    esac
    case $tool in :*) sockets "${tool#:}"; say "listens ${tool#:} $listening"; continue;; esac
    if [ "$tool" = docker ] || ! command -v "$tool" >/dev/null; then continue; fi
    version=$($bounded "$tool" --version 2>/dev/null </dev/null) || version=
    say "tool $tool $version"
  done
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
if [ -d "$here" ] && [ ! -x "$here" ]; then fail "no permission to look into $target/$here"; fi
at_rest
# the set that lies there, by its mark, which is renamed last; no program is started for it
set_of() {
  which=
  if [ -d "$here/next" ]; then which=next
  elif [ -r "$here/mark.json" ]; then while IFS= read -r line; do which=$which$line; done <"$here/mark.json"; fi
}
# a pipe would never end, and what is there is no absent mark
if [ -e "$here/mark.json" ] && [ ! -f "$here/mark.json" ]; then fail "$target/$here/mark.json is not a file: remove it"; fi
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
for path in "$here/mark.json" $here/applied/.fleethub/listener; do
  if [ -f "$path" ]; then
    if [ -r "$path" ]; then say "more $path"; set -- "$@" "./$path"
    elif [ "$path" = "$here/mark.json" ]; then fail "no permission to read $target/$path"; fi
  fi
done
[ -e "$here/mark.json" ] || gone "$here/mark.json"
say end
[ $# -eq 0 ] || tar -cf - "$@" || exit
set_of; [ -n "$held" ] || [ "$which" = "$before" ] || exit 75
