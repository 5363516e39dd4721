"""The attributes of a key, under LiteLLM's names, and what it is observed to have."""

from __future__ import annotations

LIMITS = ("rpm_limit", "tpm_limit", "max_budget", "budget_duration")
#: LiteLLM reads an empty list as "all models"; we never send that, and show it by this name.
ALL = "(all models)"
NOTHING = "no-default-models"
WILDCARDS = {"all-team-models"}
