"""Versions and aliases of state machines: the API, and what an execution that is started by one of them runs.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-cd-aliasing-versioning.html
"""

import functools
import random
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from pipeline.local.cloud.emulator import AwsError, Emulator, HttpResponse, Json, error_response, json_response
from pipeline.local.cloud.stepfunctions import patches, routing

MOST_VERSIONS = 1_000
MOST_ALIASES = 100
"""https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
MOST_LISTED = 1_000
PUBLISH = "The local cloud publishes a version by PublishStateMachineVersion alone, and not as a state machine is made"
DIFFERENT = (
    "Failed to create alias because an alias with the same name and a different routing configuration already exists."
)
NO_RESOURCE = "Request references a resource that does not exist."

Answer = Callable[[Json], Json]


def check(described: Json) -> None:
    """Refuse a state machine that is to be published as it is made or changed."""
    if described.get("publish"):
        raise AwsError("ValidationException", PUBLISH)


class Versions:
    """The versions and aliases of this cloud; get it by `emulator.part(Versions)`."""

    def __init__(self, emulator: Emulator) -> None:
        del emulator  # its stores have them already
        self._publish = patches.publisher()
        operations: dict[str, Answer] = {
            "publish_state_machine_version": self.publish,
            "delete_state_machine_version": self._delete,
            "list_state_machine_versions": self._list_versions,
            "create_state_machine_alias": self.create,
            "update_state_machine_alias": self._update_alias,
            "delete_state_machine_alias": self._delete_alias,
            "describe_state_machine_alias": self._describe_alias,
            "list_state_machine_aliases": self._list_aliases,
        }
        for name, answer in operations.items():
            patches.replace_operation(name, functools.partial(_answer, answer))
        self._delete_machine = patches.replace_operation("delete_state_machine", self._delete_with_versions)

    def started_by(self, arn: str) -> Json:
        """Return what an execution is associated with that is started by this ARN: nothing for a state machine's own.

        "If your qualified ARN refers to an alias, Step Functions associates the execution with that alias and the
        version to which the alias points." "It doesn't associate the execution with any aliases that point to the
        version." https://docs.aws.amazon.com/step-functions/latest/dg/execution-alias-version-associate.html
        """
        if arn in patches.versions():
            return {"stateMachineVersionArn": arn}
        alias = patches.aliases().get(arn)
        if alias is None:
            return {}
        draw = random.random() * routing.WHOLE  # noqa: S311 - it decides which version runs, and keeps no secret
        chosen = routing.chosen_version(alias["routingConfiguration"], draw)
        return {"stateMachineVersionArn": chosen, "stateMachineAliasArn": arn}

    def publish(self, request: Json) -> Json:
        """PublishStateMachineVersion: "It doesn't create a duplicate ... if it already exists for the revision"."""
        arn = request["stateMachineArn"]
        machine = patches.state_machine(arn)
        if machine is None or machine["stateMachineArn"] != arn:
            raise AwsError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        published = [each for each in patches.versions().values() if each["stateMachineArn"] == arn]
        if request.get("revisionId") not in (None, machine["revisionId"]):
            raise AwsError("ConflictException", f"The state machine's revision is {machine['revisionId']}")
        for each in published:
            if each["stateMachineRevisionId"] == machine["revisionId"]:
                return {"stateMachineVersionArn": each["stateMachineVersionArn"], "creationDate": each["creationDate"]}
        if len(published) >= MOST_VERSIONS:
            raise AwsError(
                "ServiceQuotaExceededException", f"The maximum number of versions ({MOST_VERSIONS}) is reached: {arn}"
            )
        return self._publish(request)

    def delete(self, arn: str) -> None:
        """DeleteStateMachineVersion: "won't terminate its in-progress executions"."""
        naming = [each["name"] for each in patches.aliases().values() if arn in _versions_of(each)]
        if naming:
            raise AwsError(
                "ConflictException",
                "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this"
                f" version: [{', '.join(naming)}]",
            )
        deleted = patches.versions().pop(arn, None)
        for execution in patches.executions().values() if deleted else ():
            if execution.get("stateMachineVersionArn") == arn and execution["status"] == "RUNNING":
                execution["deletedVersion"] = deleted

    def _delete(self, request: Json) -> Json:
        self.delete(request["stateMachineVersionArn"])
        return {}

    def _list_versions(self, request: Json) -> Json:
        arn = request["stateMachineArn"]
        found = [each for each in patches.versions().values() if each["stateMachineArn"] == arn]
        return _page(request, "stateMachineVersions", "stateMachineVersionArn", found)

    def _delete_with_versions(self, request: Json) -> HttpResponse:
        answer = self._delete_machine(request)
        if answer[0] == HTTPStatus.OK:
            self.forget(request["stateMachineArn"])
        return answer

    @staticmethod
    def forget(machine: str) -> None:
        """DeleteStateMachine: "deletes all versions and aliases associated with a state machine"."""
        for store in (patches.versions(), patches.aliases()):
            for arn in [arn for arn in store if routing.machine_of(arn) == machine]:
                del store[arn]

    def create(self, request: Json) -> Json:
        """CreateStateMachineAlias: "Requests that contain the same values ... return a successful response"."""
        name, wanted = request["name"], request["routingConfiguration"]
        refusal = routing.name_refusal(name) or routing.routing_refusal(wanted)
        if refusal:
            raise AwsError("ValidationException", refusal)
        _require_versions(wanted)
        machine = routing.machine_of(routing.versions_of(wanted)[0])
        arn, description = f"{machine}:{name}", request.get("description", "")
        existing = patches.aliases().get(arn)
        if existing is None:
            if len([*_aliases_of(machine)]) >= MOST_ALIASES:
                raise AwsError(
                    "ServiceQuotaExceededException",
                    f"The maximum number of aliases ({MOST_ALIASES}) is reached: {machine}",
                )
            now = patches.now()
            existing = {
                "stateMachineAliasArn": arn,
                "name": name,
                "description": description,
                "routingConfiguration": wanted,
                "creationDate": now,
                "updateDate": now,
            }
            patches.aliases()[arn] = existing
        elif (existing["description"], existing["routingConfiguration"]) != (description, wanted):
            raise AwsError("ConflictException", DIFFERENT)
        return {"stateMachineAliasArn": arn, "creationDate": existing["creationDate"]}

    def _update_alias(self, request: Json) -> Json:
        alias = _alias(request)
        if "routingConfiguration" in request:
            self.route(alias["stateMachineAliasArn"], request["routingConfiguration"])
        if "description" in request:
            self.describe(alias["stateMachineAliasArn"], request["description"])
        return {"updateDate": alias["updateDate"]}

    def route(self, arn: str, wanted: list[Any]) -> None:
        """Let an alias route to other versions from now on."""
        alias = _alias({"stateMachineAliasArn": arn})
        if refusal := routing.routing_refusal(wanted):
            raise AwsError("ValidationException", refusal)
        _require_versions(wanted)
        alias |= {"routingConfiguration": wanted, "updateDate": patches.now()}

    def describe(self, arn: str, description: str) -> None:
        """Say what an alias is for."""
        _alias({"stateMachineAliasArn": arn}).update(description=description, updateDate=patches.now())

    def _delete_alias(self, request: Json) -> Json:
        patches.aliases().pop(request["stateMachineAliasArn"], None)
        return {}

    def _describe_alias(self, request: Json) -> Json:
        return {key: value for key, value in _alias(request).items() if value != ""}

    def _list_aliases(self, request: Json) -> Json:
        """ListStateMachineAliases: also "that reference a state machine version"."""
        arn = request["stateMachineArn"]
        is_version = arn in patches.versions()
        found = [
            each
            for each in _aliases_of(routing.machine_of(arn) if is_version else arn)
            if not is_version or arn in _versions_of(each)
        ]
        return _page(request, "stateMachineAliases", "stateMachineAliasArn", found)


def _answer(operation: Answer, request: Json) -> HttpResponse:
    try:
        return json_response(operation(request))
    except AwsError as error:
        return error_response(error.code, error.message, error.status)


def _alias(request: Json) -> Json:
    found = patches.aliases().get(request["stateMachineAliasArn"])
    if found is None:
        raise AwsError("ResourceNotFound", NO_RESOURCE)
    alias: Json = found
    return alias


def _aliases_of(machine: str) -> Iterator[Json]:
    return (each for arn, each in patches.aliases().items() if routing.machine_of(arn) == machine)


def _versions_of(alias: Json) -> list[str]:
    return routing.versions_of(alias["routingConfiguration"])


def _require_versions(wanted: list[Any]) -> None:
    if any(version not in patches.versions() for version in routing.versions_of(wanted)):
        raise AwsError("ResourceNotFound", NO_RESOURCE)


def _page(request: Json, name: str, key: str, found: list[Json]) -> Json:
    """Answer a part of a list, the newest first; a token is the place where the next one begins."""
    begin, size = int(request.get("nextToken") or 0), int(request.get("maxResults") or 0) or MOST_LISTED
    newest_first = found[::-1]
    listed = [{key: each[key], "creationDate": each["creationDate"]} for each in newest_first[begin : begin + size]]
    more = {"nextToken": str(begin + size)} if begin + size < len(found) else {}
    return {name: listed, **more}
