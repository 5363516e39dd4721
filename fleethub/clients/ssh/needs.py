"""What only OpenSSH's own ``ssh`` can do, seen before connecting: in what ``ssh -G`` says and in the files it names."""

from __future__ import annotations

from fleethub.clients.ssh.destination import Destination
from fleethub.clients.ssh.identities import public
from fleethub.clients.ssh.known_hosts import KnownHost, kind_of

#: Options with the values that leave nothing to do; any other value is for ssh.
BEYOND = {
    "AddressFamily": {"any"},
    "BindAddress": {"none"},
    "BindInterface": {"none"},
    "CertificateFile": {"none"},
    "HostbasedAuthentication": {"no"},
    "KnownHostsCommand": {"none"},
    "NoHostAuthenticationForLocalhost": {"no"},
    "PKCS11Provider": {"none"},
    "ProxyCommand": {"none"},
    "PubkeyAuthentication": {"yes", "true", "unbound", "host-bound"},
    "RevokedHostKeys": {"none"},
    "VerifyHostKeyDNS": {"no", "false", "ask"},
}


def beyond(destination: Destination, known: KnownHost) -> str:
    """Why one host needs the ``ssh`` program; empty when paramiko will do."""
    for name, harmless in BEYOND.items():
        if name == "ProxyCommand" and not destination.by_openssh:
            continue  # without ssh paramiko starts it, as far as it can
        for value in destination.options.get(name.lower(), ()):
            if value.lower() not in harmless:
                return f"{name} {value}"
    if known.authorities:
        return f"its host key is signed by an authority ({known.authorities[0].place})"
    if (ways := destination.names("preferredauthentications")) and "publickey" not in ways:
        return f"PreferredAuthentications {','.join(ways)}"
    strict = destination.option("stricthostkeychecking")
    if strict in ("accept-new", "no", "off", "false") and not known.keys:
        return f"StrictHostKeyChecking {strict} for a host that is not known yet"
    for path in destination.identity_files:
        if path.with_name(f"{path.name}-cert.pub").is_file():
            return f"{path}-cert.pub is a certificate"
        half = public(path) if "sk" in path.name or path.is_file() else None
        if half and kind_of(half).startswith("sk-"):
            return f"{path} is a key on a security key"
    return ""
