# A reading, as seen.sh says, that waits for a delivery which is made now, and finishes one that broke off. Ends with 75
# where one was made meanwhile.
. ./target.sh
at_rest() {
  if [ -d $here/lock ] && [ -w $here ]; then lock; fi
  [ -d $here/next ] || return 0
  [ -w $here ] || fail "a delivery was committed and not finished, and only its user can finish it"
  [ -n "$held" ] || lock
  [ ! -d $here/next ] || { forward && say forwarded; } || fail "a committed delivery cannot be finished"
}
. ./seen.sh
