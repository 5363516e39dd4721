# What lies in a node's own folders. Input: path, who asks; the folder that they are looked for in, below it; the
# folders, an empty line; paths in them that are left out of it, an empty line.
# Output: "absent"; or "me UID", "arrived DIGEST OWNED" of what was copied here once, "folder NAME" of each that is
# there; then "things N", "bytes N", "full" where there is more than folders, "digest DIGEST OWNED": of all names,
# contents, links and modes, and of those with their owners; "owner UID" of each.
. ./target.sh
. ./arrival.sh
IFS= read -r target; IFS= read -r holder; IFS= read -r where
if [ ! -d "$target" ]; then
  if [ -e "$target" ] || [ -L "$target" ]; then fail "$target is not a folder"; fi
  gone "$target"; say absent; exit 0
fi
cd "$target" || fail "no permission to look into $target"
[ -d $here ] || mkdir $here || fail "cannot write to $target"
lock
if [ -d $here/arrival ]; then enter || fail "what was copied to $target cannot be put into its place"; fi
say "me $(id -u)"
if [ -f $here/arrived ]; then say "arrived $(cat $here/arrived)"; fi
set --
while IFS= read -r folder && [ -n "$folder" ]; do
  if [ -L "$where/$folder" ]; then fail "$target/$folder is a link: it is not known what is to be copied"; fi
  if [ -d "$where/$folder" ]; then set -- "$@" "./$folder"; say "folder $folder"
  elif [ -e "$where/$folder" ]; then fail "$target/$folder is not a folder"
  else gone "$where/$folder"; fi
done
[ $# -gt 0 ] || exit 0
while IFS= read -r path && [ -n "$path" ]; do set -- "$@" ! -path "./$path"; done
sum='shasum -a 256'
if command -v sha256sum >/dev/null; then sum=sha256sum; fi
list=$PWD/$here/account modes=$PWD/$here/modes
(
  cd "$where" || exit
  # shellcheck disable=SC2086  # two words
  find "$@" -type f -exec $sum {} + &&
    find "$@" -type l -exec sh -c 'for link; do printf "%s -> %s\n" "$link" "$(readlink "$link")"; done' sh {} + &&
    find "$@" -type d -print
) >"$list" || fail "what lies in $target cannot be read whole"
(cd "$where" && exec find "$@" \( -type f -o -type d \) -exec ls -ldn {} +) >"$modes" ||
  fail "what lies in $target cannot be read whole"
LC_ALL=C; export LC_ALL
say "things $(wc -l <"$list" | tr -d ' ')"
say "bytes $(awk '/^-/ { all += $5 } END { printf "%.0f", all }' "$modes")"
[ -z "$(cd "$where" && find "$@" ! -type d -print | head -n 1)" ] || say full
digest=$({ sort "$list"; awk '{ print substr($1, 1, 10) }' "$modes" | sort; } | sums | cut -c 1-64)
owned=$({ sort "$list"; awk '{ print substr($1, 1, 10), $3, $4 }' "$modes" | sort; } | sums | cut -c 1-64)
say "digest $digest $owned"
awk '{ print "owner", $3 }' "$modes" | sort -u
rm -f "$list" "$modes"
