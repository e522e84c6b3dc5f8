"""What can go wrong with a command on the deployed pipeline."""


class OperateError(Exception):
    """One clear sentence about what is the matter, and what to do now."""
