"""An override cannot weaken the baseline unseen: each way is refused with its rule and the line that does it."""

import functools
import inspect
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from services.library.constructs.log_group import LogGroup
from services.library.constructs.table import Table
from services.library.contract.acknowledgement import Acknowledgement
from services.library.contract.environment import Environment, Tier
from services.library.contract.service import Service
from services.library.guardrails.checked_stack import CheckedStack
from services.library.guardrails.judgement import Guardrails, Judgement
from services.library.guardrails.stack_findings import StackFindings, find, synthesised
from services.library.guardrails.tests import weakened

ROOT = Path(__file__).parents[4]
FILE = Path(weakened.__file__).relative_to(ROOT).as_posix()
PROD = Environment(name="prod", tier=Tier.PRODUCTION, account="1" * 12, region="eu-west-1")
CONTEXT = json.loads((ROOT / "cdk.json").read_text())["context"]
CONTEXT |= {"aws:cdk:enable-path-metadata": True, "aws:cdk:enable-asset-metadata": True}
STACK = "Pipeline/prod"
EXPECTED = re.compile(r"# (Penstock-\S+)(?: (\S+))?$")
WAYS: list[tuple[Service[Any], Callable[..., None]]] = [
    (weakened.Storing(), weakened.weakens_encryption),
    (weakened.Storing(), weakened.weakens_retention),
    (weakened.Running(), weakened.opens_to_the_public),
    (weakened.Running(), weakened.stops_tracing),
    (weakened.Storing(), weakened.lifts_deletion_guards),
    (weakened.Running(), weakened.lets_more_in),
    (weakened.Storing(), weakened.hides_what_it_does),
]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What every check says of one service, before anything is accepted."""

    checked: CheckedStack
    findings: StackFindings
    folder: Path

    def judged(
        self, *, accepted: Iterable[Acknowledgement] = (), by_the_service: tuple[Acknowledgement, ...] = ()
    ) -> Judgement:
        """What guardrails say where the platform team and the service accept these."""
        checked = replace(self.checked, stage_acknowledgements=by_the_service)
        return Guardrails([checked], accepted=tuple(accepted)).conclude(self.folder, [self.findings], context=CONTEXT)


def find_in(service: Service[Any], folder: Path, *, environment: Environment = PROD) -> Found:
    """Synthesise one service and look at it, in process."""
    app = cdk.App(outdir=str(folder), context=CONTEXT)
    stage = cdk.Stage(cdk.Stack(app, "Pipeline", env=PROD.to_cdk()), environment.label, env=environment.to_cdk())
    checked = CheckedStack(
        stack=service.deploy(stage, environment),
        environment=environment,
        service=service.name,
        owner=service.owner,
        handles_personal_data=False,
        acknowledgements=service.acknowledgements,
    )
    made = Path(stage.synth(skip_validation=True).directory)
    return Found(
        checked=checked,
        findings=find(app, made, synthesised(made), [checked], execution=None),
        folder=made,
    )


def judge(service: Service[Any], folder: Path, *, environment: Environment = PROD) -> Judgement:
    """What guardrails say of one service of which nothing is accepted."""
    return find_in(service, folder, environment=environment).judged()


def ours(judgement: Judgement) -> dict[tuple[str, str], str]:
    """(rule, path below the stack) -> text of what the baseline's rules say, and those that say it for them."""
    rules = ("Penstock-Baseline", "Penstock-Retained", "Penstock-StreamRetention", "Penstock-Unseen")
    return {
        (each.rule, each.path.removeprefix(f"{STACK}/").partition("/")[2]): each.text
        for each in judgement.failed
        if each.rule.startswith(rules)
    }


def expected(override: Callable[..., None]) -> dict[tuple[str, str], int]:
    """(rule, path below the stack) -> the line that says so."""
    lines, first = inspect.getsourcelines(override)
    found = ((EXPECTED.search(line.rstrip()), number) for number, line in enumerate(lines, first))
    return {(match[1], match[2] or ""): number for match, number in found if match}


@pytest.mark.parametrize(("service", "override"), WAYS, ids=[override.__name__ for _, override in WAYS])
def test_override_that_weakens_the_baseline_fails_with_rule_and_line_for_the_platform_to_accept(
    service: Service[Any], override: Callable[..., None], tmp_path: Path
) -> None:
    wanted = expected(override)
    assert len(wanted) >= 8
    given = tuple(acknowledgement(number, rule, path or "Key") for number, (rule, path) in enumerate(wanted))
    found = find_in(replace(service, override=override), tmp_path)
    judgement = found.judged(by_the_service=given)
    refused = [each.text for each in judgement.failed if "Only the platform team can accept" in each.text]
    assert len(refused) == len(given)
    said = ours(judgement)
    for finding, line in wanted.items():
        assert finding in said, f"line {line}: {finding} is not among {sorted(said)}"
        at = f"The override {weakened.__name__}.{override.__name__} does this at {FILE}:{line}."
        assert said[finding].endswith(at), said[finding]
    platforms = [
        acknowledgement(number, rule, f"{STACK}/{service.name}/{path}".rstrip("/"))
        for number, (rule, path) in enumerate(said)
    ]
    assert ours(found.judged(accepted=platforms)) == {}


