# A reading where nothing is under way, as seen.sh says: nearly each of them, in a script of a third of the size. Where a
# delivery is made or broke off it ends with 75, and read.sh is to be asked.
. ./common.sh
at_rest() { [ ! -d $here/lock ] && [ ! -d $here/next ] || exit 75; }
. ./seen.sh
