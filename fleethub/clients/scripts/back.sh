# Input: path, port, who asks. The set before the last one becomes the next one.
. ./target.sh
IFS= read -r target; IFS= read -r port; IFS= read -r holder
cd "$target" || fail "no permission to look into $target"
lock
if [ -d $here/next ]; then forward || fail "an earlier delivery cannot be finished"; fi
if [ ! -d $here/previous ]; then say none; exit 0; fi
in=$here/incoming
# a copy that is not whole takes room where there is none
refuse() { rm -rf $in; fail "$@"; }
rm -rf $in && mkdir $in && cp -Rp $here/previous $in/applied && cp -Rp $here/previous $in/files ||
  refuse "no space left at $target"
rm -rf $in/files/.fleethub
(cd $in/files && find . -type f | sed 's|^\./||' | sort) >$in/order && : >$in/stale || refuse "no space left at $target"
# the process from before the newer set is one of the set that comes back: that it stays is no fault
if [ "$(listener "$port")" != "$(cat $here/applied/.fleethub/listener 2>/dev/null)" ]; then
  listener "$port" >$in/applied/.fleethub/listener || refuse "no space left at $target"
fi
# what only the newer set has goes, where it still is as applied
(cd $here/applied && find . -path ./.fleethub -prune -o -type f -print | sed 's|^\./||') | while IFS= read -r path; do
  [ -f "$in/files/$path" ] || (cd $here/applied && sums "$path") >>$in/stale || exit 1
done || refuse "what only the newer set at $target has cannot be told"
keep $in/files $in/order || refuse "what it would overwrite cannot be kept in $target/$here/overwritten"
settle_all $in || refuse "the set before does not come to disk at $target: $lost"
mv $in $here/next && forward || fail "committed, and not finished: the next contact goes on"
rm -rf $here/previous
say back
