# Call a node's endpoints from the node itself, with the key in the node's own file.
# Input: folder, file, its form (env: variables; bare: the key alone) and the longest body in bytes; the variables whose keys are told, an empty line; for each call six
# lines (method, seconds, variable or -, the number of the call that must succeed before or -, URL, body); "end".
# Output: "tool NAME"; of each key its state and its SHA-256; of each call
# "by NUMBER FALLBACKS GROUP", which model answered, and "call NUMBER CODE STATUS CONNECTED LENGTH" with that many bytes
# after it, the codes being curl's; "end".
# The key goes to curl by its standard input and to wget by a file of mode 0600 in a folder of mode 0700, never on a
# command line, and whatever an answer holds of it does not leave the node. BusyBox's wget takes a header on its command
# line alone, where everybody on the node could read the key: it does not count as one.
. ./unseen.sh
LC_ALL=C; export LC_ALL
umask 077
cr=$(printf '\r') bom=$(printf '\357\273\277')
tmp=$(mktemp -d) || { echo 'failed the node has no room for a temporary folder'; exit 0; }
leave() { rm -rf "$tmp"; }
exec 2>/dev/null

# name -> key, state
lookup() {
  key='' state=absent
  if [ ! -e "$env" ]; then
    state=no-file
    unseen "$env"; [ -z "$why" ] || state=unreadable
    return
  fi
  [ -f "$env" ] && [ -r "$env" ] || { state=unreadable; return; }
  if [ "$form" = bare ]; then
    key=$(head -c 4096 "$env" | tr -d '\000') state=ok
    key=${key#"${key%%[![:space:]]*}"} key=${key%"${key##*[![:space:]]}"}
    judge
    return
  fi
  mark=$bom
  while IFS= read -r line || [ -n "$line" ]; do
    line=${line#"$mark"} mark=''
    line=${line%"$cr"}
    line=${line#"${line%%[![:blank:]]*}"}
    case $line in export[[:blank:]]*) line=${line#export}; line=${line#"${line%%[![:blank:]]*}"} ;; esac
    word=${line%%=*}
    [ "$word" != "$line" ] && [ "${word%"${word##*[![:blank:]]}"}" = "$1" ] || continue
    key=${line#*=} state=ok rest=''
    key=${key#"${key%%[![:blank:]]*}"}
    case $key in
      \'*\'*) key=${key#?}; rest=${key#*\'} key=${key%%\'*} ;;
      \"*\"*) key=${key#?}; rest=${key#*\"} key=${key%%\"*} ;;
      *) key=${key%%[[:blank:]]#*}; key=${key%"${key##*[![:blank:]]}"} ;;
    esac
    rest=${rest#"${rest%%[![:blank:]]*}"}
    case $rest in ''|'#'*) ;; *) key=\' ;; esac  # neither the end nor a comment
  done < "$env"
  [ "$state" != ok ] || judge
}

judge() {
  case $key in
    '') state=empty ;;
    *[!A-Za-z0-9._~+/=:@-]*) state=odd key='' ;;
  esac
}

digest() {
  for maker in sha256sum 'shasum -a 256' 'openssl dgst -sha256 -r'; do
    sum=$(tr -d '\n' <<EOF | $maker
$key
EOF
) && [ "${#sum}" -ge 64 ] && { sum=${sum%% *}; return; }
  done
  sum=-
}

by_curl() {
  header=''
  [ -z "$key" ] || header="header = \"Authorization: Bearer $key\""
  ( ulimit -f 8192
    exec curl -q -s -g -K - -o "$tmp/$number.out" -D "$tmp/$number.head" -w '%{http_code} %{time_connect}' \
      --proto '=http,https' --connect-timeout 5 --max-time "$limit" "$@" --url "$url" > "$tmp/$number.said" <<EOF
$header
EOF
  )
}

by_wget() {
  header=''
  [ -z "$key" ] || header="header = Authorization: Bearer $key"
  cat > "$tmp/$number.conf" <<EOF
$header
EOF
  waits=''
  command -v timeout > /dev/null && waits="timeout $limit"
  ( ulimit -f 8192
    exec $waits wget --config="$tmp/$number.conf" -S -O "$tmp/$number.out" --tries=1 --max-redirect=0 --no-hsts \
      --content-on-error --dns-timeout=5 --connect-timeout=5 --read-timeout="$limit" "$@" "$url" 2> "$tmp/$number.err"
  )
  code=$?
  rm -f "$tmp/$number.conf"
  log=$(head -c 8192 "$tmp/$number.err")
  printf '%s\n' "$log" > "$tmp/$number.head"
  status=$(printf '%s\n' "$log" | sed -n 's/^ *HTTP\/[0-9.]* \([0-9][0-9][0-9]\).*/\1/p' | tail -n 1)
  connected=0
  case $log in *connected.*) connected=1 ;; esac
  echo "${status:-0} $connected" > "$tmp/$number.said"
  case $code,$status in
    [068],[0-9]*) return 0 ;;
    124,*) return 28 ;;
  esac
  case $log in
    *'unable to resolve'*) return 6 ;;
    *'timed out'*) return 28 ;;
    *'failed: '*) return 7 ;;
  esac
  return 56
}

