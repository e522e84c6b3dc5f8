"""What an account has that deployments need, read and not changed: with the lookup role where it is another account."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import unquote

from botocore.exceptions import ClientError

from pipeline.operate.session import hermetic_session
from pipeline.operate.target import Target

Json = Any
Found = TypeVar("Found")
ABSENT = frozenset({"NoSuchEntity", "ParameterNotFound", "ResourceNotFoundException"})
"""The codes by which an API answers that there is no such thing."""
PIPELINES = "codepipeline.amazonaws.com"
ADVANCED = "AdvancedEventSelectors"


class Account:
    """One account in one region."""

    def __init__(self, target: Target, account: str, region: str) -> None:
        self._target = target
        self.account = account
        self.region = region

    def bootstrap_version(self) -> int | None:
        """Return the version of its bootstrap with our qualifier; None if it has none."""
        found = self._parameter(self._target.bootstrap.version_parameter)
        return None if found is None else int(found)

    def execution_policies(self) -> list[str]:
        """Return the names of the policies that CloudFormation deploys with."""
        role = self._target.bootstrap.role("cfn-exec", account=self.account, region=self.region)
        attached = self._client("iam").list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        return [each["PolicyName"] for each in attached]

    def policy(self, name: str) -> Json | None:
        """Return the document of a policy of the account's own; None if it has no such policy."""
        iam = self._client("iam")
        partition = hermetic_session().get_partition_for_region(self.region)
        arn = f"arn:{partition}:iam::{self.account}:policy/{name}"
        policy = _unless_absent(lambda: iam.get_policy(PolicyArn=arn)["Policy"])
        if policy is None:
            return None
        version = iam.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])
        found = version["PolicyVersion"]["Document"]
        return json.loads(unquote(found)) if isinstance(found, str) else found

    def concurrent_executions(self) -> int:
        """Return how many executions of functions Lambda lets the account have at once in this region."""
        limit: int = self._client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
        return limit

    def concurrent_builds(self) -> dict[str, float]:
        """Return CodeBuild's quotas of builds at once, by environment such as `Linux/Small`."""
        prefix, suffix = "Concurrently running builds for ", " environment"
        pages = self._client("service-quotas").get_paginator("list_service_quotas").paginate(ServiceCode="codebuild")
        return {
            each["QuotaName"].removeprefix(prefix).removesuffix(suffix): each["Value"]
            for page in pages
            for each in page["Quotas"]
            if each["QuotaName"].startswith(prefix)
        }

    def connection_status(self, arn: str) -> str | None:
        """Return a connection's status, AVAILABLE once somebody confirmed it; None if there is none."""
        client = self._client("codeconnections")
        found = _unless_absent(lambda: client.get_connection(ConnectionArn=arn)["Connection"])
        return None if found is None else str(found["ConnectionStatus"])

    def offers(self, service: str) -> bool:
        """Whether AWS has a service in this region, by its public parameters."""
        return (
            self._parameter(f"/aws/service/global-infrastructure/regions/{self.region}/services/{service}") is not None
        )

    def backup_opt_ins(self) -> Mapping[str, bool]:
        """Return which types of resources AWS Backup backs up here."""
        found: Mapping[str, bool] = self._client("backup").describe_region_settings()["ResourceTypeOptInPreference"]
        return found

    def is_trailed(self) -> bool:
        """Whether a trail logs what changes a pipeline here: without one EventBridge hears of no such call."""
        cloudtrail = self._client("cloudtrail")
        unread: ClientError | None = None
        for each in cloudtrail.describe_trails()["trailList"]:
            try:
                if cloudtrail.get_trail_status(Name=each["TrailARN"])["IsLogging"] and _logs_changes(
                    cloudtrail.get_event_selectors(TrailName=each["TrailARN"])
                ):
                    return True
            except ClientError as error:  # such as an organisation's, which another account has
                unread = error
        if unread is not None:
            raise unread
        return False

    def _client(self, service: str) -> Any:
        return self._target.client(service, account=self.account, region=self.region)

    def _parameter(self, name: str) -> str | None:
        ssm = self._client("ssm")
        found = _unless_absent(lambda: ssm.get_parameter(Name=name)["Parameter"])
        return None if found is None else str(found["Value"])


def _logs_changes(selectors: Mapping[str, Any]) -> bool:
    """Say whether a trail logs management events that change a pipeline, by either kind of selectors.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-management-events-with-cloudtrail.html
    """
    basic = (
        each.get("IncludeManagementEvents", True)
        and each.get("ReadWriteType", "All") != "ReadOnly"
        and PIPELINES not in each.get("ExcludeManagementEventSources", [])
        for each in selectors.get("EventSelectors", [])
    )
    return any(basic) or any(_selects_changes(each["FieldSelectors"]) for each in selectors.get(ADVANCED, []))


def _selects_changes(fields: Sequence[Mapping[str, Any]]) -> bool:
    """Say so of an advanced selector, all of whose fields must be met; of a test that is not known here, no."""
    wanted = {"eventCategory": "Management", "readOnly": "false", "eventSource": PIPELINES}
    given = {each["Field"] for each in fields}
    return "eventCategory" in given and all(
        each["Field"] in wanted
        and wanted[each["Field"]] in each.get("Equals", [wanted[each["Field"]]])
        and wanted[each["Field"]] not in each.get("NotEquals", [])
        and each.keys() <= {"Field", "Equals", "NotEquals"}
        for each in fields
    )


def _unless_absent(read: Callable[[], Found]) -> Found | None:
    """Take `there is none` for an answer, and no other error."""
    try:
        return read()
    except ClientError as error:
        if error.response["Error"]["Code"] in ABSENT:
            return None
        raise
