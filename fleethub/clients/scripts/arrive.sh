# Input: path, who asks; lineage and serial of the apply; then an archive of folders, as leave.sh makes it.
# Output: "received"; they are in .fleethub/arriving then.
. ./target.sh
IFS= read -r target; IFS= read -r holder; IFS= read -r lineage; IFS= read -r serial
cd "$target" || fail "no permission to look into $target"
lock
newer "$lineage" "$serial"; [ -z "$why" ] || fail "$why"
rm -rf $here/arriving; mkdir $here/arriving || fail "cannot write to $target/$here"
refuse() { rm -rf $here/arriving; fail "$@"; }
if [ "$(id -u)" = 0 ]; then whose=--numeric-owner; else whose=-o; fi
(cd $here/arriving && exec tar -x -p $whose -f -) || refuse "its folders did not arrive whole"
say received
