"""An update of the rehearsed pipeline's definition, as a later commit's run brings it by self-mutation."""

from pipeline.operate.pipeline import Pipeline

NAME = "Rehearsed"


def update(pipeline: Pipeline) -> None:
    """Give the pipeline a variable more: another definition, with the same stages and actions."""
    definition = pipeline.client.get_pipeline(name=pipeline.name)["pipeline"]
    variables = definition.setdefault("variables", [])
    variables.append({"name": f"{NAME}{len(variables)}", "defaultValue": "unused"})
    pipeline.client.update_pipeline(pipeline=definition)
