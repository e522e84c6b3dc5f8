"""How setup says what went wrong."""


class SetupError(Exception):
    """A failure that is explained by its text; shown without a traceback."""
