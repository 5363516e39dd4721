"""How a script gets to a host, whatever the account's login shell is: that shell runs one command, of sh.

A short script is a word of that command. Quotes, backslashes, exclamation marks and new lines mean something else to
each shell also within quotes, so other characters stand for them, which the script does not have; sh puts them back
without a program. A long one comes on standard input before what the script itself reads, and costs a program more.
"""

from __future__ import annotations

import string

#: What stands for itself within single quotes in sh, csh, fish and their kin, to be taken for what does not.
PLAIN = string.ascii_uppercase + "^~%@"
LONGEST = 8000  # characters of a script in a command, of which Dropbear takes 9000
SPECIAL = "'\\!"
#: The new line is the last of what sh splits words at by itself; the other three come as a line of standard input.
WORD = (
    'sh -c \'set -f; i=$IFS; IFS= read -r q; IFS={0}; set -- $0; IFS=${{i#??}}; s="$*"; IFS={1}; set -- $s; '
    'IFS=${{q%??}}; s="$*"; IFS={2}; set -- $s; q=${{q#?}}; IFS=${{q%?}}; s="$*"; IFS={3}; set -- $s; IFS=${{q#?}}; '
    's="$*"; IFS=$i; set +f; set --; unset i q; eval "$s"\' \'{4}\''
)
#: Reads exactly as many bytes as the script has; the rest stays on standard input. One read of dd gives what is there
#: by then; byte by byte it would cost milliseconds. Scripts are ASCII.
INPUT = (
    "sh -c 'left={}; script=; while [ $left -gt 0 ]; do part=$(dd bs=$left count=1 2>/dev/null; echo .); "
    'part=${{part%.}}; [ -n "$part" ] || exit 1; script=$script$part; left=$((left-${{#part}})); done; eval "$script"\''
)


def loader(script: str) -> tuple[str, bytes]:
    """The command that runs a script, and what must come on its standard input before the script's own."""
    free = [sign for sign in PLAIN if sign not in script]
    if len(script) > LONGEST or len(free) < 4 or not script.isascii():
        code = script.encode("ascii")
        return INPUT.format(len(code)), code
    # at its end an empty word would be lost
    word = (script.rstrip("\n") + " ").translate(str.maketrans("\n" + SPECIAL, "".join(free[:4])))
    return WORD.format(*free[:4], word), f"{SPECIAL}\n".encode()
