"""CodeDeploy for Lambda: a stack's update shifts an alias from one version to the next, watched by alarms.

Emulated: applications, deployment groups and configurations by template; `UpdatePolicy.CodeDeployLambdaAliasUpdate` of
an alias, canary, linear and all at once; alarms and requests that stop a shift, and rollbacks; reading deployments and
stopping them by API, everything as the group's role.
Not emulated, and refused by name: other compute platforms, hooks, triggers, deployments by API, alarms that do not
exist.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Answer the API, and let CloudFormation shift aliases. Comes after Lambda and CloudFormation."""
    from pipeline.local.cloud.cloudformation.patches import run_on_thread
    from pipeline.local.cloud.codedeploy import resources
    from pipeline.local.cloud.codedeploy.api import operations
    from pipeline.local.cloud.codedeploy.deployments import Deployments

    emulator.serve_json_api("codedeploy", target_prefix="CodeDeploy_20141006", operations=operations(emulator))
    emulator.provide("AWS::CodeDeploy::Application", resources.application(emulator))
    emulator.provide("AWS::CodeDeploy::DeploymentConfig", resources.deployment_config(emulator))
    emulator.provide("AWS::CodeDeploy::DeploymentGroup", resources.deployment_group(emulator))
    emulator.provide(resources.ALIAS, resources.alias(emulator))
    run_on_thread(resources.ALIAS)
    emulator.at_start.append(emulator.part(Deployments).end_interrupted)
