# .fleethub/arriving/  folders of a node that are being received; worth nothing
# .fleethub/arrival/   the same after one rename: whoever comes next puts them into their place
# .fleethub/arrived    the digests of what came
# puts what came into its place; every line of it may be done twice
enter() {
  # shellcheck disable=SC2154  # target.sh says where
  for folder in "$here"/arrival/*; do
    [ -d "$folder" ] || continue
    rm -rf "./${folder##*/}" && mv "$folder" "./${folder##*/}" || return 1
  done
  if [ -f "$here/arrival/.digest" ]; then mv -f "$here/arrival/.digest" "$here/arrived" || return 1; fi
  settle . "$here" || return 1
  rm -rf "$here/arrival"
}
