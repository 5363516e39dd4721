# Input: path, who asks; lineage and serial of the apply; words of the command that tells whether the next can be run here, an empty line; words of the
# command that ends the node, an empty line; sums of what may go, an empty line.
# Output: "unstopped" where the node was not ended, for there is nothing here to end it with; then "stays NAME" for
# what is left.
. ./target.sh
IFS= read -r target; IFS= read -r holder; IFS= read -r lineage; IFS= read -r serial
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
newer "$lineage" "$serial"; [ -z "$why" ] || fail "$why"
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
rm -rf $here/incoming $here/applied $here/previous $here/arriving || fail "cannot remove $target/$here"
rm -f $here/mark.json $here/arrived; free
rmdir $here 2>/dev/null
[ ! -d $here/overwritten ] || say "stays $here/overwritten"
for name in * .[!.]* ..?*; do
  [ "$name" != $here ] || [ ! -d $here/overwritten ] || continue
  if [ -e "$name" ] || [ -L "$name" ]; then say "stays $name"; fi
done
cd / && rmdir "$target" 2>/dev/null
say removed
