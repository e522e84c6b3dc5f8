"""Where branch environments are, and what is in them."""

from services.library.contract.environment import Environment
from stages.dev import DEV

BRANCHES_LIKE = DEV
"""The stage whose services, settings and account branches share."""
CLEANED_UP: Environment | None = BRANCHES_LIKE.environment
"""Where the pipeline removes expired branches each night; None while no account has pipeline/accounts/branches.yaml."""
