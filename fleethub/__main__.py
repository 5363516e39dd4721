"""``python -m fleethub``."""

from fleethub.cli import main

main()
