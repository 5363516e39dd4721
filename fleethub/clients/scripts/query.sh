# Input: path, who asks; the command's words, an empty line.
# Output: "said " and the last line of its standard error; "out " and each line of its standard output; "code CODE".
. ./target.sh
IFS= read -r target; IFS= read -r holder
cd "$target" || fail "no permission to look into $target"
set --
while IFS= read -r word && [ -n "$word" ]; do set -- "$@" "$word"; done
command -v "$1" >/dev/null || fail "there is no $1 on this machine"
said=$here/said.$$
out=$("$@" </dev/null 2>"$said"); code=$?
say "said $(tail -n 1 "$said")"; rm -f "$said"
say "$out" | sed 's/^/out /'
say "code $code"
