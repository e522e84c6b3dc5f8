"""Named exceptions of intake, and the findings that its owner accepts."""

from datetime import date

from services.library.contract.acknowledgement import Acknowledgement

OWNER = "@example/intake"
UNTIL = date(2027, 11, 1)
LOG_ROLE_POLICY = "iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"

ACKNOWLEDGEMENTS: tuple[Acknowledgement, ...] = (
    Acknowledgement(
        rule="AwsSolutions-COG4",
        path="Api/Api/Default/POST/Resource",
        reason="Callers are systems with AWS identities: the method asks for IAM signatures instead of user pools.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule="AwsSolutions-APIG3",
        path="Api/Api/DeploymentStage.v1/Resource",
        reason="A web ACL guards the API in production tiers; elsewhere nobody but our own accounts can sign for it.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule=f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:{LOG_ROLE_POLICY}]",
        path="Api/Api/CloudWatchRole/Resource",
        reason="The policy that AWS keeps for exactly this: API Gateway writes the account's API logs, and no more.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule="AwsSolutions-IAM5[Resource::*]",
        path="Record/Role/Granted/Resource",
        reason="xray:PutTraceSegments and PutTelemetryRecords know no resources.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule="AwsSolutions-IAM5[Resource::*]",
        path="Workflow/Role/Granted/Resource",
        reason="Log delivery and tracing of a workflow are granted on no resource; the actions can only write them.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule="AwsSolutions-IAM5[Resource::<*.Arn>:*]",
        path="Workflow/Role/Granted/Resource",
        reason="The workflow may call any version of its two functions, so that a release can move between them.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule="AwsSolutions-SF1",
        path="Workflow/StateMachine/Resource",
        reason="Logged at ERROR outside sandboxes: the history of an execution is in Step Functions for 90 days.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule="HIPAA.Security-APIGWCacheEnabledAndEncrypted",
        path="Api/Api/DeploymentStage.v1/Resource",
        reason="The API only takes POST, which is never cached; a cache would keep answers to people's submissions.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule="HIPAA.Security-APIGWSSLEnabled",
        path="Api/Api/DeploymentStage.v1/Resource",
        reason="A client certificate proves API Gateway to an HTTP backend; this one is Step Functions, signed for.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule="HIPAA.Security-DynamoDBInBackupPlan",
        path="Submissions/Table/Resource",
        reason="Production backs the table up. Elsewhere its items are made up, and go with the stack.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule="HIPAA.Security-LambdaInsideVPC",
        path="Record/Function/Resource",
        reason="It calls DynamoDB and X-Ray alone, with a role of its own; a VPC would add a network and close none.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule="AwsSolutions-COG4",
        path="Api/Api/Default/claims/POST/Resource",
        reason="Uploads are handed to the systems that may submit, which sign for it with their AWS identities too.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule="AwsSolutions-IAM5[Resource::*]",
        path="HandOver/Role/Granted/Resource",
        reason="Traces are written on no resource: X-Ray's two actions know none. The stream is named by its ARN.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule="AwsSolutions-IAM5[Resource::*]",
        path="Claims/Role/Granted/Resource",
        reason="X-Ray takes trace segments for no resource in particular; the bucket is granted apart, below claims/.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule="AwsSolutions-IAM5[Resource::arn:aws:s3:::<*>/claims/*]",
        path="Claims/Role/Granted/Resource",
        reason="A claim is named after its request, so what may be uploaded is everything below claims/ and no more.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule="HIPAA.Security-LambdaInsideVPC",
        path="HandOver/Function/Resource",
        reason="It reaches Kinesis and X-Ray over TLS with a role of its own; in a VPC it would reach the same two.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule="HIPAA.Security-LambdaInsideVPC",
        path="Claims/Function/Resource",
        reason="It signs a URL and calls nothing but X-Ray; there is no network for a VPC to keep it away from.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule="AwsSolutions-SQS3",
        path="DeadLetters/Queue/Resource",
        reason="The workflow sends what it could not do here itself, so no other queue names this as its last.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule="Serverless-SQSRedrivePolicy",
        path="DeadLetters/Queue/Resource",
        reason="People read these messages by hand; there is no consumer that could fail and want a next queue.",
        owner=OWNER,
        expires=UNTIL,
    ),
)
