# Input: path, who asks; lineage and serial of the apply; then the new mark.
. ./target.sh
IFS= read -r target; IFS= read -r holder; IFS= read -r lineage; IFS= read -r serial
cd "$target" || fail "no permission to look into $target"
lock
umask 022
cat >$here/mark.tmp || fail "cannot write the mark"
newer "$lineage" "$serial"
if [ -n "$why" ]; then rm -f $here/mark.tmp; fail "$why"; fi
settle $here/mark.tmp && mv -f $here/mark.tmp $here/mark.json || fail "cannot write the mark"
say stamped
