# Input: path, port, "1" where a restart is needed, uid, who delivers; lineage and serial of the apply; then the archive
# of Bundle.pack.
. ./target.sh
IFS= read -r target; IFS= read -r port; IFS= read -r restart; IFS= read -r uid; IFS= read -r holder
IFS= read -r lineage; IFS= read -r serial
[ -d "$target/$here" ] || (umask 022; exec mkdir -p "$target/$here") || fail "cannot make $target/$here"
cd "$target" || fail "no permission to look into $target"
lock
if [ -d $here/next ]; then forward || fail "an earlier delivery cannot be finished"; fi
in=$here/incoming
refuse() { rm -rf $in; fail "$@"; }
if [ -e $in ] || [ -L $in ]; then rm -rf $in; fi
(cd $here && exec tar -xpmof -) || refuse "its files did not arrive whole"
[ -f $in/sums ] && (cd $in && run="exec" sums -c sums >/dev/null 2>&1) || refuse "its files did not arrive whole"
unchanged() {
  newer "$lineage" "$serial"
  [ -z "$why" ] || refuse "$why"
  changed="changed since the plan was made; plan again"
  if [ -s $in/expects ] && ! bad=$(sums -c $in/expects 2>/dev/null); then
    refuse "$(say "$bad" | sed -n 's/: FAILED.*//p' | sed -n 1p) $changed"
  fi
  while IFS= read -r line; do [ ! -L "${line#*  }" ] || refuse "${line#*  } $changed"; done <$in/expects
  while IFS= read -r path; do
    if [ -f "$path" ] && [ ! -L "$path" ]; then refuse "$path $changed"; fi
  done <$in/absent
}
unchanged
set --
while IFS= read -r path; do [ -d "$path" ] || set -- "$@" "./$path"; done <$in/folders
me=
if [ $# -gt 0 ] || [ -s $in/owners ] || [ -s $in/private ]; then account; fi
if [ $# -gt 0 ]; then
  # by two programs: install -d would give away what a link leads to that somebody put there in between
  (umask 022; exec mkdir -p "$@") || refuse "cannot make a folder in $target"
  if [ "$me" = 0 ]; then chown -h "$uid:$uid" "$@"; fi
fi
while IFS= read -r name && IFS= read -r kind; do
  set --; while IFS= read -r word && [ -n "$word" ]; do set -- "$@" "$word"; done
  unmet=; "$@" </dev/null >/dev/null 2>&1 || unmet=1
  set --
  while IFS= read -r word && [ -n "$word" ]; do
    case $word in *@set@*) word=${word%%@set@*}$target/$in/applied${word#*@set@};; esac
    set -- "$@" "$word"
  done
  if [ -n "$unmet" ]; then say "unchecked $name"; continue; fi
  said=$(cd $in/applied && "$@" 2>&1 </dev/null); code=$?
  if [ "$kind" = json ]; then
    case $(say "$said" | tr -d ' \n\t') in *'"valid":true'*'"warnings":[]'*) ;; *) [ $code -ne 0 ] || code=1;; esac
  fi
  if [ "$kind" = lenient ]; then
    case $(say "$said" | tr -d ' \n\t') in *'"valid":true'*) ;; *) [ $code -ne 0 ] || code=1;; esac
  fi
  [ $code -eq 0 ] || refuse "$name ended with $code: $(say "$said" | tail -n 20 | tr '\n' ' ')"
  say "checked $name"
done <$in/checks
# a file that is somebody else's stays his: what runs as another user must go on reading it
while IFS= read -r path; do
  if [ "$me" != 0 ] || [ ! -f "$path" ]; then continue; fi
  # shellcheck disable=SC2012  # one path that is known; stat differs between systems
  who=$(ls -ldn "$path" | awk '{ print $3 ":" $4 }')
  for file in "$in/applied/$path" "$in/files/$path"; do
    [ ! -f "$file" ] || chown -h "$who" "$file" || refuse "cannot give $path to its owner"
  done
done <$in/owners
# what the node's own process reads, and nobody else may
while IFS= read -r path; do
  [ "$me" = 0 ] || break
  for file in "$in/applied/$path" "$in/files/$path"; do
    [ ! -f "$file" ] || chown -h "$uid:$uid" "$file" || refuse "cannot give $path to its owner"
  done
done <$in/private
# nothing is committed that could not be renamed into its folder
# fixed PATH: refuses where a file is there that no other may take the place of, and that may not be removed
fixed() {
  if [ ! -f "$1" ] || [ -L "$1" ] || [ -w "$1" ]; then return 0; fi
  # its mode alone would be no obstacle; who is root, or owns it and may write, is kept from it by something else
  if [ "$(id -u)" != 0 ]; then
    # shellcheck disable=SC3067,SC2012  # dash, ash and bash have it; one path that is known
    if [ ! -O "$1" ]; then return 0; fi
    case $(ls -ldn "$1") in ??w*) ;; *) return 0;; esac
  fi
  refuse "$target/$1 must not change: chattr -i there, or what mounts it read-only"
}
while IFS= read -r line; do
  path=${line#*  }
  if [ -f "$path" ] && [ ! -w "$path" ] && say "$line" | sums -c >/dev/null 2>&1; then fixed "$path"; fi
done <$in/stale
while IFS= read -r path; do
  fixed "$path"
  if [ -d "$path" ] && [ ! -L "$path" ]; then refuse "$target/$path is a folder, not a file: remove it"; fi
  up=./$path
  while up=${up%/*}; [ ! -d "$up" ]; do
    if [ -e "$up" ] || [ -L "$up" ]; then refuse "$target/${up#./} is not a folder: remove it"; fi
  done
  [ -w "$up" ] || refuse "no permission to write to $target/${up#./}"
done <$in/order
old=applied/.fleethub/listener
if [ "$restart" = 1 ]; then listener "$port" >$in/applied/.fleethub/listener
elif [ -f $here/$old ]; then cp -p $here/$old $in/applied/.fleethub/listener; fi || refuse "no space left at $target"
keep $in/files $in/order || refuse "what it would overwrite cannot be kept in $target/$here/overwritten"
# of somebody else's files it is what he had, not the last set, that comes back when the node does not come up
while IFS= read -r path; do
  if [ ! -f "$path" ] || [ -L "$path" ]; then continue; fi
  old=$here/applied/$path
  mkdir -p "${old%/*}" $here/applied/.fleethub && cp -p "$path" "$old" || refuse "no space left at $target"
  if [ ! -f $here/applied/.fleethub/mark.json ]; then
    say '{}' >$here/applied/.fleethub/mark.json || refuse "no space left at $target"
  fi
done <$in/owners
# and of a set from when the node was all FleetHub's, nothing that is his since then
if [ -s $in/owners ] && [ -d $here/applied ]; then
  (cd $here/applied && find . -path ./.fleethub -prune -o -type f -print | sed 's|^\./||') | while IFS= read -r path; do
    [ -f "$in/applied/$path" ] || rm -f "$here/applied/$path"
  done
fi
set -- $in/order $in/stale
up=$in
while IFS= read -r line; do
  path=$in/${line#*  }
  set -- "$@" "$path"
  case ${path%/*} in "$up"|"$in") ;; *) up=${path%/*}; set -- "$@" "$up";; esac
done <$in/sums
[ ! -f $in/applied/.fleethub/listener ] || set -- "$@" $in/applied/.fleethub/listener
settle "$@" $in || refuse "its files do not come to disk at $target: $lost"
unchanged  # the checks above may have taken a minute
mv $in $here/next || refuse "cannot commit the delivery"
forward last || fail "committed, and not finished: the next contact goes on"
say delivered
