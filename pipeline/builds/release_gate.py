"""Judge whether a stage may be released to now: the last action of its gate, after the approval.

What it judges by lies in parameters that the pipeline's stack renders from `stages/`, so that a freeze changes no
action of the pipeline: a change of those cancels runs that wait. Whatever cannot be read closes the gate. It has no
checkout: the action's build has the text of this file, and of those that it imports.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.builds import alarms, release_rules
from pipeline.builds.clock import Clock
from services.library.contract import release_times

LOOK_EACH = timedelta(minutes=1)
EVERY_STAGE, HEEDED = "every", "heeded"
"""What the pipeline's variables say in an ordinary run (services/library/contract/names.py, which is no part of it)."""


def main(arguments: Sequence[str]) -> int:
    """Wait until nobody is in the stage; exit code 0 if it may be released to then."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", required=True, help="the parameter that has the release's rules")
    parser.add_argument("--pipeline", required=True)
    parser.add_argument("--stage", required=True, help="the stage or wave behind the gate")
    parser.add_argument("--execution", required=True)
    chosen = parser.parse_args(arguments)
    clock, codepipeline = Clock(), boto3.client("codepipeline")
    try:
        wait_until_idle(codepipeline, chosen.pipeline, chosen.stage, clock)
        rules = release_rules.read(boto3.client("ssm"), chosen.rules, clock)
        variables = variables_of(codepipeline, chosen.pipeline, chosen.execution)
        closed = [*held(codepipeline, chosen.pipeline, chosen.stage)]
        closed += [*closed_times(rules, clock.now(), variables)]
        closed += [*firing(rules, variables)]
    except (ClientError, BotoCoreError, KeyError, ValueError) as error:
        closed = [f"it cannot be judged, which closes the gate: {type(error).__name__}: {error}"]
    if not closed:
        sys.stdout.write(f"{chosen.stage} may be released to.\n")
        return 0
    sys.stdout.write(f"{chosen.stage} may not be released to now:\n")
    for reason in closed:
        sys.stdout.write(f"  {reason}\n")
    sys.stdout.write(f"Nothing was deployed. `penstock retry {chosen.stage}` has it judged again.\n")
    return 1


def wait_until_idle(codepipeline: Any, pipeline: str, stage: str, clock: Clock) -> None:
    """Wait while an execution is in the stage: whoever passes now would enter it only then."""
    told = False
    while executions := [*_inside(_states(codepipeline, pipeline, stage))]:
        if not told:
            sys.stdout.write(f"Execution {executions[0]} is in {stage}; it is waited for.\n")
            told = True
        clock.wait(LOOK_EACH)


def held(codepipeline: Any, pipeline: str, stage: str) -> Iterator[str]:
    """Yield why nothing may enter the stage: a person's hold."""
    for state in _states(codepipeline, pipeline, stage):
        transition = state.get("inboundTransitionState", {})
        if not transition.get("enabled", True):
            yield f"held: {transition.get('disabledReason', 'without a reason')}"


def closed_times(rules: Mapping[str, Any], now: datetime, variables: Mapping[str, str]) -> list[str]:
    """Return each window that is closed and each freeze that holds; of a hotfix none, which says so."""
    closed = release_times.closed_by(rules, now)
    if closed and variables["Stages"] != EVERY_STAGE:
        for said in (f"A hotfix, because: {variables['Reason']}", "It passes:", *(f"  {each}" for each in closed)):
            sys.stdout.write(f"{said}\n")
        return []
    return closed


def firing(rules: Mapping[str, Any], variables: Mapping[str, str]) -> list[str]:
    """Return each alarm that fires, and each that is wanted and missing."""
    closed = [said for place in rules.get("alarms", []) for said in alarms.blocking(place)]
    if closed and variables.get("Alarms", HEEDED) != HEEDED:
        for said in (f"Despite alarms, because: {variables['Reason']}", *(f"  {each}" for each in closed)):
            sys.stdout.write(f"{said}\n")
        return []
    return closed


def variables_of(codepipeline: Any, pipeline: str, execution: str) -> dict[str, str]:
    """Return what the run was started with."""
    found = codepipeline.get_pipeline_execution(pipelineName=pipeline, pipelineExecutionId=execution)
    return {each["name"]: each["resolvedValue"] for each in found["pipelineExecution"]["variables"]}


def _states(codepipeline: Any, pipeline: str, stage: str) -> list[Any]:
    """Return the states of the stage, or of each part that CDK Pipelines made of it."""
    states = codepipeline.get_pipeline_state(name=pipeline)["stageStates"]
    found = [each for each in states if each["stageName"].partition(".")[0] == stage]
    if not found:
        raise KeyError(f"the pipeline has no stage {stage}")
    return found


def _inside(states: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for state in states:
        execution = state.get("latestExecution", {})
        if execution.get("status") in ("InProgress", "Stopping"):
            yield execution["pipelineExecutionId"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
