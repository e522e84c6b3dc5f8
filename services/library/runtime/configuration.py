"""Configuration, read and checked once where a function starts, so that the code behind it never asks again."""

import os
from collections.abc import Mapping
from typing import Self

# Else the first model has every installed distribution asked whether it is a plugin of pydantic's: none is.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from pydantic import BaseModel, ConfigDict, ValidationError  # reads that variable


class ConfigurationError(Exception):
    """A function was deployed without something that it needs; names the variable, never its value."""


class Configuration(BaseModel):
    """Base of a function's configuration: each field comes from the environment variable of its name in capitals."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] | None = None) -> Self:
        """Read the process's environment, or the given variables in its place."""
        variables = os.environ if variables is None else variables
        found = {name: variables[name.upper()] for name in cls.model_fields if name.upper() in variables}
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            problems = "; ".join(
                f"{str(problem['loc'][0]).upper() if problem['loc'] else cls.__name__}: {problem['msg']}"
                for problem in error.errors(include_url=False, include_input=False, include_context=False)
            )
            # Without `from error`: its text quotes the values, which may be secrets.
            raise ConfigurationError(f"environment variables of this function: {problems}") from None
