# Input: path, who asks; lineage and serial of the apply; the folders that leave, an empty line.
# Output: an archive of them; what is wrong stands on standard error, and the code is not 0.
. ./target.sh
fail() { printf '%s\n' "$*" >&2; exit 1; }
IFS= read -r target; IFS= read -r holder; IFS= read -r lineage; IFS= read -r serial
cd "$target" || fail "no permission to look into $target"
lock
newer "$lineage" "$serial"; [ -z "$why" ] || fail "$why"
set --
while IFS= read -r folder && [ -n "$folder" ]; do set -- "$@" "./$folder"; done
tar -cf - "$@"
