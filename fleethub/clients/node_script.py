"""The script that calls a node's doors from the node itself, with the key in the node's own ``.env``.

It is one constant; folder, file and calls come on standard input, one value a line. The key goes to curl by its
standard input and to wget by a file of mode 0600 in a folder of mode 0700, never on a command line, and whatever an
answer holds of it does not leave the node. It comes back in frames, ``call NUMBER CODE STATUS CONNECTED LENGTH`` and
then that many bytes, the codes being curl's; before it ``by NUMBER FALLBACKS GROUP``, which model answered; and of each
key its state and a digest (of the key and a newline).

BusyBox's wget takes a header on its command line alone, where everybody on the node could read the key: it does not
count as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from json import loads

from fleethub.clients.answer import UNSEEN, ask
from fleethub.clients.door import read
from fleethub.clients.http import Answer
from fleethub.clients.shell import Shell, ShellError
from fleethub.model.secret import Secret
from fleethub.model.verify import Call, Failure, Reply

MOST = 256 << 10  # bytes of one answer
ALL = 3 << 20  # bytes of all of them; a shell gives at most 4 MiB
SPARE = 20.0  # seconds for what is not waiting
_CODES = {
    "5": Failure.RESOLVE,
    "6": Failure.RESOLVE,
    "7": Failure.CONNECT,
    "28": Failure.HANGS,
    "skip": Failure.SKIPPED,
}

SCRIPT = (
    UNSEEN
    + r"""
LC_ALL=C; export LC_ALL
umask 077
cr=$(printf '\r')
tmp=$(mktemp -d) || { echo 'failed the node has no room for a temporary folder'; exit 0; }
leave() { rm -rf "$tmp"; }
exec 2>/dev/null

# name -> key, state
lookup() {
  key='' state=absent
  if [ ! -e "$env" ]; then
    state=no-file
    [ -z "$(unseen "$env")" ] || state=unreadable
    return
  fi
  [ -f "$env" ] && [ -r "$env" ] || { state=unreadable; return; }
  while IFS= read -r line || [ -n "$line" ]; do
    line=${line%"$cr"}
    line=${line#export }
    case $line in
      "$1='"*"'") key=${line#"$1='"}; key=${key%"'"} state=ok ;;
      "$1=\""*"\"") key=${line#"$1=\""}; key=${key%\"} state=ok ;;
      "$1="*) key=${line#"$1="} state=ok ;;
    esac
  done < "$env"
  [ "$state" = ok ] || return
  case $key in
    '') state=empty ;;
    *[!A-Za-z0-9._~+/=:@-]*) state=odd key='' ;;
  esac
}

digest() {
  for maker in sha256sum 'shasum -a 256' 'openssl dgst -sha256 -r'; do
    sum=$($maker <<EOF
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

IFS= read -r folder && IFS= read -r file && IFS= read -r most || exit 1
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
  code=56 said='0 0' body=''
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
"""
)


@dataclass(frozen=True, slots=True)
class NodeSaid:
    """``tool`` is curl, wget or none; ``keys`` has (state, digest) of each variable, the digest of key and newline."""

    tool: str
    keys: dict[str, tuple[str, str]]
    replies: tuple[Reply, ...]


def digest(value: Secret) -> str:
    """The digest that the script would give for a key."""
    return sha256(f"{value.reveal()}\n".encode()).hexdigest()


def ask_node(shell: Shell, folder: str, file: str, names: Sequence[str], calls: Sequence[Call]) -> NodeSaid:
    """Make the calls on a node; raises ShellError. ``file`` is the path of its ``.env`` below its folder."""
    most = min(MOST, ALL // max(len(calls), 1))
    lines = [folder, file, str(most), *names, ""]
    for call in calls:
        after = "-" if call.after is None else str(call.after)
        method = "POST" if call.body else "GET"
        lines += [method, f"{call.limit:g}", call.variable or "-", after, call.url, call.body]
    lines.append("end")
    if any("\n" in line or "\r" in line or "\0" in line for line in lines):
        raise ShellError("a line break in a value of the spec; nothing was asked")
    first = max((call.limit for call in calls if call.after is None), default=0)
    timeout = first + sum(call.limit for call in calls if call.after is not None) + SPARE
    output = ask(shell, SCRIPT, "\n".join((*lines, "")).encode(), timeout)
    return _parse(output.out, calls)


def _parse(out: bytes, calls: Sequence[Call]) -> NodeSaid:
    tool, keys, replies = "none", {}, dict[int, Reply]()
    by: dict[str, dict[str, str]] = {}
    rest = out
    while rest:
        head, _, rest = rest.partition(b"\n")
        match head.decode("utf-8", "replace").split(" "):
            case ["tool", what]:
                tool = what
            case ["key", name, state, value]:
                keys[name] = (state, value)
            case ["by", number, fallbacks, *group]:
                by[number] = {"x-litellm-attempted-fallbacks": fallbacks, "x-litellm-model-group": " ".join(group)}
            case ["call", number, code, status, connected, length] if length.isdigit() and number.isdigit():
                body, rest = rest[: int(length)], rest[int(length) + 1 :]
                if int(number) < len(calls):
                    replies[int(number)] = _reply(calls[int(number)], code, status, connected, body, by.get(number, {}))
            case ["failed", *words]:
                raise ShellError(" ".join(words))
            case ["end"] if len(replies) == len(calls):
                return NodeSaid(tool, keys, tuple(replies[i] for i in range(len(calls))))
            case _:
                break
    raise ShellError("the node's answer breaks off, or is not the script's")


def _reply(call: Call, code: str, status: str, connected: str, body: bytes, by: dict[str, str]) -> Reply:
    if code == "0" and status.isdigit() and int(status):
        try:
            parsed = loads(body)
        except (ValueError, RecursionError):
            parsed = None
        return read(call, Answer(int(status), parsed, by))
    failure = _CODES.get(code, Failure.OTHER)
    if failure is Failure.HANGS and not connected.strip("0."):
        failure = Failure.SILENT
    detail = f" (curl's code {code})" if failure is Failure.OTHER else ""
    return Reply(failure=failure, says=failure.value + detail)
