"""The policy that CloudFormation has in each account, as this folder's templates make it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from services.library.contract.environment import Environment
from services.library.contract.names import PLATFORM_BOUNDARY
from services.library.guardrails.deployment.execution_policy import ExecutionPolicy, PolicyStatement

HERE = Path(__file__).parent
FOUNDATION = "foundation.yaml"
BRANCHES = "branches.yaml"
SERVICE_NAME, PASSED_TO = "iam:AWSServiceName", "iam:PassedToService"
POLICY = "AWS::IAM::ManagedPolicy"
UNKNOWN = "*"
"""What only a deployment knows, such as the account: it is somewhere in the pattern of an ARN."""
Json = Any


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentAccounts:
    """Which accounts a synth is for, as far as it decides what CloudFormation may do in each."""

    tools: str = ""
    keep_data: frozenset[str] = frozenset()
    """Those with a stage of tier PRODUCTION."""
    is_branch: bool = False
    """Whether it is for a branch environment: branches.yaml then says what its execution role may do."""

    @classmethod
    def of(cls, environments: Iterable[Environment], *, tools: str) -> "DeploymentAccounts":
        """Return the accounts of a pipeline's stages."""
        return cls(tools=tools, keep_data=frozenset(each.account for each in environments if each.keeps_data))

    def policy(self, account: str | None) -> ExecutionPolicy:
        """Return what CloudFormation may do in one of them."""
        if self.is_branch:
            return _branches()
        return _foundation(holds_pipeline=account == self.tools, keeps_data=account in self.keep_data)


OF_BRANCHES = DeploymentAccounts(is_branch=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundationParameters:
    """What the foundation is deployed with in one account."""

    holds_pipeline: bool
    keeps_data: bool
    role_names: tuple[str, ...] = ()
    qualifiers: tuple[str, ...] = ()
    """None of either, where they are not known."""
    boundary: str = PLATFORM_BOUNDARY
    """The name of the permissions boundary of every role."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Deployment:
    """What one deployment of a template makes of its functions."""

    conditions: Mapping[str, bool]
    parameters: Mapping[str, Json]
    unknown: str = UNKNOWN
    """Stands for what only the deployment itself knows."""

    def resolved(self, value: Json) -> Json:
        """Resolve a part of the template."""
        match value:
            case {"If": [condition, yes, no]}:
                return self.resolved(yes if self.conditions[condition] else no)
            case {"Ref": name} | {"GetAtt": name}:
                return None if name == "AWS::NoValue" else self.parameters.get(name, self.unknown)
            case {"Sub": _} | {"Join": _} | {"Split": _}:
                return self._text(value)
            case dict():
                return {key: self.resolved(part) for key, part in value.items()}
            case list():
                return [part for part in map(self.resolved, value) if part is not None]
        return value

    def _text(self, function: Mapping[str, Json]) -> Json:
        """Resolve a function of text; a list of which the parts are not known is one text, `unknown`."""
        match function:
            case {"Join": [separator, parts]}:
                return separator.join(self.resolved(parts))
            case {"Split": [separator, text]}:
                return self.resolved(text).split(separator)
        first, *others = function["Sub"].split("${")
        named = (each.partition("}") for each in others)
        return first + "".join(f"{self.parameters.get(name, self.unknown)}{rest}" for name, _, rest in named)


def documents(given: FoundationParameters, *, unknown: str) -> dict[str, Json]:
    """Return the documents of the foundation's policies by their names, as a deployment makes them.

    `unknown` stands for what only the deployment itself knows.
    """
    deployment = _foundation_with(given, unknown)
    resources = _template(FOUNDATION)["Resources"].values()
    policies = (each["Properties"] for each in resources if each["Type"] == POLICY)
    return {
        deployment.resolved(each["ManagedPolicyName"]): deployment.resolved(each["PolicyDocument"]) for each in policies
    }


def _foundation_with(given: FoundationParameters, unknown: str = UNKNOWN) -> _Deployment:
    chosen = {
        "InTools": given.holds_pipeline,
        "InStages": not given.holds_pipeline,
        "GuardsData": given.keeps_data,
        "HasAnotherBoundary": given.boundary != PLATFORM_BOUNDARY,
    }
    parameters = {"RoleNames": list(given.role_names), "Qualifiers": list(given.qualifiers)}
    known = {name: values for name, values in parameters.items() if values} | {"BoundaryName": given.boundary}
    return _Deployment(conditions=chosen, parameters=known, unknown=unknown)


@cache
def _foundation(*, holds_pipeline: bool, keeps_data: bool) -> ExecutionPolicy:
    deployment = _foundation_with(FoundationParameters(holds_pipeline=holds_pipeline, keeps_data=keeps_data))
    usual = "WhatThePipelineIsMadeOf" if holds_pipeline else "WhatServicesAreMadeOf"
    return _policy(FOUNDATION, ("ExecutionPolicy",), deployment, usual)


@cache
def _branches() -> ExecutionPolicy:
    deployment = _Deployment(conditions={}, parameters={})
    return _policy(BRANCHES, ("ExecutionPolicy", "IdentityPolicy"), deployment, "WhatIsNamedAsABranchs")


def _policy(file: str, names: Collection[str], deployment: _Deployment, usual_sid: str) -> ExecutionPolicy:
    """Read some policies of a template as one, for a role that has them all."""
    resources = _template(file)["Resources"]
    documents = [deployment.resolved(resources[name]["Properties"]["PolicyDocument"]) for name in names]
    statements = [_statement(each) for document in documents for each in document["Statement"]]
    return ExecutionPolicy(file=f"pipeline/accounts/{file}", usual_sid=usual_sid, statements=tuple(statements))


@cache
def _template(file: str) -> Mapping[str, Json]:
    found: Mapping[str, Json] = _ShortForms((HERE / file).read_text(encoding="utf-8")).get_single_data()
    return found


class _ShortForms(yaml.SafeLoader):
    """Reads CloudFormation's short forms as mappings: `!If [a, b, c]` as `{"If": [a, b, c]}`."""


def _short_form(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Json]:
    if isinstance(node, yaml.SequenceNode):
        return {tag: loader.construct_sequence(node, deep=True)}
    if isinstance(node, yaml.ScalarNode):
        return {tag: loader.construct_scalar(node)}
    raise yaml.YAMLError(f"!{tag} of a mapping is not read here")


_ShortForms.add_multi_constructor("!", _short_form)


def _statement(written: Mapping[str, Json]) -> PolicyStatement:
    conditions = written.get("Condition", {})
    return PolicyStatement(
        sid=written["Sid"],
        allows=written["Effect"] == "Allow",
        actions=_listed(written["NotAction" if "NotAction" in written else "Action"]),
        excepts_actions="NotAction" in written,
        resources=_listed(written["Resource"]),
        has_condition=bool(conditions),
        service_names=_listed(conditions.get("StringEquals", {}).get(SERVICE_NAME, ())),
        passed_to=_listed(conditions.get("StringEquals", {}).get(PASSED_TO, ())),
    )


def _listed(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
