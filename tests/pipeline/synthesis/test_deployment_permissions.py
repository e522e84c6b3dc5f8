"""Each part of a synth is held against what CloudFormation may do where that part is deployed."""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import aws_cdk as cdk
import pytest
from constructs import Construct

from pipeline.accounts.execution_policies import OF_BRANCHES, DeploymentAccounts
from pipeline.catalogue.model import Stage
from pipeline.settings import SETTINGS
from pipeline.synthesis.content import Sources
from pipeline.synthesis.pipeline_part import Pipeline
from pipeline.synthesis.process import told
from pipeline.synthesis.run import Synth
from pipeline.synthesis.service_unit import ServiceUnit, Surroundings, synthesise
from services.library.contract.environment import Environment, Tier
from services.library.guardrails.finding import Finding
from services.library.guardrails.rules.deployment import REFUSED
from tests.conftest import ROOT
from tests.testbed import tiny

CONTEXT = told({}).context
ACCOUNTS = DeploymentAccounts(tools=SETTINGS.account)
BRANCH = Environment(name="dev", tier=Tier.SANDBOX, account="1" * 12, region="eu-west-1", prefix="branch-a-aaaaaa")


def add_a_pool(stack: tiny.TinyStack, _environment: Environment) -> None:
    """Adds what no account of ours allows."""
    cdk.CfnResource(stack, "Pool", type="AWS::Cognito::UserPool")


@dataclass(frozen=True, kw_only=True)
class Login(tiny.Tiny):
    """Has it from the beginning."""

    name: ClassVar[str] = "login"

    def build(self, scope: Construct, environment: Environment) -> tiny.TinyStack:
        stack = tiny.TinyStack(scope, self.name, environment=environment, value=self.value)
        add_a_pool(stack, environment)
        return stack


STAGE = tiny.stage("dev", Login())


def unit(accounts: DeploymentAccounts, stage: Stage = STAGE) -> ServiceUnit:
    around = Surroundings(scope="Pipeline", context=CONTEXT, accounts=accounts)
    return ServiceUnit(stage=stage, service=stage.services[0], around=around)


def refused(findings: tuple[Finding, ...]) -> dict[str, str]:
    return {each.path: each.text for each in findings if each.rule == REFUSED.id}


def test_a_service_hears_at_its_construct_what_its_account_does_not_allow(tmp_path: Path) -> None:
    (said,) = refused(synthesise(unit(ACCOUNTS), tmp_path).findings.undecided).items()
    assert said[0] == "Pipeline/dev/login/Pool"
    assert (
        "It may not create, read, update or delete AWS::Cognito::UserPool: pipeline/accounts/foundation.yaml,"
        in said[1]
    )
    assert "Sid WhatServicesAreMadeOf, lacks cognito-idp:AddCustomAttributes, cognito-idp:CreateUserPool," in said[1]


def test_a_branch_is_held_against_the_branches_own_role(tmp_path: Path) -> None:
    synth = Synth(root=ROOT, out=tmp_path, context=CONTEXT, environment={}, store=None)
    judgement = synth.branch(Stage(environment=BRANCH, services=(Login(),)), {}, {})
    (text,) = refused(judgement.failed).values()
    assert "pipeline/accounts/branches.yaml, Sid WhatIsNamedAsABranchs, lacks cognito-idp:AddCustomAttributes" in text


def test_an_override_hears_the_line_that_its_account_does_not_allow(tmp_path: Path) -> None:
    synth = Synth(root=ROOT, out=tmp_path, context=CONTEXT, environment={}, store=None)
    judgement = synth.branch(Stage(environment=BRANCH, services=(tiny.Tiny(override=add_a_pool),)), {}, {})
    (text,) = refused(judgement.failed).values()
    assert re.search(rf"The override [\w.]+add_a_pool does this at .*{Path(__file__).name}:\d+\.", text)


def test_the_pipelines_own_stack_is_held_against_its_accounts_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the pipeline's account were prepared like one of a stage.
    elsewhere = replace(ACCOUNTS, tools="0" * 12)
    monkeypatch.setattr(Pipeline, "accounts", elsewhere)
    pipeline = Pipeline(settings=SETTINGS, catalogue=(), removals=(), branches=None, context=CONTEXT)
    found = pipeline.synthesise(tmp_path, ()).data["findings"]["undecided"]
    refusals = [each["text"] for each in found if each["rule"] == REFUSED.id]
    assert any("AWS::CodePipeline::Pipeline" in text and "codepipeline:CreatePipeline" in text for text in refusals)


def test_accounts_of_a_pipeline_are_guarded_where_a_production_stage_is() -> None:
    catalogue = (tiny.stage("dev", account="1" * 12), tiny.stage("prod", tier=Tier.PRODUCTION, account="4" * 12))
    pipeline = Pipeline(settings=SETTINGS, catalogue=catalogue, removals=(), branches=None, context=CONTEXT)
    assert pipeline.accounts == DeploymentAccounts(tools=SETTINGS.account, keep_data=frozenset({"4" * 12}))


@pytest.mark.parametrize(
    "other", [OF_BRANCHES, replace(ACCOUNTS, tools="0" * 12), replace(ACCOUNTS, keep_data=frozenset({"1" * 12}))]
)
def test_a_part_that_is_kept_is_of_the_same_accounts(other: DeploymentAccounts) -> None:
    sources = Sources(ROOT)
    assert unit(ACCOUNTS).key(sources, "tools") == unit(replace(ACCOUNTS)).key(sources, "tools")
    assert unit(ACCOUNTS).key(sources, "tools") != unit(other).key(sources, "tools")


@pytest.mark.parametrize("file", ["foundation.yaml", "branches.yaml"])
def test_another_policy_makes_every_part_anew(file: str, tmp_path: Path) -> None:
    policy = tmp_path / "pipeline/accounts" / file
    policy.parent.mkdir(parents=True)
    policy.write_text((ROOT / "pipeline/accounts" / file).read_text())
    before = Sources(tmp_path).library()
    policy.write_text(json.dumps({}))
    assert Sources(tmp_path).library() != before
