# Input: path, who asks; lineage and serial of the apply; words of the command that tells whether the next can be run
# here, an empty line; words of the command that ends the node, an empty line.
# Output: "stopped". From then on its mark no longer says that a process uses what lies there.
. ./target.sh
IFS= read -r target; IFS= read -r holder; IFS= read -r lineage; IFS= read -r serial
[ -d "$target" ] || fail "$target is not a folder"
cd "$target" || fail "no permission to look into $target"
lock
if [ -d $here/next ]; then forward || fail "an earlier delivery cannot be finished"; fi
newer "$lineage" "$serial"; [ -z "$why" ] || fail "$why"
set --
while IFS= read -r word && [ -n "$word" ]; do set -- "$@" "$word"; done
[ $# -eq 0 ] || "$@" </dev/null >/dev/null 2>&1 || fail "nothing here can end it: $* does not work"
set --
while IFS= read -r word && [ -n "$word" ]; do set -- "$@" "$word"; done
command -v "$1" >/dev/null || fail "there is no $1 on this machine"
if [ -f $here/mark.json ]; then  # before it ends: a mark that still says so would have it taken for one that runs
  sed '/^ "activated": /d' $here/mark.json >$here/mark.tmp && chmod 644 $here/mark.tmp &&
    mv -f $here/mark.tmp $here/mark.json || fail "cannot write to $target/$here"
fi
said=$("$@" 2>&1 </dev/null); code=$?
[ $code -eq 0 ] || fail "$1 ended with $code: $(say "$said" | tail -n 5 | tr '\n' ' ')"
say stopped
