"""What goes wrong with a lockfile. Apart, so that who only catches it does not import what reads one."""

from fleethub.model.errors import FleetHubError


class LockfileError(FleetHubError):
    """The lockfile cannot be understood; the message says what to do."""

    code = "lockfile"
