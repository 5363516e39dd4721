# Input: the folder that it runs in, which is made; a command's words, an empty line; what it reads.
# Output: what it prints, each of both streams; its exit code.
IFS= read -r folder
[ -d "$folder" ] || mkdir -p -- "$folder" || exit 126
cd -- "$folder" || exit 126
set --
while IFS= read -r word && [ -n "$word" ]; do set -- "$@" "$word"; done
command -v "$1" >/dev/null 2>&1 || { echo "there is no $1 on this machine" >&2; exit 127; }
"$@"
