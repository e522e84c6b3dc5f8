"""Steps as services declare them, as CDK Pipelines' own."""

import shlex
from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import pipelines

from services.library.contract import ServiceStack
from services.library.steps import Approval, Command, Probe, Step

SETUP = "make setup"
PROBE = "python3 -I pipeline/probe.py"


def to_pipeline_steps(
    steps: Sequence[Step], *, stack: ServiceStack | None, source: pipelines.IFileSetProducer
) -> list[pipelines.Step]:
    """Pipeline steps in the order given. `stack` is the deployed one, None for steps that run before it exists."""
    made: list[pipelines.Step] = []
    for step in steps:
        made.append(_to_pipeline_step(step, stack=stack, source=source))
        if len(made) > 1:
            made[-1].add_step_dependency(made[-2])
    return made


def protect_from_termination(stacks: Sequence[cdk.Stack], *, source: pipelines.IFileSetProducer) -> pipelines.Step:
    """Set termination protection, which CDK Pipelines leaves off whatever the stack says (aws-cdk 17871)."""
    role = f"cdk-hnb659fds-deploy-role-{stacks[0].account}-{stacks[0].region}"
    arn = f"arn:{cdk.Aws.PARTITION}:iam::{stacks[0].account}:role/{role}"
    words = ["--role", f'"{arn}"', "--region", stacks[0].region, *(stack.stack_name for stack in stacks)]
    return pipelines.CodeBuildStep(
        "Protect",
        input=source,
        install_commands=[SETUP],
        commands=[" ".join([".venv/bin/python -m pipeline.protect", *words])],
        role_policy_statements=[iam.PolicyStatement(actions=["sts:AssumeRole"], resources=[arn])],
    )


def _to_pipeline_step(step: Step, *, stack: ServiceStack | None, source: pipelines.IFileSetProducer) -> pipelines.Step:
    if isinstance(step, Approval):
        return pipelines.ManualApprovalStep(step.name, comment=step.note)
    if isinstance(step, Probe):
        words = ["--method", step.method, "--path", step.path or "/", "--expect-status", str(step.expect_status)]
        words += ["--attempts", str(step.attempts)]
        return pipelines.CodeBuildStep(
            step.name,
            input=source,
            commands=[f'{PROBE} {shlex.join(words)} "$URL"'],
            env_from_cfn_outputs={"URL": _output(step, step.output, stack)},
        )
    return pipelines.CodeBuildStep(
        step.name,
        input=source,
        commands=list(step.commands),
        env_from_cfn_outputs={variable: _output(step, key, stack) for variable, key in step.outputs.items()},
    )


def _output(step: Command | Probe, key: str, stack: ServiceStack | None) -> cdk.CfnOutput:
    if stack is None:
        raise ValueError(f"step {step.name!r} runs before its stack is deployed, so it cannot use the output {key!r}.")
    outputs = {child.node.id: child for child in stack.node.children if isinstance(child, cdk.CfnOutput)}
    if key not in outputs:
        raise ValueError(
            f"step {step.name!r} uses the output {key!r} of {stack.node.path}, which has"
            f" {', '.join(sorted(outputs)) or 'none'}."
        )
    return outputs[key]
