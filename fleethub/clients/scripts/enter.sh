# Input: path, who asks; lineage and serial of the apply; the digests of what came; paths in it that are FleetHub's and
# lie there already, an empty line.
# Output: "entered"
. ./target.sh
. ./arrival.sh
IFS= read -r target; IFS= read -r holder; IFS= read -r lineage; IFS= read -r serial; IFS= read -r digest
cd "$target" || fail "no permission to look into $target"
lock
newer "$lineage" "$serial"; [ -z "$why" ] || fail "$why"
[ -d $here/arriving ] || fail "what arrived at $target is gone: somebody else applies"
while IFS= read -r path && [ -n "$path" ]; do
  rm -f "$here/arriving/$path" || fail "cannot write to $target/$here"
  [ -f "$path" ] || continue
  case $path in */*) mkdir -p "$here/arriving/${path%/*}";; esac && cp -p "$path" "$here/arriving/$path" ||
    fail "no space left at $target"
done
say "$digest" >$here/arriving/.digest || fail "no space left at $target"
settle_all $here/arriving || fail "what was copied does not come to disk at $target: $lost"
mv $here/arriving $here/arrival || fail "cannot write to $target/$here"
enter || fail "what was copied to $target cannot be put into its place: is a folder of it a mount?"
say entered
