# unseen PATH: print why it cannot be told that nothing is there; nothing where that can be seen
unseen() {
  up=$1 name=
  while [ ! -e "$up" ] && [ ! -L "$up" ]; do
    name=${up##*/}
    case $up in */*) up=${up%/*};; *) up=.;; esac
    [ -n "$up" ] || up=/
  done
  if [ ! -d "$up" ]; then printf '%s\n' "$up is not a folder"
  elif [ ! -x "$up" ]; then printf '%s\n' "no permission to look into $up"
  elif [ -n "$name" ] && [ -r "$up" ]; then
    names=$(ls -a "$up" 2>/dev/null) || printf '%s\n' "$up cannot be listed"
    case "
$names
" in *"
$name
"*) printf '%s\n' "$up/$name cannot be looked at";; esac
  fi
}
