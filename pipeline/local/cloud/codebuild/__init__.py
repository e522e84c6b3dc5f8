"""CodeBuild, in place of the emulator's own, which remembers projects but builds nothing.

Emulated: projects by API and template; builds that run their buildspec on this machine, with sources, artifacts,
caches, logs and phases; EventBridge rules that start builds.
Not emulated: images and their tools, privileged mode, VPCs, batch builds, webhooks, report groups, fleets.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Answer the API, deploy projects, and end the builds that were under way when the cloud stopped."""
    from pipeline.local.cloud.codebuild import api, resources
    from pipeline.local.cloud.codebuild.builds import Builds

    emulator.serve_json_api("codebuild", target_prefix="CodeBuild_20161006", operations=api.operations(emulator))
    emulator.provide("AWS::CodeBuild::Project", resources.project(emulator))
    emulator.add_rule_target(api.is_project, api.BuildsApi(emulator).start_by_rule)
    emulator.at_start.append(emulator.part(Builds).end_interrupted)
