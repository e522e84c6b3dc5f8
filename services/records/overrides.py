"""Named exceptions of records, and the findings that its owner accepts."""

from datetime import date

from services.library.contract.acknowledgement import Acknowledgement

OWNER = "@example/records"
UNTIL = date(2027, 11, 1)
LOG_ROLE_POLICY = "iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
STAGE = "Api/Api/DeploymentStage.v1/Resource"


def _accept(rule: str, path: str, reason: str) -> Acknowledgement:
    return Acknowledgement(rule=rule, path=path, reason=reason, owner=OWNER, expires=UNTIL)


ACKNOWLEDGEMENTS: tuple[Acknowledgement, ...] = (
    _accept(
        "AwsSolutions-COG4",
        "Api/Api/Default/{type}/{id}/GET/Resource",
        "Who reads records are systems with AWS identities, which sign; there are no users of a pool.",
    ),
    _accept(
        "AwsSolutions-COG4",
        "Api/Api/Default/{type}/_search/POST/Resource",
        "Searches are signed with IAM identities, like reads; no person signs in to this API.",
    ),
    _accept(
        "AwsSolutions-APIG3",
        STAGE,
        "Production has a web ACL; elsewhere patients are invented, and only our own accounts can sign.",
    ),
    _accept(
        f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:{LOG_ROLE_POLICY}]",
        "Api/Api/CloudWatchRole/Resource",
        "AWS's own policy for API Gateway's account-wide log role: it writes logs and can do nothing else.",
    ),
    _accept(
        "AwsSolutions-IAM5[Resource::*]",
        "Query/Role/Granted/Resource",
        "X-Ray's two writing actions know no resources; the datastore and the keys are named by their ARNs.",
    ),
    _accept(
        "HIPAA.Security-APIGWCacheEnabledAndEncrypted",
        STAGE,
        "A cache would keep patients' records outside of the datastore, and answer with versions that are gone.",
    ),
    _accept(
        "HIPAA.Security-APIGWSSLEnabled",
        STAGE,
        "There is no HTTP backend that a client certificate could prove API Gateway to: a function is behind it.",
    ),
    _accept(
        "HIPAA.Security-LambdaInsideVPC",
        "Query/Function/Resource",
        "It calls HealthLake and KMS with a role for one datastore and one key; a network would add no limit to that.",
    ),
)
