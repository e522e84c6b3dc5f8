"""The last action of a stage that bakes: it watches what was deployed, and its failure is the stage's."""

from aws_cdk import pipelines

from pipeline.catalogue.model import Stage, Wave
from pipeline.catalogue.problem import MistakeError
from pipeline.catalogue.release import release_of, watched_services
from pipeline.definition import programs
from pipeline.definition.build_step import BuildStep
from pipeline.definition.shared_build import BuildContent, SharedBuild
from services.library.contract.names import bake_of, release_parameter

RULES, STAGE = "RULES", "STAGE"
"""Variables of the action."""
LONGEST_MINUTES = 2_160
"""As long as a build may last."""
BAKE = "pipeline.builds.release_bake"
COMMANDS = (
    *programs.write(
        (
            BAKE,
            "pipeline.builds.alarms",
            "pipeline.builds.assumed_role",
            "pipeline.builds.clock",
            "pipeline.builds.release_rules",
        ),
    ),
    programs.run(BAKE, f'--rules "${RULES}" --stage "${STAGE}"'),
)
CONTENT = BuildContent(
    description="Watches what was deployed: no alarm may fire, and there must be requests",
    spec={"version": "0.2", "phases": {"build": {"commands": list(COMMANDS)}}},
    minutes=LONGEST_MINUTES,
)
"""Of the build of all bakes."""


def require_alarms(entry: Stage | Wave) -> None:
    """Raise for a bake in which there turned out to be nothing to watch: no stack has what a release alarm is about."""
    if (wish := release_of(entry).bake_minutes) is not None and not any(map(watched_services, entry.stages)):
        raise MistakeError(
            f"{wish.who}: release.bake is not allowed in {entry.label}, where no service's stack has a function, an API"
            " or a workflow to watch; leave bake out."
        )


def step(label: str, *, assembly: pipelines.FileSet, build: SharedBuild, pipeline: str) -> pipelines.Step:
    """Return the bake of a stage or wave."""
    variables = {RULES: release_parameter(pipeline, label), STAGE: label}
    return BuildStep(bake_of(label), files=assembly, build=build, commands=COMMANDS, variables=variables)
