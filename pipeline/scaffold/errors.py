"""Why the repository was left as it is."""


class ScaffoldError(Exception):
    """One sentence: what was given or found, what is allowed, and what to do now."""
