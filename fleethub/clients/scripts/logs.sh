# In: the target's folder, then the words of a command, a line each. Out: what it prints, both streams.
IFS= read -r folder || exit 2
cd -- "$folder" 2>/dev/null || { echo "there is no folder $folder"; exit 3; }
set --
while IFS= read -r word; do set -- "$@" "$word"; done
command -v "$1" >/dev/null 2>&1 || { echo "there is no $1 on its machine"; exit 4; }
exec "$@" </dev/null 2>&1
