# Input: path, who asks, then the new mark.
. ./target.sh
IFS= read -r target; IFS= read -r holder
cd "$target" || fail "no permission to look into $target"
lock
umask 022
cat >$here/mark.tmp || fail "cannot write the mark"
why=$(newer "$(field $here/mark.tmp lineage)" "$(field $here/mark.tmp serial)")
if [ -n "$why" ]; then rm -f $here/mark.tmp; fail "$why"; fi
settle $here/mark.tmp && mv -f $here/mark.tmp $here/mark.json || fail "cannot write the mark"
say stamped