# a header's last value, without what no model's name holds
value() {
  sed -n "s/^ *$1: *//p" | tail -n 1 | tr -d '\000-\037\177' | head -c 200
}

# number method limit variable after url
call() {
  number=$1 method=$2 limit=$3 url=$6
  echo skip > "$tmp/$number.code"
  [ "$tool" != none ] || return 0
  if [ "$5" != - ]; then
    IFS= read -r before < "$tmp/$5.code"
    [ "$before" = 0 ] || return 0
  fi
  key=''
  if [ "$4" != - ]; then
    lookup "$4"
    [ "$state" = ok ] || return 0
  fi
  set --
  if [ "$method" = POST ]; then
    if [ "$tool" = curl ]; then set -- -H 'Content-Type: application/json' --data-binary "@$tmp/$number.in"
    else set -- --header='Content-Type: application/json' --post-file="$tmp/$number.in"; fi
  fi
  "by_$tool" "$@"
  echo "$?" > "$tmp/$number.code"
}

tool=none
case $(wget --version) in *'GNU Wget'*) tool=wget ;; esac
curl --version > /dev/null && tool=curl

IFS= read -r folder && IFS= read -r file && IFS= read -r form && IFS= read -r most || exit 1
env=$folder/$file
echo "tool $tool"
while IFS= read -r name && [ -n "$name" ]; do
  lookup "$name"
  sum=-
  [ "$state" != ok ] || digest
  echo "key $name $state $sum"
done
count=0
while IFS= read -r method && [ "$method" != end ]; do
  IFS= read -r limit; IFS= read -r name; IFS= read -r after; IFS= read -r url; IFS= read -r body
  printf '%s' "$body" > "$tmp/$count.in"
  echo "$name" > "$tmp/$count.name"
  if [ "$after" = - ]; then
    call "$count" "$method" "$limit" "$name" "$after" "$url" &
  else
    wait
    call "$count" "$method" "$limit" "$name" "$after" "$url"
  fi
  count=$((count + 1))
done
wait
number=0
while [ "$number" -lt "$count" ]; do
  code=56 body=''
  read -r code < "$tmp/$number.code"
  read -r status connected rest < "$tmp/$number.said" || [ -n "$status" ] || status=0
  [ -f "$tmp/$number.said" ] || status=0 connected=0
  [ -f "$tmp/$number.out" ] && body=$(head -c "$most" "$tmp/$number.out")
  read -r name < "$tmp/$number.name"
  if [ "$name" != - ]; then
    lookup "$name"
    case $key in ?*) case $body in *"$key"*) body='' ;; esac ;; esac
  fi
  group='' fallbacks=''
  if [ -f "$tmp/$number.head" ]; then
    group=$(value x-litellm-model-group < "$tmp/$number.head")
    fallbacks=$(value x-litellm-attempted-fallbacks < "$tmp/$number.head")
    case $key in ?*) case $group in *"$key"*) group='' ;; esac ;; esac
  fi
  printf 'by %s %s %s\n' "$number" "${fallbacks:-0}" "$group"
  printf 'call %s %s %s %s %s\n%s\n' "$number" "$code" "${status:-0}" "${connected:-0}" "${#body}" "$body"
  number=$((number + 1))
done
echo end
