# Read a backend's machine in one go: nvidia-smi where gpus=1, and Ollama's settings, of which only the variables in
# names, with plain values, leave the machine; a list of devices may be long. proc is where the processes are.
# Output: frames, "NAME CODE LENGTH" and then that many bytes, so that no output can be taken for another's.
LC_ALL=C; export LC_ALL
PATH="${PATH:-/usr/bin:/bin}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/usr/lib/wsl/lib"
frame() { printf '%s %s %s\n%s\n' "$1" "$2" "${#3}" "$3"; }
# an assignment a line in, the plain ones of names out; a value that is not plain is told as "?"
keep() { awk -v names="${names:?}" '
BEGIN { n = split(names, list, " "); for (i = 1; i <= n; i++) ok[list[i]] = 1 }
{ at = index($0, "="); if (!at) next
  name = substr($0, 1, at - 1); value = substr($0, at + 1)
  if (!(name in ok)) next
  most = name ~ /_DEVICES$/ ? 1024 : 64
  if (length(value) > most || value !~ /^[][A-Za-z0-9._:,\/-]*$/) value = "?"
  print name "=" value }'; }
# systemd prints assignments with spaces between them, in "..." or $'...' where they hold something special
words() { awk -v single="'" '
{ line = $0; word = ""; quote = ""; some = 0
  for (i = 1; i <= length(line); i++) {
    c = substr(line, i, 1)
    if (c == "\\") { i++; word = word substr(line, i, 1); some = 1 }
    else if (quote != "") { if (c == quote) quote = ""; else word = word c }
    else if (c == "\"") { quote = c; some = 1 }
    else if (c == "$" && substr(line, i + 1, 1) == single) { i++; quote = single; some = 1 }
    else if (c == " ") { if (some) print word; word = ""; some = 0 }
    else { word = word c; some = 1 } }
  if (some && quote == "") print word }'; }
if [ "${gpus:?}" = 1 ]; then
  if command -v nvidia-smi >/dev/null 2>&1; then
    out=$(nvidia-smi --query-gpu=index,uuid,name,memory.total,memory.used,memory.free \
      --format=csv,noheader,nounits 2>&1)
    frame gpus "$?" "$out"
    out=$(nvidia-smi --query-compute-apps=gpu_uuid,pid,process_name,used_memory \
      --format=csv,noheader,nounits 2>&1)
    frame apps "$?" "$out"
    out=$(nvidia-smi --query-gpu=index,compute_cap,mig.mode.current --format=csv,noheader,nounits 2>&1)
    frame more "$?" "$out"
    case $out in *Enabled*) out=$(nvidia-smi -L 2>&1); frame slices "$?" "$out" ;; esac
  else
    frame gpus 127 ''
  fi
fi
# AMD's cards by the kernel's own files, Apple's by sysctl, and the machine's memory in kB
out=''
for folder in "${sys:?}"/class/drm/card*/device; do
  vendor=''; { read -r vendor < "$folder/vendor"; } 2>/dev/null
  [ "$vendor" = 0x1002 ] || continue
  total=0 used='' gtt=0 name='' device=''
  { read -r total < "$folder/mem_info_vram_total"; } 2>/dev/null
  { read -r used < "$folder/mem_info_vram_used"; } 2>/dev/null
  { read -r gtt < "$folder/mem_info_gtt_total"; } 2>/dev/null
  { read -r name < "$folder/product_name"; } 2>/dev/null
  { read -r device < "$folder/device"; } 2>/dev/null
  out="${out}${total:-0} ${used:--} ${gtt:-0} ${name:-GPU ${device#0x}}
"
done
frame amd 0 "$out"
out=$(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' "${proc:?}/meminfo" 2>/dev/null); frame memory 0 "$out"
if [ "$(uname -s)" = Darwin ]; then
  out="memsize=$(sysctl -n hw.memsize 2>/dev/null)
brand=$(sysctl -n machdep.cpu.brand_string 2>/dev/null)
wired_limit_mb=$(sysctl -n iogpu.wired_limit_mb 2>/dev/null)"
  frame apple 0 "$out"
fi
pids=''
for folder in "${proc:?}"/[0-9]*; do
  comm=''; { read -r comm < "$folder/comm"; } 2>/dev/null
  [ "$comm" = ollama ] || continue
  case $(tr '\000' '\n' < "$folder/cmdline" 2>/dev/null | sed -n 2p) in
    serve|start) pids="$pids ${folder##*/}" ;;
  esac
done
frame serve 0 "$pids"
# shellcheck disable=SC2086  # a list of numbers
set -- $pids
if [ $# = 1 ]; then
  if { cat "$proc/$1/environ" >/dev/null; } 2>/dev/null; then
    out=$({ tr '\n\000' '\001\n' < "$proc/$1/environ"; } 2>/dev/null | keep); frame environ 0 "$out"
  else
    frame environ 1 ''
  fi
fi
# kB that are free where the one Ollama keeps its models, as its process sees the disks; where that is stays there
if [ $# = 1 ]; then
  assigned() { { tr '\n\000' '\001\n' < "$proc/$1/environ"; } 2>/dev/null | sed -n "s/^$2=//p" | tail -n 1; }
  where=$(assigned "$1" OLLAMA_MODELS); home=$(assigned "$1" HOME)
  [ -n "$where" ] || where="${home:+$home/.ollama/models}"
  if [ -n "$where" ] && [ -d "$proc/$1/root$where" ]; then
    out=$(df -Pk "$proc/$1/root$where" 2>/dev/null | awk 'NR == 2 { print $4 }'); frame disk 0 "$out"
  fi
fi
# of each llama-server the options in llama, of each vLLM those in vllm, a line each; those with a colon at their end have
# a value. What is no plain word is told as "?", and no other word of a command line (--api-key) leaves the machine. After
# them the variables of its environment that are in names, or "env ?" where that cannot be read
options() { awk -v names="$1" '
BEGIN { n = split(names, list, " ")
  for (i = 1; i <= n; i++) { name = list[i]; has = sub(/:$/, "", name); ok[name] = 1; takes[name] = has } }
function plain(text) { return length(text) > 128 || text !~ /^[A-Za-z0-9._,\/-]*$/ ? "?" : text }
want != "" { print want "=" plain($0); want = ""; next }
{ at = index($0, "="); name = at ? substr($0, 1, at - 1) : $0
  if (!(name in ok)) next
  if (!takes[name]) print name "="; else if (at) print name "=" plain(substr($0, at + 1)); else want = name }'; }
told() {
  said=$({ tr '\n\000' '\001\n' < "$1/cmdline"; } 2>/dev/null | options "$3")
  if { cat "$1/environ" >/dev/null; } 2>/dev/null; then
    env=$({ tr '\n\000' '\001\n' < "$1/environ"; } 2>/dev/null | keep | sed 's/^/env /')
  else
    env='env ?'
  fi
  printf 'pid %s %s\n%s\n%s\n' "${1##*/}" "$2" "$said" "$env"
}
out=''
for folder in "${proc:?}"/[0-9]*; do
  comm=''; { read -r comm < "$folder/comm"; } 2>/dev/null
  case $comm in
    llama-server) out="${out}$(told "$folder" llama-server "${llama:?}")
" ;;
    vllm | VLLM* | python* | pt_main_thread)
      case $(tr '\000' '\n' < "$folder/cmdline" 2>/dev/null | sed -n 1,5p) in
        *vllm.entrypoints*api_server* | *vllm?serve*) out="${out}$(told "$folder" vllm "${vllm:?}")
" ;;
      esac ;;
  esac
done
frame llama 0 "$out"
if command -v systemctl >/dev/null 2>&1; then
  out=$(systemctl show ollama -p ActiveState -p MainPID 2>/dev/null); frame unit "$?" "$out"
  out=$(systemctl show ollama -p Environment 2>/dev/null | sed -n 's/^Environment=//p' | words | keep)
  frame environment 0 "$out"
  out=$(systemctl show ollama -p EnvironmentFiles 2>/dev/null | sed -n 's/^EnvironmentFiles=..*/yes/p' | sed -n 1p)
  frame files 0 "$out"
else
  frame unit 127 ''
fi
frame end 0 ''
