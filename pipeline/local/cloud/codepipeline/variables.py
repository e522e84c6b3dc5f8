"""Variables in an action's configuration, resolved when the action starts.

https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-variables.html
"""

import json
import re

from pipeline.local.cloud.codepipeline.declaration import VARIABLE
from pipeline.local.cloud.codepipeline.executions import Execution


class UnresolvedError(Exception):
    """A reference to a variable that the execution does not have."""


def resolve(configuration: dict[str, str], execution: Execution) -> dict[str, str]:
    """Return the configuration with each `#{namespace.name}` replaced by its value."""
    namespaces = {
        **execution.namespaces,
        "codepipeline": {"PipelineExecutionId": execution.id},
        "variables": execution.variables,
    }

    def value_of(found: re.Match[str], *, in_json: bool) -> str:
        namespace, _, name = found[1].partition(".")
        if name not in namespaces.get(namespace, {}):
            raise UnresolvedError(f"Variables {{{found[1]}}} could not be resolved")
        value = namespaces[namespace][name]
        return json.dumps(value)[1:-1] if in_json else value

    return {
        key: VARIABLE.sub(lambda found, text=text: value_of(found, in_json=_is_json(text)), text)  # type: ignore[misc]  # the default binds the loop's value
        for key, text in configuration.items()
    }


def _is_json(text: str) -> bool:
    """Tell whether a value goes into JSON text, where its quotes and line breaks must be escaped."""
    return text.lstrip()[:1] in ("{", "[")
