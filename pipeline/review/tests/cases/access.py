"""Cases of access: who may do more, or less."""

from pipeline.review.tests.cases.case import Json, case, resource


def statement(actions: Json, target: Json = "arn:aws:s3:::b/*", effect: str = "Allow", **more: Json) -> Json:
    return {"Effect": effect, "Action": actions, "Resource": target, **more}


def document(*statements: Json) -> Json:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def policy(*statements: Json) -> Json:
    settings = {"PolicyName": "p", "Roles": ["r"], "PolicyDocument": document(*statements)}
    return {"P": resource("IAM::Policy", settings)}


def role(trusted: Json = None, **properties: Json) -> Json:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": trusted or {"Service": "lambda.amazonaws.com"}}
    return {"Role": resource("IAM::Role", {"AssumeRolePolicyDocument": document(trust), **properties})}


def key(principal: Json) -> Json:
    return {"K": resource("KMS::Key", {"KeyPolicy": document(statement("kms:*", "*", Principal=principal))})}


def queue_policy(principal: Json) -> Json:
    settings = {"Queues": ["q"], "PolicyDocument": document(statement("sqs:SendMessage", "q", Principal=principal))}
    return {"A": resource("SQS::QueuePolicy", settings)}


def secret_policy(principal: Json) -> Json:
    shared = document(statement("secretsmanager:GetSecretValue", "*", Principal=principal))
    return {"A": resource("SecretsManager::ResourcePolicy", {"SecretId": "s", "ResourcePolicy": shared})}


def group(cidr: str, description: str = "web") -> Json:
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": cidr, "Description": description}
    return {"G": resource("EC2::SecurityGroup", {"GroupDescription": "g", "SecurityGroupIngress": [rule]})}


def url(auth: str) -> Json:
    return {"A": resource("Lambda::Url", {"TargetFunctionArn": "f", "AuthType": auth})}


ACCOUNT = {"AWS": "arn:aws:iam::111111111111:root"}
OTHER_ACCOUNT = {"AWS": ["arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:root"]}
READ = "s3:GetObject"
INGRESS = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv6": "::/0", "GroupId": "sg-1"}
PUBLIC_URL = {
    "Action": "lambda:InvokeFunctionUrl",
    "FunctionName": "f",
    "Principal": "*",
    "FunctionUrlAuthType": "NONE",
}

CASES = (
    case(
        "34 widened to everything",
        policy(statement(READ)),
        policy(statement("*", "*")),
        {"P": "UPDATE"},
        access={"broadened": True},
    ),
    case(
        "35 narrowed from everything",
        policy(statement("*", "*")),
        policy(statement(READ)),
        {"P": "UPDATE"},
        access={"broadened": False},
    ),
    case(
        "36 statements and actions in another order",
        policy(statement([READ, "s3:PutObject"]), statement("sqs:SendMessage", "q")),
        policy(statement("sqs:SendMessage", "q"), statement(["s3:PutObject", READ])),
        {"P": "NONE"},
        access={"broadened": False},
    ),
    case(
        "37 AdministratorAccess",
        role(),
        role(ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]),
        {"Role": "UPDATE"},
        access={"broadened": True, "admin": True},
    ),
    case(
        "38 a Deny removed",
        policy(statement("s3:*"), statement("s3:DeleteObject", effect="Deny")),
        policy(statement("s3:*")),
        {"P": "UPDATE"},
        access={"broadened": True},
    ),
    case(
        "39 a condition dropped",
        policy(statement(READ, Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})),
        policy(statement(READ)),
        {"P": "UPDATE"},
        access={"broadened": True},
    ),
    case(
        "40 a boundary removed",
        role(PermissionsBoundary="arn:aws:iam::111111111111:policy/boundary"),
        role(),
        {"Role": "UPDATE"},
        access={"broadened": True},
    ),
    case(
        "41 a key opened to everybody",
        key(ACCOUNT),
        key("*"),
        {"K": "UPDATE"},
        access={"broadened": True, "public": True},
    ),
    case(
        "42 another account trusted",
        role(ACCOUNT),
        role(OTHER_ACCOUNT),
        {"Role": "UPDATE"},
        access={"broadened": True},
    ),
    case(
        "43 a queue opened to everybody",
        queue_policy(ACCOUNT),
        queue_policy("*"),
        {"A": "UPDATE"},
        access={"broadened": True, "public": True},
    ),
    case(
        "44 a secret opened to everybody",
        secret_policy(ACCOUNT),
        secret_policy("*"),
        {"A": "UPDATE"},
        access={"broadened": True, "public": True},
    ),
    case(
        "45 a function URL without authorisation",
        url("AWS_IAM"),
        {**url("NONE"), "P": resource("Lambda::Permission", PUBLIC_URL)},
        {"A": "UPDATE", "P": "CREATE"},
        access={"broadened": True},
    ),
    case(
        "46 a security group opened to the world",
        group("10.0.0.0/8"),
        group("0.0.0.0/0"),
        {"G": "UPDATE"},
        access={"broadened": True, "world": True},
    ),
    case(
        "47 a rule for the world as a resource of its own, IPv6",
        {"T": resource("SNS::Topic")},
        {"T": resource("SNS::Topic"), "I": resource("EC2::SecurityGroupIngress", INGRESS)},
        {"I": "CREATE"},
        access={"broadened": True, "world": True},
    ),
    case(
        "48 a rule's description",
        group("10.0.0.0/8"),
        group("10.0.0.0/8", "internal web"),
        {"G": "UPDATE"},
        access={"broadened": False, "world": False},
    ),
)
