"""How a script gets to a host, whatever the account's login shell is: that shell runs one command, of sh.

A script is a word of that command, or a few. Quotes, backslashes, exclamation marks and new lines mean something else
to each shell also within quotes, so other characters stand for them, which the script does not have; sh puts them back
without a program. One that is too long comes on standard input before what the script itself reads, and costs a
program more.
"""

from __future__ import annotations

import string

#: What stands for itself within single quotes in sh, csh, fish and their kin, to be taken for what does not.
PLAIN = string.ascii_uppercase + "^~%@"
#: Characters of a script in a command, of which Dropbear takes 9000; and in a word of it, of which csh takes 8192.
LONGEST = 8000
WORDS = 3
#: The same where the other side is OpenSSH, which takes whatever the system does.
OPENSSH = WORDS * LONGEST
SPECIAL = "'\\!"
#: The new line is the last of what sh splits words at by itself; the other three come as a line of standard input.
WORD = (
    'sh -c \'set -f; i=$IFS; IFS= read -r q; s=$0$1$2; IFS={0}; set -- $s; IFS=${{i#??}}; s="$*"; IFS={1}; '
    'set -- $s; IFS=${{q%??}}; s="$*"; IFS={2}; set -- $s; q=${{q#?}}; IFS=${{q%?}}; s="$*"; IFS={3}; set -- $s; '
    'IFS=${{q#?}}; s="$*"; IFS=$i; set +f; set --; unset i q; eval "$s"\' {4}'
)
#: Reads exactly as many bytes as the script has; the rest stays on standard input. One read of dd gives what is there
#: by then; byte by byte it would cost milliseconds. Scripts are ASCII.
INPUT = (
    "sh -c 'left={}; script=; while [ $left -gt 0 ]; do part=$(dd bs=$left count=1 2>/dev/null; echo .); "
    'part=${{part%.}}; [ -n "$part" ] || exit 1; script=$script$part; left=$((left-${{#part}})); done; eval "$script"\''
)


def loader(script: str, longest: int = LONGEST) -> tuple[str, bytes]:
    """The command that runs a script, and what must come on its standard input before the script's own.

    ``longest``: characters of a script that the other side takes in a command.
    """
    free = [sign for sign in PLAIN if sign not in script]
    if len(script) >= longest or len(free) < 4 or not script.isascii():
        code = script.encode("ascii")
        return INPUT.format(len(code)), code
    # at its end an empty word would be lost
    word = (script.rstrip("\n") + " ").translate(str.maketrans("\n" + SPECIAL, "".join(free[:4])))
    words = " ".join(f"'{word[at : at + LONGEST]}'" for at in range(0, len(word), LONGEST))
    return WORD.format(*free[:4], words), f"{SPECIAL}\n".encode()
