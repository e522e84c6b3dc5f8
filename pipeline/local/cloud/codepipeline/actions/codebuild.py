"""The CodeBuild action: a build of a project, on this execution's artifacts.

https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeBuild.html
"""

import json

from pipeline.local.cloud.codebuild.builds import Artifact, Builds, PipelineBuild, Variable
from pipeline.local.cloud.codepipeline.actions.git import clone_permission, is_cloned
from pipeline.local.cloud.codepipeline.work import ActionFailedError, Done, Work
from pipeline.local.cloud.emulator import Json

NEEDED = ("codebuild:StartBuild", "codebuild:BatchGetBuilds")
POLL_SECONDS = 0.5
"""How often a build is asked whether somebody has abandoned it; its end is noticed at once."""


def run(work: Work) -> Done:
    """Start the build, wait for its end, and hand on its exported variables."""
    builds = work.emulator.part(Builds)
    project = work.configuration["ProjectName"]
    # Asks as the action would on AWS, so that a wrong role or account shows.
    account = work.client("sts").get_caller_identity()["Account"]
    work.require(f"arn:aws:codebuild:{work.region}:{account}:project/{project}", *NEEDED)
    _require_clones(work, builds, project, account)
    primary = work.configuration.get("PrimarySource", work.action.inputs[0])
    build_id = builds.start(
        PipelineBuild(
            project=project,
            account=account,
            region=work.region,
            inputs={name: _artifact(place) for name, place in work.inputs.items()},
            primary=primary,
            outputs={name: _artifact(place) for name, place in work.outputs.items()},
            encryption_key=work.encryption_key,
            environment=[
                Variable(name=each["name"], value=each["value"], type=each.get("type", "PLAINTEXT"))
                for each in json.loads(work.configuration.get("EnvironmentVariables", "[]"))
            ],
            source_version=work.source_version,
            initiator=f"codepipeline/{work.declaration.name}",
        )
    )
    work.report(
        build_id,
        f"{work.console}/codesuite/codebuild/{account}/projects/{project}/build/{build_id}/log",
        "",
    )
    while True:
        build = builds.wait(build_id, account=account, region=work.region, seconds=POLL_SECONDS)
        if build["buildStatus"] != "IN_PROGRESS":
            break
        if work.abandoned.is_set():
            builds.stop(build_id, account=account, region=work.region)
            raise ActionFailedError("Abandoned", "The action was abandoned")
    if build["buildStatus"] != "SUCCEEDED":
        raise ActionFailedError("JobFailed", _why(build))
    return Done(
        variables={each["name"]: each["value"] for each in build.get("exportedEnvironmentVariables", [])},
    )


def _require_clones(work: Work, builds: Builds, project: str, account: str) -> None:
    """Fail the action unless its project's role may clone what the sources hand over as a reference.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/troubleshooting.html#codebuild-role-connections
    https://docs.aws.amazon.com/codepipeline/latest/userguide/troubleshooting.html#codebuild-role-codecommitclone
    """
    for source in work.declaration.sources():
        if is_cloned(source) and not work.inputs.keys().isdisjoint(source.outputs):
            calls = builds.calls_of_role(project, account=account, region=work.region)
            if refusal := calls.refusal(*clone_permission(source, work.declaration.role_arn, work.home_region)):
                raise ActionFailedError("JobFailed", f"Build terminated. Phase: DOWNLOAD_SOURCE, {refusal}")


def _artifact(place: Json) -> Artifact:
    return Artifact(bucket=place["bucket"], key=place["key"])


def _why(build: Json) -> str:
    """Return what the phase that failed says."""
    for phase in build.get("phases", []):
        if phase.get("phaseStatus") in ("FAILED", "FAULT", "TIMED_OUT", "CLIENT_ERROR"):
            messages = "; ".join(context.get("message", "") for context in phase.get("contexts", []))
            return f"Build terminated with state: {build['buildStatus']}. Phase: {phase['phaseType']}, {messages}"
    return f"Build terminated with state: {build['buildStatus']}"
