"""What goes wrong with a lockfile. Apart, so that who only catches it does not import what reads one."""


class LockfileError(Exception):
    """The lockfile cannot be understood; the message says what to do."""
