"""What a pipeline is told to do: its declaration, as the API and CloudFormation write it, typed and checked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

Json = dict[str, Any]
ExecutionMode = Literal["SUPERSEDED", "QUEUED", "PARALLEL"]
FailureResult = Literal["FAIL", "RETRY", "ROLLBACK"]
RetryMode = Literal["FAILED_ACTIONS", "ALL_ACTIONS"]


class InvalidDeclarationError(Exception):
    """A pipeline that AWS, or this local cloud, would not accept; says which part of it and why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, kw_only=True)
class Action:
    """One step of a stage."""

    name: str
    category: str
    owner: str
    provider: str
    version: str
    run_order: int
    configuration: dict[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    role_arn: str | None
    region: str | None
    namespace: str | None
    timeout_minutes: int | None

    @property
    def kind(self) -> str:
        """Category and provider, which together say who runs it."""
        return f"{self.category}/{self.provider}"

    @property
    def waits_for_a_person(self) -> bool:
        """Whether it only ends by PutApprovalResult (or its timeout)."""
        return self.category == "Approval"


@dataclass(frozen=True, kw_only=True)
class VariableCheck:
    """A rule that holds if a variable compares with a value.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/rule-reference-VariableCheck.html
    """

    variable: str
    """With references, such as `#{variables.Stages}`."""
    operator: str
    value: str

    def holds(self, worth: str) -> bool:
        """Tell whether it holds for a variable's value. AWS's expressions are Java's; ours read the common part."""
        if self.operator == "EQ":
            return worth == self.value
        if self.operator == "NE":
            return worth != self.value
        if self.operator == "CONTAINS":
            return self.value in worth
        return re.fullmatch(self.value, worth) is not None


OPERATORS = ("EQ", "NE", "CONTAINS", "MATCHES")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Actions that an execution enters together; one execution at a time unless the pipeline is PARALLEL."""

    name: str
    actions: tuple[Action, ...]
    on_failure: FailureResult
    retry_mode: RetryMode
    enters_if: tuple[VariableCheck, ...] = ()
    """If one of them does not hold, the stage is skipped."""

    def action(self, name: str) -> Action:
        """Return the action of this name; KeyError when there is none."""
        for action in self.actions:
            if action.name == name:
                return action
        raise KeyError(name)


@dataclass(frozen=True, kw_only=True)
class ArtifactStore:
    """The bucket, and perhaps the key, that keeps what actions hand on, in one region."""

    bucket: str
    encryption_key: str | None


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Globs of which one must match, and of which none may (which wins)."""

    includes: tuple[str, ...]
    excludes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PushTrigger:
    """Which pushes to a connection's repository start the pipeline."""

    source_action: str
    branches: Filter | None
    file_paths: Filter | None


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """One version of a pipeline."""

    name: str
    role_arn: str
    stages: tuple[Stage, ...]
    mode: ExecutionMode
    stores: dict[str, ArtifactStore]
    """By region; the empty key is the single store of a pipeline that stays in its own region."""
    variables: dict[str, str | None]
    """Pipeline variables and their defaults."""
    triggers: tuple[PushTrigger, ...]
    triggered_actions: frozenset[str]
    """Source actions that have a trigger of any kind, which replaces the default detection of changes."""

    def position(self, stage: str) -> int:
        """Return where a stage is in the order; KeyError when there is none of that name."""
        for index, candidate in enumerate(self.stages):
            if candidate.name == stage:
                return index
        raise KeyError(stage)

    def store(self, region: str) -> ArtifactStore:
        """Return the artifact store for actions in a region."""
        return self.stores[region] if region in self.stores else self.stores[""]

    def sources(self) -> Iterator[Action]:
        """Return the actions that bring a change in."""
        return iter(self.stages[0].actions)


def parse(pipeline: Json) -> Declaration:
    """Return the declaration in the API's spelling, already checked for its shape."""
    stages = tuple(_stage(stage) for stage in pipeline["stages"])
    stores = {region: _store(store) for region, store in pipeline.get("artifactStores", {}).items()}
    if "artifactStore" in pipeline:
        stores[""] = _store(pipeline["artifactStore"])
    triggers = pipeline.get("triggers", [])
    return Declaration(
        name=pipeline["name"],
        role_arn=pipeline["roleArn"],
        stages=stages,
        mode=cast("ExecutionMode", pipeline.get("executionMode", "SUPERSEDED")),
        stores=stores,
        variables={variable["name"]: variable.get("defaultValue") for variable in pipeline.get("variables", [])},
        triggers=tuple(
            PushTrigger(
                source_action=trigger["gitConfiguration"]["sourceActionName"],
                branches=_filter(push.get("branches")),
                file_paths=_filter(push.get("filePaths")),
            )
            for trigger in triggers
            for push in trigger["gitConfiguration"].get("push", [{}])
            if "tags" not in push and "pullRequest" not in trigger["gitConfiguration"]
        ),
        triggered_actions=frozenset(trigger["gitConfiguration"]["sourceActionName"] for trigger in triggers),
    )


def _stage(stage: Json) -> Stage:
    on_failure = stage.get("onFailure", {})
    return Stage(
        name=stage["name"],
        actions=tuple(_action(action) for action in stage["actions"]),
        on_failure=on_failure.get("result", "FAIL"),
        retry_mode=on_failure.get("retryConfiguration", {}).get("retryMode", "FAILED_ACTIONS"),
        enters_if=tuple(
            VariableCheck(
                variable=rule["configuration"]["Variable"],
                operator=rule["configuration"]["Operator"],
                value=rule["configuration"]["Value"],
            )
            for condition in stage.get("beforeEntry", {}).get("conditions", [])
            for rule in condition["rules"]
        ),
    )


def _action(action: Json) -> Action:
    kind = action["actionTypeId"]
    return Action(
        name=action["name"],
        category=kind["category"],
        owner=kind["owner"],
        provider=kind["provider"],
        version=kind["version"],
        run_order=action.get("runOrder", 1),
        configuration=action.get("configuration", {}),
        inputs=tuple(artifact["name"] for artifact in action.get("inputArtifacts", [])),
        outputs=tuple(artifact["name"] for artifact in action.get("outputArtifacts", [])),
        role_arn=action.get("roleArn"),
        region=action.get("region"),
        namespace=action.get("namespace"),
        timeout_minutes=action.get("timeoutInMinutes"),
    )


def _store(store: Json) -> ArtifactStore:
    return ArtifactStore(bucket=store["location"], encryption_key=store.get("encryptionKey", {}).get("id"))


def _filter(found: Json | None) -> Filter | None:
    if found is None:
        return None
    return Filter(includes=tuple(found.get("includes", [])), excludes=tuple(found.get("excludes", [])))


VARIABLE = re.compile(r"#\{([^{}]*)\}")
"""A reference to a variable in an action's configuration, e.g. `#{Build.Version}`."""
