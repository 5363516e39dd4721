"""Taking in what runs already: what a spec would say of it, and the lockfile that makes the plan empty. Pure."""

from fleethub.adoption.adopt import Adoption, adopt, keeping

__all__ = ["Adoption", "adopt", "keeping"]