def acknowledgement(number: int, rule: str, path: str) -> Acknowledgement:
    """One with a reason of its own."""
    reason = f"Number {number} is accepted by those who run this"
    return Acknowledgement(rule=rule, path=path, reason=reason, owner="@example/platform", expires=date(2027, 1, 1))


@pytest.mark.parametrize(
    ("service", "override"),
    [
        (weakened.Storing(), weakened.nearly_weakens_what_is_stored),
        (weakened.Running(), weakened.nearly_weakens_what_runs),
        (weakened.Storing(), None),
        (weakened.Running(), None),
    ],
)
def test_override_that_nearly_weakens_the_baseline_passes(
    service: Service[Any], override: Callable[..., None] | None, tmp_path: Path
) -> None:
    assert ours(judge(replace(service, override=override), tmp_path)) == {}


def gone_by_tomorrow(stack: weakened.Stores, environment: Environment) -> None:
    """Fine in a sandbox but for one line."""
    stack.tables["One"].table.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
    weakened.cfn(stack.logs["One"]).retention_in_days = 7
    weakened.cfn(stack.logs["Two"]).retention_in_days = 1


def test_override_in_a_sandbox_is_held_to_a_sandboxs_baseline(tmp_path: Path) -> None:
    sandbox = replace(PROD, tier=Tier.SANDBOX)
    said = ours(judge(SandboxStoring(override=gone_by_tomorrow), tmp_path, environment=sandbox))
    assert set(said) == {("Penstock-BaselineRetention[RetentionInDays=1]", "LogsTwo/Resource")}


class SandboxStores(weakened.Stores):
    """Leave backups out, which are for production."""

    def build(self, environment: Environment) -> None:
        self.tables = {
            "One": Table(self, "TableOne", environment=environment, partition_key="id", encryption_key=self.key)
        }
        self.logs = {name: LogGroup(self, f"Logs{name}", environment=environment) for name in weakened.COPIES[:2]}


class SandboxStoring(weakened.Storing):
    """Builds it."""

    def build(self, scope: Construct, environment: Environment) -> SandboxStores:
        return SandboxStores(scope, self.name, environment=environment)


def one_queue_more(stack: weakened.Runs, environment: Environment) -> None:
    """What only the packs speak of."""
    sqs.Queue(stack, "More", encryption_master_key=stack.key.key, enforce_ssl=True)


def test_findings_of_other_rules_name_the_override(tmp_path: Path) -> None:
    judgement = judge(weakened.Running(override=one_queue_more), tmp_path)
    said = {(each.rule, each.path.removeprefix(f"{STACK}/runs/")): each.text for each in judgement.failed}
    packs = said["AwsSolutions-SQS3", "More/Resource"]
    assert f"The override {__name__}.one_queue_more" in packs
    assert packs.endswith("changes this resource.")
    untouched = said["AwsSolutions-APIG1", "Api/DeploymentStage.prod/Resource"]
    assert "override" not in untouched


def in_vain(stack: weakened.Runs, environment: Environment) -> None:
    """Catches whatever it can."""
    for name in ("One", "Two"):
        try:
            weakened.cfn(stack.functions[name]).tracing_config = {"mode": "PassThrough"}
        except Exception as error:  # noqa: BLE001 - what an override might do
            stack.node.add_metadata("caught", str(error))


@pytest.mark.parametrize(
    "override", [in_vain, functools.partial(in_vain), lambda stack, env: in_vain(stack, environment=env)]
)
def test_override_in_a_loop_a_partial_or_a_lambda_is_named_by_line(
    override: Callable[..., None], tmp_path: Path
) -> None:
    said = ours(judge(weakened.Running(override=override), tmp_path))
    assert len(said) == 2
    line = "mode" if "lambda" not in override_name(override) else "lambda stack, env"
    source = Path(__file__).read_text().splitlines()
    for text in said.values():
        number = int(text.rpartition(":")[2].rstrip("."))
        assert line in source[number - 1]


def override_name(override: Callable[..., None]) -> str:
    return str(getattr(override, "__name__", ""))
