"""What a node's own key should be able to do, asked and judged. Pure: which calls, and what their answers mean."""

from fleethub.verifying.calls import checks_of
from fleethub.verifying.diagnosis import diagnose

__all__ = ["checks_of", "diagnose"]
