"""What every `Function` of the library causes, and what a `StreamConsumer` adds to that."""

from services.library.guardrails.decisions.decision import Cause, Decision
from services.library.guardrails.decisions.grants import Grant, granted, is_assumed_by, one_of

SERVICE = "lambda.amazonaws.com"
XRAY = frozenset({"xray:PutTelemetryRecords", "xray:PutTraceSegments"})
WRITE = frozenset({"s3:PutObject"})
INTERFACES = frozenset(
    {
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    }
)
LIST_STREAMS = frozenset({"dynamodb:ListStreams"})


def _is_in_no_network_but_held_by_its_role(cause: Cause) -> bool:
    """Say whether only policies that guardrails read give its role anything, and nobody calls it by a URL."""
    role = cause.template.named_by(_role_of(cause))
    return (
        "VpcConfig" not in cause.resource.properties
        and role is not None
        and is_assumed_by(role, SERVICE)
        and not {"ManagedPolicyArns", "Policies"} & role.properties.keys()
        and not any(cause.names_it(url.properties.get("TargetFunctionArn")) for url in cause.beside("AWS::Lambda::Url"))
    )


def _is_in_a_network(cause: Cause) -> bool:
    """Say whether the policy's role is that of a function in a network."""
    above = cause.resource.path.removesuffix("/Role/Granted/Resource")
    functions = cause.beside("AWS::Lambda::Function")
    return any(each.path == f"{above}/Function/Resource" and "VpcConfig" in each.properties for each in functions)


def _reads_a_tables_stream(cause: Cause) -> bool:
    """Say whether the consumer's event source is the stream of a table of the same stack."""
    source = f"{cause.scope}/Source/Resource"
    for each in cause.beside("AWS::Lambda::EventSourceMapping"):
        match each.properties.get("EventSourceArn"):
            case {"Fn::GetAtt": [str(), "StreamArn"]} as arn if each.path == source:
                table = cause.template.named_by(arn)
                return table is not None and table.type == "AWS::DynamoDB::Table"
    return False


def _role_of(cause: Cause) -> object:
    role = cause.resource.properties.get("Role")
    match role:
        case {"Fn::GetAtt": [_, "Arn"]}:
            return role
    return None


DECISIONS = (
    Decision(
        construct="Function",
        path=r".+/Role/Granted/Resource",
        rules=("AwsSolutions-IAM5[Resource::*]",),
        holds=granted(Grant(actions=XRAY, resources=one_of("*")), to=SERVICE),
        reason="X-Ray's two actions that write traces know no resources; whatever else the role may do names its own.",
    ),
    Decision(
        construct="Function",
        path=r".+/Role/Granted/Resource",
        rules=("AwsSolutions-IAM5[Resource::*]",),
        holds=lambda cause: (
            _is_in_a_network(cause)
            and granted(Grant(actions=XRAY | INTERFACES, resources=one_of("*")), to=SERVICE)(cause)
        ),
        reason="Lambda makes and deletes the function's network interfaces as its role; they have no name before.",
    ),
    Decision(
        construct="StreamConsumer",
        path=r"(?P<scope>.+)/Consumer/Role/Granted/Resource",
        rules=("AwsSolutions-IAM5[Resource::*]",),
        holds=lambda cause: (
            _reads_a_tables_stream(cause)
            and granted(Grant(actions=XRAY | LIST_STREAMS, resources=one_of("*")), to=SERVICE)(cause)
        ),
        reason="Lambda lists tables' streams as the consumer's role, which IAM ties to none; it reads this one.",
    ),
    Decision(
        construct="Function",
        path=r".+/Function/Resource",
        rules=("HIPAA.Security-LambdaInsideVPC",),
        holds=_is_in_no_network_but_held_by_its_role,
        reason="It calls AWS and partners over TLS with a role that names each action; a VPC would add a network and"
        " keep nobody out. One that must reach into a VPC gets its VpcConfig by an override.",
    ),
    *(
        Decision(
            construct="StreamConsumer",
            path=r"(?P<scope>.+)/Consumer/Role/Granted/Resource",
            rules=(f"AwsSolutions-IAM5[Resource::<*.Arn>/{below}*]",),
            holds=granted(
                Grant(actions=WRITE, resources=one_of(f"<{{scope}}/{bucket}/Bucket/Resource.Arn>/{below}*")), to=SERVICE
            ),
            reason=reason,
        )
        for bucket, below, reason in (
            (
                "Quarantine",
                "quarantined/",
                "Quarantine names each record after its place in the stream, below this prefix of its own bucket.",
            ),
            (
                "Failures",
                "aws/lambda/",
                "Lambda names the copies of what it gives up, always below this prefix of the consumer's bucket.",
            ),
        )
    ),
)
