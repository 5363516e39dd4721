# unseen PATH: puts into why what keeps it from being told that nothing is there; nothing where that can be seen
# shellcheck disable=SC2034  # who calls it reads why
unseen() {
  why='' above=$1 missing=
  while [ ! -e "$above" ] && [ ! -L "$above" ]; do
    missing=${above##*/}
    case $above in */*) above=${above%/*};; *) above=.;; esac
    [ -n "$above" ] || above=/
  done
  if [ ! -d "$above" ]; then why="$above is not a folder"
  elif [ ! -x "$above" ]; then why="no permission to look into $above"
  elif [ -n "$missing" ] && [ -r "$above" ]; then
    listed='' listing=''
    for entry in "$above"/* "$above"/.*; do
      case ${entry##*/} in "$missing") why="$above/$missing cannot be looked at"; return;; '*' | '.*') ;; *) listed=1;; esac
    done
    # by the shell alone, unless it saw nothing: then a program says whether that is so
    [ -n "$listed" ] || listing=$(exec ls -a "$above" 2>/dev/null) || why="$above cannot be listed"
    case "
$listing
" in *"
$missing
"*) why="$above/$missing cannot be looked at";; esac
  fi
}
