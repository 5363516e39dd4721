# Goes before a script, with frame set: what stands in the lines around the answer. A script that must clean up defines
# leave; the end is told from wherever it exits.
leave() { :; }
# shellcheck disable=SC2154  # it is assigned where the trap runs
trap 'ended=$?; trap - EXIT; leave; printf "\n%s end %s\n" "$frame" "$ended"; exit "$ended"' EXIT
trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 143' TERM
printf '\n%s begin\n' "${frame:?}"
