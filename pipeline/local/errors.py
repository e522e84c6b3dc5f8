"""What can go wrong with the local cloud, said to the person who runs it."""


class LocalCloudError(Exception):
    """One clear sentence about what happened, and what to do now."""
