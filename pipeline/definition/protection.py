"""Termination protection of a stage's stacks, as one shared build whose program is text in its commands.

It acts in the deploy roles of production, so it runs no file of the commit; CodePipeline wants an input all the same.
"""

from collections.abc import Iterator, Sequence

from aws_cdk import pipelines

from pipeline.definition import programs
from pipeline.definition.build_step import BuildStep
from pipeline.definition.protected_groups import groups
from pipeline.definition.shared_build import BuildContent, SharedBuild

ACTION = "Protect"
ROLE, REGION, STACKS = "ROLE", "REGION", "STACKS"
"""Variables: the deploy role, where, and the stacks' names with a space between two."""
PROGRAM = "pipeline.builds.enable_termination_protection"
COMMANDS = (
    *programs.write([PROGRAM, "pipeline.builds.assumed_role"]),
    programs.run(PROGRAM, f'--role "${ROLE}" --region "${REGION}" ${STACKS}'),
)
CONTENT = BuildContent(
    description="Turns on the termination protection of what was just deployed",
    spec={"version": "0.2", "phases": {"build": {"commands": list(COMMANDS)}}},
)


def steps(
    stacks: Sequence[str], *, role: str, region: str, files: pipelines.FileSet, build: SharedBuild
) -> Iterator[pipelines.Step]:
    """Yield the protection of stacks of one account and region, in as many actions as their names need."""
    for number, names in enumerate(groups(stacks), start=1):
        variables = {ROLE: role, REGION: region, STACKS: " ".join(names)}
        name = ACTION if number == 1 else f"{ACTION}-{number}"
        yield BuildStep(name, files=files, build=build, commands=COMMANDS, variables=variables)
