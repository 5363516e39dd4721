"""Programs that take one ``.env`` and nothing else: Open WebUI under systemd, Aider.

Such a file has room for one endpoint of the OpenAI kind, one key and one model. The names of the variables are the
program's; ``[nodes.x.envfile]`` says them.
"""

from fleethub.nodetypes.envfile.kind import EnvFile

TYPES = (EnvFile(),)

__all__ = ["TYPES", "EnvFile"]
