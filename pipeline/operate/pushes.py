"""What was pushed between two runs, by the source actions that CodePipeline keeps a record of.

A run carries every commit since the one before it, and CodePipeline knows the newest of each push alone: the others are
in the repository.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.operate.errors import OperateError
from pipeline.operate.pipeline import Pipeline, message_of
from pipeline.operate.run import SUCCEEDED

ACTIONS_LOOKED_AT = 20_000
"""With fifty services in four stages a run has some 350."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Push:
    """The newest commit of a push."""

    execution: str
    commit: str
    author: str
    """As the source action names them: CodeCommit's names nobody."""
    message: str
    taken: datetime

    def to_json(self) -> dict[str, Any]:
        """Return what the evidence of an approval has of it."""
        return {name: getattr(self, name) for name in ("execution", "commit", "author", "message")}


def between(pipeline: Pipeline, *, after: str, upto: str) -> list[Push]:
    """Return what was pushed after the run `after` and up to the run `upto`, newest first; all if `after` is empty.

    Raises:
        OperateError: More has happened since than is looked at.
    """
    taken = list(_taken(pipeline, until=after))
    begin = next((each.taken for each in taken if each.execution == after), None)
    end = next((each.taken for each in taken if each.execution == upto), None)
    found: dict[str, Push] = {}
    for each in taken:
        is_later = begin is None or each.taken > begin
        if end is not None and each.taken <= end and is_later:
            found.setdefault(each.commit, each)
    return list(found.values())


def _taken(pipeline: Pipeline, *, until: str) -> Iterator[Push]:
    """Yield what each run's source action took, newest first, until that run's."""
    looked_at = 0
    pages = pipeline.client.get_paginator("list_action_executions").paginate(
        pipelineName=pipeline.name, PaginationConfig={"MaxItems": ACTIONS_LOOKED_AT}
    )
    try:
        for page in pages:
            details: Any = page["actionExecutionDetails"]
            for detail in details:
                looked_at += 1
                if detail["input"]["actionTypeId"]["category"] == "Source" and detail["status"] == SUCCEEDED:
                    yield _push(detail)
                    if detail["pipelineExecutionId"] == until:
                        return
    except (ClientError, EndpointConnectionError) as error:
        pipeline.explain(error)
    if looked_at >= ACTIONS_LOOKED_AT:
        raise OperateError(f"the last {ACTIONS_LOOKED_AT:,} actions of the pipeline do not reach back so far")


def _push(detail: Mapping[str, Any]) -> Push:
    variables = detail["output"].get("outputVariables", {})
    return Push(
        execution=detail["pipelineExecutionId"],
        commit=variables.get("CommitId") or variables.get("VersionId", ""),
        author=variables.get("AuthorDisplayName") or variables.get("AuthorEmail", ""),
        message=message_of(variables.get("CommitMessage", "")),
        taken=detail["startTime"],
    )
