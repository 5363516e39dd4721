"""A stand-in for a LiteLLM proxy with virtual keys, versions 1.110.2, 1.106.2 and 1.82.0, traps included.

Compared with real proxies of these versions, each over a real PostgreSQL; see the tests for what is held.
"""

from fleethub.testing.litellm.database import Database, token_of
from fleethub.testing.litellm.proxy import MASTER_KEY, LiteLLM
from fleethub.testing.litellm.replica import Settings

__all__ = ["MASTER_KEY", "Database", "LiteLLM", "Settings", "token_of"]
