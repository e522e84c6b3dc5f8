"""Where the emulator's services take policies, and whom and what a policy may name."""

from collections.abc import Callable
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iam, kms, lambda_svc, s3, sns, sqs

from pipeline.local.cloud.emulator import AwsError, HttpResponse, Json, error_response, replace

Check = Callable[[Any], None]
"""Raises the `AwsError` by which a service refuses a policy document."""


def check_iam_request(action: str, check: Callable[[Callable[[str], str]], None]) -> None:
    """Have a request to IAM checked first: `check` gets what reads its parameters by name."""
    handlers: dict[str, Callable[[Any], HttpResponse]] = iam._IAM_HANDLERS  # noqa: SLF001 - the emulator offers no other way
    own = handlers[action]

    def handle(parameters: Any) -> HttpResponse:
        try:
            check(lambda name: str(iam._p(parameters, name)))  # noqa: SLF001 - as above
        except AwsError as error:
            refused: HttpResponse = iam._error(error.status, error.code, error.message)  # noqa: SLF001 - as above
            return refused
        return own(parameters)

    handlers[action] = handle


def check_bucket_policies(check: Callable[[str, Any], None]) -> None:
    """Have the policies of buckets checked that PutBucketPolicy hands in."""

    def put(bucket: str, body: bytes) -> HttpResponse:
        try:
            check(bucket, body.decode("utf-8", errors="replace"))
        except AwsError as error:
            refused: HttpResponse = s3._error(error.code, error.message, error.status)  # noqa: SLF001 - as above
            return refused
        made: HttpResponse = own(bucket, body)
        return made

    own = replace(s3, "_put_bucket_policy", put)


def check_queue_policies(check: Check) -> None:
    """Have the policies of queues checked that CreateQueue and SetQueueAttributes hand in."""
    handlers: dict[str, Callable[[Json, str], Json]] = sqs._HANDLERS  # noqa: SLF001 - as above
    for action in ("CreateQueue", "SetQueueAttributes"):
        handlers[action] = _checking_queue(handlers[action], check)


def _checking_queue(own: Callable[[Json, str], Json], check: Check) -> Callable[[Json, str], Json]:
    def handle(data: Json, url: str) -> Json:
        policy = (data.get("Attributes") or {}).get("Policy")
        try:
            if policy:
                check(policy)
        except AwsError as error:
            raise sqs._Err(error.code, error.message, error.status) from error  # noqa: SLF001 - as above
        return own(data, url)

    return handle


def check_topic_policies(check: Check) -> None:
    """Have the policies of topics checked that SetTopicAttributes hands in."""

    def handle(parameters: Any) -> HttpResponse:
        try:
            if sns._p(parameters, "AttributeName") == "Policy":  # noqa: SLF001 - as above
                check(sns._p(parameters, "AttributeValue"))  # noqa: SLF001 - as above
        except AwsError as error:
            refused: HttpResponse = sns._error(error.code, error.message, error.status)  # noqa: SLF001 - as above
            return refused
        made: HttpResponse = own(parameters)
        return made

    own = replace(sns, "_set_topic_attributes", handle)


def check_key_policies(check: Check) -> None:
    """Have the policies of keys checked that CreateKey and PutKeyPolicy hand in."""
    for operation in ("_create_key", "_put_key_policy"):
        own = getattr(kms, operation)
        replace(kms, operation, _checking_key(own, check))


def _checking_key(own: Callable[[Json], HttpResponse], check: Check) -> Callable[[Json], HttpResponse]:
    def handle(data: Json) -> HttpResponse:
        try:
            if data.get("Policy"):
                check(data["Policy"])
        except AwsError as error:
            return error_response(error.code, error.message, error.status)
        return own(data)

    return handle


def check_function_notifications() -> None:
    """Refuse notifications of a bucket to a function whose policy does not let S3 in, as S3 does.

    The emulator does so for queues and topics.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html
    """

    def validate(configurations: list[Json], region: str, bucket: str = "", skip: bool = False) -> Any:
        refused = own(configurations, region, bucket, skip)
        if refused is not None or skip:
            return refused
        closed = [
            each["arn"] for each in configurations if each["type"] == "lambda" and not _lets_in(each["arn"], bucket)
        ]
        message = f"Unable to validate the following destination configurations: {', '.join(closed)}"
        return s3._invalid_notification_config(message) if closed else None  # noqa: SLF001 - as above

    own = replace(s3, "_validate_notification_configs", validate)


def _lets_in(function: str, bucket: str) -> bool:
    found, _, _ = lambda_svc._get_func_record_for_ref(function)  # noqa: SLF001 - as above
    asked = iam_evaluator.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action="lambda:InvokeFunction",
        resource_arn=function,
        region=function.split(":")[3],
        service_context={
            "aws:sourcearn": f"arn:aws:s3:::{bucket}",
            "aws:sourceaccount": s3._bucket_owner_account(bucket) or "",  # noqa: SLF001 - as above
        },
    )
    policy = (found or {}).get("policy") or {}
    decided = iam_evaluator.evaluate_resource_policy(policy, asked, service="s3.amazonaws.com")
    return bool(decided.decision == "Allow")


def trust_policy(role: str) -> Any:
    """Return the trust policy of a role by its ARN with its path; None if there is no such role."""
    account, path = role.split(":", 5)[4:]
    found = iam._roles.get_scoped(account, None, path.rsplit("/", 1)[-1])  # noqa: SLF001 - as above
    return found.get("AssumeRolePolicyDocument") if found and found["Arn"] == role else None


def principal_exists(arn: str) -> bool:
    """Tell whether a role or a user exists; of an account without any, which is none of this cloud's, it may."""
    account, path = arn.split(":", 5)[4:]
    held = iam._roles if path.startswith("role/") else iam._users  # noqa: SLF001 - as above
    found = held.get_scoped(account, None, path.rsplit("/", 1)[-1])
    if found is not None:
        return bool(found["Arn"] == arn)
    return path.startswith("role/aws-service-role/") or not _is_used(account)


def _is_used(account: str) -> bool:
    return any(key[0] == account for held in (iam._roles, iam._users) for key in held.to_dict())  # noqa: SLF001 - as above


def policy_exists(arn: str) -> bool:
    """Tell whether a managed policy of an account here exists."""
    return iam._policies.get_scoped(arn.split(":")[4], None, arn) is not None  # noqa: SLF001 - as above
