"""How the roles and policies of our stacks are called in each account: the foundation's parameter RoleNames.

CloudFormation begins the names that it gives with the stack's. An account's foundation lets roles of these names be
made, passed, changed and deleted, and no others, so nobody else's role may be called so.
"""

PIPELINE = ("Pipeline-*", "pipeline*")
"""In the tools account and the repository's. Roles that another account's name are named by the CDK, in lower case."""


def of_stage(label: str) -> str:
    """Return the pattern of a stage's roles; its stacks are called after it."""
    return f"{label}-*"
