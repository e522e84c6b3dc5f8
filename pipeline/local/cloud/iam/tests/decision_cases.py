"""Small cases of IAM's decision, each with the answer that AWS documents and the page that does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.local.cloud.iam.decision import Principal, Reason, Request, ResourcePolicy
from pipeline.local.cloud.iam.policies import read_policy

GUIDE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
ORDER = f"{GUIDE}reference_policies_evaluation-logic_policy-eval-denyallow.html"
ACROSS = f"{GUIDE}reference_policies_evaluation-logic-cross-account.html"
BOUNDARIES = f"{GUIDE}access_policies_boundaries.html"
SESSIONS = f"{GUIDE}access_policies.html"
PRINCIPALS = f"{GUIDE}reference_policies_elements_principal.html"
EXCEPT_PRINCIPALS = f"{GUIDE}reference_policies_elements_notprincipal.html"
ACTIONS = f"{GUIDE}reference_policies_elements_action.html"
EXCEPT_ACTIONS = f"{GUIDE}reference_policies_elements_notaction.html"
RESOURCES = f"{GUIDE}reference_policies_elements_resource.html"
EXCEPT_RESOURCES = f"{GUIDE}reference_policies_elements_notresource.html"
OPERATORS = f"{GUIDE}reference_policies_elements_condition_operators.html"
SEVERAL = f"{GUIDE}reference_policies_condition-logic-multiple-context-keys-or-values.html"
SETS = f"{GUIDE}reference_policies_condition-single-vs-multi-valued-context-keys.html"
KEYS = f"{GUIDE}reference_policies_condition-keys.html"
VARIABLES = f"{GUIDE}reference_policies_variables.html"
VERSIONS = f"{GUIDE}reference_policies_elements_version.html"
GRAMMAR = f"{GUIDE}reference_policies_grammar.html"
TRUST = f"{GUIDE}id_roles_update-role-trust-policy.html"
KEY_POLICIES = "https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html"
VIA_SERVICE = "https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html"
ALIASES = "https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html"
RE_ENCRYPT = "https://docs.aws.amazon.com/kms/latest/APIReference/API_ReEncrypt.html"
FUNCTION_POLICIES = "https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html"
CONFUSED_DEPUTY = f"{GUIDE}confused-deputy.html"
ENCRYPTED_OBJECTS = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html"

HERE, THERE = "111111111111", "222222222222"
ROLE = f"arn:aws:iam::{HERE}:role/team/reader"
SESSION = f"arn:aws:sts::{HERE}:assumed-role/reader/work"
USER = f"arn:aws:iam::{HERE}:user/ada"
BUCKET = "arn:aws:s3:::reports"
OBJECT = f"{BUCKET}/2026/may.csv"
KEY = f"arn:aws:kms:eu-west-1:{HERE}:key/k"
READ = "s3:GetObject"
YES = Reason.ALLOWED
DENIED = Reason.EXPLICIT_DENY
IDENTITY = Reason.NO_IDENTITY_POLICY
BOUNDARY = Reason.NO_BOUNDARY
SESSION_POLICY = Reason.NO_SESSION_POLICY
RESOURCE = Reason.NO_RESOURCE_POLICY
UNKNOWN = Reason.UNKNOWN
Statements = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A request, the policies that apply to it, and what comes of it."""

    about: str
    page: str
    answer: Reason
    who: str = SESSION
    action: str = READ
    resource: str = OBJECT
    owner: str = HERE
    identity: Statements = ()
    boundary: Statements | None = None
    session: Statements | None = None
    held: Statements | None = None
    """The resource's policy."""
    kind: str = "resource-based policy"
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    version: str = "2012-10-17"

    def asked(self) -> tuple[Principal, Request]:
        """Return who asks, and for what."""
        account = self.who.split(":")[4] if self.who.startswith("arn:") else ""
        session = None if self.session is None else (self._policy("session", self.session),)
        principal = Principal(
            arn=self.who,
            account=account,
            policies=(self._policy("identity", self.identity),) if self.identity else (),
            boundary=None if self.boundary is None else self._policy("boundary", self.boundary),
            session=session,
        )
        held = None
        if self.held is not None:
            held = ResourcePolicy(policy=self._policy("resource", self.held), kind=self.kind)
        keys = {name.lower(): values for name, values in self.keys.items()}
        return principal, Request(
            action=self.action, resource=self.resource, owner=self.owner, keys=keys, resource_policy=held
        )

    def _policy(self, name: str, statements: Statements) -> Any:
        return read_policy(name, {"Version": self.version, "Statement": list(statements)})


def allow(action: Any = READ, resource: Any = "*", **elements: Any) -> Mapping[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **elements}


def deny(action: Any = READ, resource: Any = "*", **elements: Any) -> Mapping[str, Any]:
    return {**allow(action, resource, **elements), "Effect": "Deny"}


def to(*names: str) -> dict[str, Any]:
    return {"AWS": list(names)}


def by(*services: str) -> dict[str, Any]:
    return {"Service": list(services)}


ALL = (allow("*"),)
EVALUATION = [
    Case(about="nothing is allowed by default", page=ORDER, answer=IDENTITY),
    Case(about="an Allow allows", page=ORDER, answer=YES, identity=[allow()]),
    Case(about="a Deny wins over an Allow", page=ORDER, answer=DENIED, identity=[allow(), deny()]),
    Case(about="a Deny of another action does nothing", page=ORDER, answer=YES, identity=[allow(), deny("s3:Put*")]),
    Case(about="a Deny in the boundary wins", page=ORDER, answer=DENIED, identity=ALL, boundary=[*ALL, deny()]),
    Case(about="a Deny in the session policy wins", page=ORDER, answer=DENIED, identity=ALL, session=[*ALL, deny()]),
    Case(about="a Deny of the resource wins", page=ORDER, answer=DENIED, identity=ALL, held=[deny(Principal="*")]),
    Case(about="the resource alone allows", page=ORDER, answer=YES, held=[allow(Principal=to(ROLE))]),
    Case(about="either allows", page=ORDER, answer=YES, identity=ALL, held=[allow(Principal=to(USER))]),
    Case(about="an empty policy of the resource", page=ORDER, answer=YES, identity=ALL, held=[]),
    Case(about="a user is allowed", page=ORDER, answer=YES, who=USER, identity=[allow()]),
    Case(about="a user is not", page=ORDER, answer=IDENTITY, who=USER, identity=[allow("s3:PutObject")]),
    Case(about="no resource names anybody", page=ORDER, answer=IDENTITY, held=[]),
]
LIMITS = [
    Case(about="a boundary alone gives nothing", page=BOUNDARIES, answer=IDENTITY, boundary=ALL),
    Case(about="both allow", page=BOUNDARIES, answer=YES, identity=[allow()], boundary=ALL),
    Case(about="the boundary does not", page=BOUNDARIES, answer=BOUNDARY, identity=ALL, boundary=[allow("sqs:*")]),
    Case(about="an empty boundary", page=BOUNDARIES, answer=BOUNDARY, identity=ALL, boundary=[]),
    Case(
        about="a role that the resource names stays within its boundary",
        page=BOUNDARIES,
        answer=BOUNDARY,
        boundary=[allow("sqs:*")],
        held=[allow(Principal=to(ROLE))],
    ),
    Case(
        about="a role that the resource names, within its boundary",
        page=BOUNDARIES,
        answer=YES,
        boundary=ALL,
        held=[allow(Principal=to(ROLE))],
    ),
    Case(
        about="a session that the resource names is not limited by the boundary",
        page=BOUNDARIES,
        answer=YES,
        boundary=[allow("sqs:*")],
        held=[allow(Principal=to(SESSION))],
    ),
    Case(
        about="a user that the resource names is not limited by the boundary",
        page=BOUNDARIES,
        answer=YES,
        who=USER,
        boundary=[allow("sqs:*")],
        held=[allow(Principal=to(USER))],
    ),
    Case(
        about="a Deny of the boundary wins even then",
        page=BOUNDARIES,
        answer=DENIED,
        who=USER,
        boundary=[deny()],
        held=[allow(Principal=to(USER))],
    ),
    Case(about="both session and identity allow", page=SESSIONS, answer=YES, identity=ALL, session=[allow()]),
    Case(about="the session policy does not", page=SESSIONS, answer=SESSION_POLICY, identity=ALL, session=[]),
    Case(about="a session policy alone gives nothing", page=SESSIONS, answer=IDENTITY, session=ALL),
    Case(
        about="a role that the resource names stays within its session policy",
        page=SESSIONS,
        answer=SESSION_POLICY,
        session=[allow("sqs:*")],
        held=[allow(Principal=to(ROLE))],
    ),
    Case(
        about="a session that the resource names has more than its session policy",
        page=SESSIONS,
        answer=YES,
        session=[allow("sqs:*")],
        held=[allow(Principal=to(SESSION))],
    ),
    Case(
        about="boundary, session and identity allow",
        page=SESSIONS,
        answer=YES,
        identity=ALL,
        boundary=[allow("s3:*")],
        session=[allow("s3:Get*")],
    ),
    Case(
        about="boundary and session have nothing in common",
        page=SESSIONS,
        answer=BOUNDARY,
        identity=ALL,
        boundary=[allow("sqs:*")],
        session=[allow("s3:Get*")],
    ),
]
FOREIGN: Mapping[str, Any] = {"owner": THERE, "page": ACROSS}
ACROSS_ACCOUNTS = [
    Case(about="identity alone", answer=RESOURCE, identity=ALL, **FOREIGN),
    Case(about="resource alone", answer=IDENTITY, held=[allow(Principal=to(ROLE))], **FOREIGN),
    Case(about="both, by the role", answer=YES, identity=ALL, held=[allow(Principal=to(ROLE))], **FOREIGN),
    Case(about="both, by the account", answer=YES, identity=ALL, held=[allow(Principal=to(HERE))], **FOREIGN),
    Case(about="both, by the session", answer=YES, identity=ALL, held=[allow(Principal=to(SESSION))], **FOREIGN),
    Case(about="both, by everybody", answer=YES, identity=ALL, held=[allow(Principal="*")], **FOREIGN),
    Case(about="another role", answer=RESOURCE, identity=ALL, held=[allow(Principal=to(f"{ROLE}2"))], **FOREIGN),
    Case(about="another account", answer=RESOURCE, identity=ALL, held=[allow(Principal=to(THERE))], **FOREIGN),
    Case(
        about="the session alone",
        answer=IDENTITY,
        identity=[allow("sqs:*")],
        held=[allow(Principal=to(SESSION))],
        **FOREIGN,
    ),
    Case(
        about="the boundary does not",
        answer=BOUNDARY,
        identity=ALL,
        boundary=[allow("sqs:*")],
        held=[allow(Principal=to(HERE))],
        **FOREIGN,
    ),
    Case(
        about="the session policy does not",
        answer=SESSION_POLICY,
        identity=ALL,
        session=[allow("sqs:*")],
        held=[allow(Principal=to(HERE))],
        **FOREIGN,
    ),
    Case(
        about="a Deny there wins",
        answer=DENIED,
        identity=ALL,
        held=[allow(Principal=to(HERE)), deny(Principal=to(ROLE))],
        **FOREIGN,
    ),
    Case(about="another action", answer=RESOURCE, identity=ALL, held=[allow("s3:Put*", Principal=to(ROLE))], **FOREIGN),
    Case(about="a user", answer=YES, who=USER, identity=ALL, held=[allow(Principal=to(USER))], **FOREIGN),
    Case(about="a user alone", answer=IDENTITY, who=USER, held=[allow(Principal=to(USER))], **FOREIGN),
]
WHO = [
    Case(
        about="the account by its number delegates", page=PRINCIPALS, answer=IDENTITY, held=[allow(Principal=to(HERE))]
    ),
    Case(
        about="the account by its root delegates",
        page=PRINCIPALS,
        answer=IDENTITY,
        held=[allow(Principal=to(f"arn:aws:iam::{HERE}:root"))],
    ),
    Case(about="everybody", page=PRINCIPALS, answer=YES, held=[allow(Principal="*")]),
    Case(about="everybody as AWS", page=PRINCIPALS, answer=YES, held=[allow(Principal=to("*"))]),
    Case(about="a role by its path", page=PRINCIPALS, answer=YES, held=[allow(Principal=to(ROLE))]),
    Case(about="another session", page=PRINCIPALS, answer=IDENTITY, held=[allow(Principal=to(f"{SESSION}2"))]),
    Case(about="a role is no user", page=PRINCIPALS, answer=IDENTITY, who=USER, held=[allow(Principal=to(ROLE))]),
    Case(
        about="a part of a name with a wildcard is nobody",
        page=PRINCIPALS,
        answer=IDENTITY,
        held=[allow(Principal=to(f"arn:aws:iam::{HERE}:role/*"))],
    ),
    Case(
        about="a role of the same name elsewhere",
        page=PRINCIPALS,
        answer=IDENTITY,
        held=[allow(Principal=to(f"arn:aws:iam::{THERE}:role/team/reader"))],
    ),
    Case(about="one of several", page=PRINCIPALS, answer=YES, held=[allow(Principal=to(USER, ROLE))]),
    Case(
        about="a service is no role", page=PRINCIPALS, answer=IDENTITY, held=[allow(Principal=by("s3.amazonaws.com"))]
    ),
    Case(
        about="a Deny of the account reaches its roles",
        page=PRINCIPALS,
        answer=DENIED,
        identity=ALL,
        held=[deny(Principal=to(HERE))],
    ),
    Case(
        about="a Deny of another account does not",
        page=PRINCIPALS,
        answer=YES,
        identity=ALL,
        held=[deny(Principal=to(THERE))],
    ),
    Case(
        about="a Deny but for somebody else",
        page=EXCEPT_PRINCIPALS,
        answer=DENIED,
        identity=ALL,
        held=[deny(NotPrincipal=to(USER))],
    ),
    Case(
        about="a Deny but for the one who asks",
        page=EXCEPT_PRINCIPALS,
        answer=YES,
        identity=ALL,
        held=[deny(NotPrincipal=to(HERE, ROLE, SESSION))],
    ),
    *(
        Case(
            about=f"a Deny but for one who asks, without {missing}",
            page=EXCEPT_PRINCIPALS,
            answer=DENIED,
            who=who,
            identity=ALL,
            held=[deny(NotPrincipal=to(*listed))],
        )
        for missing, who, listed in (
            ("its session", SESSION, (HERE, ROLE)),
            ("its role", SESSION, (HERE, SESSION)),
            ("its account", SESSION, (ROLE, SESSION)),
            ("the user's account", USER, (USER,)),
        )
    ),
    Case(
        about="a Deny but for a user who asks",
        page=EXCEPT_PRINCIPALS,
        answer=YES,
        who=USER,
        identity=ALL,
        held=[deny(NotPrincipal=to(HERE, USER))],
    ),
    Case(
        about="a Deny but for the account's root that asks",
        page=EXCEPT_PRINCIPALS,
        answer=YES,
        who=f"arn:aws:iam::{HERE}:root",
        identity=ALL,
        held=[deny(NotPrincipal=to(HERE))],
    ),
    Case(
        about="a Deny but for one who has a boundary spares nobody who has one",
        page=EXCEPT_PRINCIPALS,
        answer=DENIED,
        identity=ALL,
        boundary=ALL,
        held=[deny(NotPrincipal=to(HERE, ROLE, SESSION))],
    ),
]
ANYBODY = "anonymous"
FROM_SERVICES = {"Bool": {"aws:PrincipalIsAWSService": "true"}}
UNSIGNED = [
    Case(about="nobody, by everybody", page=PRINCIPALS, answer=YES, who=ANYBODY, held=[allow(Principal="*")]),
    Case(
        about="nobody, by the account", page=PRINCIPALS, answer=RESOURCE, who=ANYBODY, held=[allow(Principal=to(HERE))]
    ),
    Case(
        about="nobody is no service",
        page=KEYS,
        answer=RESOURCE,
        who=ANYBODY,
        held=[allow(Principal="*", Condition=FROM_SERVICES)],
    ),
    Case(
        about="nobody is not spared as a service",
        page=KEYS,
        answer=DENIED,
        who=ANYBODY,
        held=[
            allow(Principal="*"),
            deny(Principal="*", Condition={"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}),
        ],
    ),
    Case(
        about="nobody has an account by this name",
        page=KEYS,
        answer=YES,
        who=ANYBODY,
        held=[allow(Principal="*", Condition={"StringEquals": {"aws:PrincipalAccount": "anonymous"}})],
    ),
    Case(
        about="nobody uses a key",
        page=ENCRYPTED_OBJECTS,
        answer=RESOURCE,
        who=ANYBODY,
        action="kms:Decrypt",
        resource=KEY,
        kind="key policy",
        held=[allow("kms:*", Principal=to("*"))],
    ),
]
QUEUE = f"arn:aws:sqs:eu-west-1:{HERE}:q"
RULE = f"arn:aws:events:eu-west-1:{HERE}:rule/r"
EVENTS: Mapping[str, Any] = {
    "who": "events.amazonaws.com",
    "action": "sqs:SendMessage",
    "resource": QUEUE,
    "keys": {"aws:SourceArn": [RULE], "aws:SourceAccount": [HERE]},
}
FROM_RULE = {"ArnEquals": {"aws:SourceArn": RULE}}
SERVICES = [
    Case(about="a service without a policy", page=PRINCIPALS, answer=RESOURCE, **EVENTS),
    Case(
        about="a service that is named",
        page=PRINCIPALS,
        answer=YES,
        held=[allow("sqs:SendMessage", QUEUE, Principal=by("events.amazonaws.com"))],
        **EVENTS,
    ),
    Case(
        about="another service",
        page=PRINCIPALS,
        answer=RESOURCE,
        held=[allow("sqs:SendMessage", QUEUE, Principal=by("sns.amazonaws.com"))],
        **EVENTS,
    ),
    Case(
        about="the account is not its services",
        page=PRINCIPALS,
        answer=RESOURCE,
        held=[allow("sqs:SendMessage", QUEUE, Principal=to(HERE))],
        **EVENTS,
    ),
    Case(
        about="from this rule",
        page=CONFUSED_DEPUTY,
        answer=YES,
        held=[allow("sqs:SendMessage", QUEUE, Principal=by("events.amazonaws.com"), Condition=FROM_RULE)],
        **EVENTS,
    ),
    Case(
        about="from another rule",
        page=CONFUSED_DEPUTY,
        answer=RESOURCE,
        held=[
            allow(
                "sqs:SendMessage",
                QUEUE,
                Principal=by("events.amazonaws.com"),
                Condition={"ArnEquals": {"aws:SourceArn": f"{RULE}2"}},
            )
        ],
        **EVENTS,
    ),
    Case(
        about="from this account",
        page=CONFUSED_DEPUTY,
        answer=YES,
        held=[
            allow(
                "sqs:SendMessage",
                QUEUE,
                Principal=by("events.amazonaws.com"),
                Condition={"StringEquals": {"aws:SourceAccount": HERE}},
            )
        ],
        **EVENTS,
    ),
    Case(
        about="to a queue of this account",
        page=KEYS,
        answer=YES,
        held=[
            allow("sqs:SendMessage", QUEUE, Principal=by("events.amazonaws.com")),
            deny("sqs:*", QUEUE, Principal="*", Condition={"StringNotEquals": {"aws:ResourceAccount": HERE}}),
        ],
        **EVENTS,
    ),
    Case(
        about="a Deny of what is not encrypted on its way spares services",
        page=KEYS,
        answer=YES,
        held=[
            allow("sqs:SendMessage", QUEUE, Principal=by("events.amazonaws.com")),
            deny("sqs:*", QUEUE, Principal="*", Condition={"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}),
        ],
        **EVENTS,
    ),
    Case(
        about="a function's permission for an API",
        page=FUNCTION_POLICIES,
        answer=YES,
        who="apigateway.amazonaws.com",
        action="lambda:InvokeFunction",
        resource=f"arn:aws:lambda:eu-west-1:{HERE}:function:f",
        held=[
            allow(
                "lambda:InvokeFunction",
                f"arn:aws:lambda:eu-west-1:{HERE}:function:f",
                Principal=by("apigateway.amazonaws.com"),
                Condition={"ArnLike": {"AWS:SourceArn": f"arn:aws:execute-api:eu-west-1:{HERE}:api/*/POST/*"}},
            )
        ],
        keys={"aws:SourceArn": [f"arn:aws:execute-api:eu-west-1:{HERE}:api/prod/POST/records"]},
    ),
    Case(
        about="a function's permission for another method",
        page=FUNCTION_POLICIES,
        answer=RESOURCE,
        who="apigateway.amazonaws.com",
        action="lambda:InvokeFunction",
        resource=f"arn:aws:lambda:eu-west-1:{HERE}:function:f",
        held=[
            allow(
                "lambda:InvokeFunction",
                f"arn:aws:lambda:eu-west-1:{HERE}:function:f",
                Principal=by("apigateway.amazonaws.com"),
                Condition={"ArnLike": {"AWS:SourceArn": f"arn:aws:execute-api:eu-west-1:{HERE}:api/*/GET/*"}},
            )
        ],
        keys={"aws:SourceArn": [f"arn:aws:execute-api:eu-west-1:{HERE}:api/prod/POST/records"]},
    ),
]
DECRYPT: Mapping[str, Any] = {
    "action": "kms:Decrypt",
    "resource": KEY,
    "kind": "key policy",
    "page": KEY_POLICIES,
}
BY_KEY = allow("kms:*")
KMS = [
    Case(about="identity alone", answer=RESOURCE, identity=[BY_KEY], held=[], **DECRYPT),
    Case(
        about="the account and identity",
        answer=YES,
        identity=[BY_KEY],
        held=[{**BY_KEY, "Principal": to(HERE)}],
        **DECRYPT,
    ),
    Case(about="the account alone", answer=IDENTITY, held=[{**BY_KEY, "Principal": to(HERE)}], **DECRYPT),
    Case(about="the role alone", answer=YES, held=[{**BY_KEY, "Principal": to(ROLE)}], **DECRYPT),
    Case(about="another role", answer=RESOURCE, identity=[BY_KEY], held=[{**BY_KEY, "Principal": to(USER)}], **DECRYPT),
    Case(
        about="the root is not above a key's policy",
        answer=RESOURCE,
        who=f"arn:aws:iam::{HERE}:root",
        identity=ALL,
        held=[{**BY_KEY, "Principal": to(ROLE)}],
        **DECRYPT,
    ),
    Case(
        about="another account, by both",
        answer=YES,
        owner=THERE,
        identity=[BY_KEY],
        held=[{**BY_KEY, "Principal": to(HERE)}],
        **DECRYPT,
    ),
    Case(
        about="another account alone", answer=IDENTITY, owner=THERE, held=[{**BY_KEY, "Principal": to(ROLE)}], **DECRYPT
    ),
    *(
        Case(
            about=f"through {via}",
            answer=answer,
            action="kms:Decrypt",
            resource=KEY,
            kind="key policy",
            page=VIA_SERVICE,
            identity=[BY_KEY],
            held=[
                allow(
                    "kms:*",
                    Principal=to("*"),
                    Condition={
                        "StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com", "kms:CallerAccount": HERE}
                    },
                )
            ],
            keys={"kms:CallerAccount": [HERE], **({"kms:ViaService": [via]} if via else {})},
        )
        for via, answer in (
            ("s3.eu-west-1.amazonaws.com", YES),
            ("sqs.eu-west-1.amazonaws.com", RESOURCE),
            ("", RESOURCE),
        )
    ),
    Case(
        about="by the encryption context",
        answer=YES,
        identity=[allow("kms:Decrypt", Condition={"StringEquals": {"kms:EncryptionContext:aws:s3:arn": BUCKET}})],
        held=[{**BY_KEY, "Principal": to(HERE)}],
        keys={"kms:EncryptionContext:aws:s3:arn": [BUCKET]},
        **DECRYPT,
    ),
    Case(
        about="by another encryption context",
        answer=IDENTITY,
        identity=[allow("kms:Decrypt", Condition={"StringEquals": {"kms:EncryptionContext:aws:s3:arn": BUCKET}})],
        held=[{**BY_KEY, "Principal": to(HERE)}],
        keys={"kms:EncryptionContext:aws:s3:arn": [f"{BUCKET}2"]},
        **DECRYPT,
    ),
    *(
        Case(
            about=f"by the alias of the request, which has {', '.join(aliases) or 'none'}",
            answer=answer,
            identity=[allow("kms:Decrypt", Condition={"StringEquals": {"kms:RequestAlias": "alias/finance"}})],
            held=[{**BY_KEY, "Principal": to(HERE)}],
            keys={"kms:RequestAlias": aliases},
            **{**DECRYPT, "page": ALIASES},
        )
        for aliases, answer in ((["alias/finance"], YES), (["alias/finance2"], IDENTITY), ([], IDENTITY))
    ),
    *(
        Case(
            about=f"by the aliases of the key, which has {', '.join(aliases) or 'none'}",
            answer=answer,
            identity=[
                allow("kms:Decrypt", Condition={"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/restricted*"}})
            ],
            held=[{**BY_KEY, "Principal": to(HERE)}],
            keys={"kms:ResourceAliases": aliases},
            **{**DECRYPT, "page": ALIASES},
        )
        for aliases, answer in (
            (["alias/restricted-1", "alias/other"], YES),
            (["alias/other"], IDENTITY),
            ([], IDENTITY),
        )
    ),
    *(
        Case(
            about=f"{action} by ReEncrypt*",
            answer=answer,
            identity=[allow("kms:ReEncrypt*", resource=KEY)],
            held=[allow(["kms:ReEncryptFrom", "kms:Decrypt"], Principal=to(HERE))],
            **{**DECRYPT, "page": RE_ENCRYPT, "action": action},
        )
        for action, answer in (("kms:ReEncryptFrom", YES), ("kms:ReEncryptTo", RESOURCE), ("kms:Decrypt", IDENTITY))
    ),
]
ASSUME: Mapping[str, Any] = {
    "action": "sts:AssumeRole",
    "resource": f"arn:aws:iam::{HERE}:role/deploy",
    "kind": "trust policy",
    "page": TRUST,
}


def trust(principal: Mapping[str, Any] | str, **elements: Any) -> list[Mapping[str, Any]]:
    return [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **elements}]


TRUST_POLICIES = [
    Case(about="its service", answer=YES, who="lambda.amazonaws.com", held=trust(by("lambda.amazonaws.com")), **ASSUME),
    Case(
        about="another service",
        answer=RESOURCE,
        who="states.amazonaws.com",
        held=trust(by("lambda.amazonaws.com")),
        **ASSUME,
    ),
    Case(
        about="the account does not stand for a service",
        answer=RESOURCE,
        who="lambda.amazonaws.com",
        held=trust(to(HERE)),
        **ASSUME,
    ),
    Case(
        about="a root is no service",
        answer=RESOURCE,
        who=f"arn:aws:iam::{HERE}:root",
        identity=ALL,
        held=trust(by("lambda.amazonaws.com")),
        **ASSUME,
    ),
    Case(about="the account alone", answer=IDENTITY, held=trust(to(HERE)), **ASSUME),
    Case(
        about="the account and identity", answer=YES, identity=[allow("sts:AssumeRole")], held=trust(to(HERE)), **ASSUME
    ),
    Case(about="the role", answer=YES, held=trust(to(ROLE)), **ASSUME),
    Case(about="identity alone", answer=RESOURCE, identity=[allow("sts:AssumeRole")], held=trust(to(USER)), **ASSUME),
    Case(about="the role within no boundary", answer=BOUNDARY, boundary=[], held=trust(to(ROLE)), **ASSUME),
    Case(
        about="with the external id",
        answer=YES,
        held=trust(to(ROLE), Condition={"StringEquals": {"sts:ExternalId": "x"}}),
        keys={"sts:ExternalId": ["x"]},
        **ASSUME,
    ),
    Case(
        about="without it",
        answer=RESOURCE,
        held=trust(to(ROLE), Condition={"StringEquals": {"sts:ExternalId": "x"}}),
        **ASSUME,
    ),
    Case(
        about="a role of another account",
        answer=YES,
        who=f"arn:aws:sts::{THERE}:assumed-role/builder/x",
        identity=[allow("sts:AssumeRole", f"arn:aws:iam::{HERE}:role/deploy")],
        held=trust(to(THERE)),
        **ASSUME,
    ),
    Case(
        about="a role of another account that may not",
        answer=IDENTITY,
        who=f"arn:aws:sts::{THERE}:assumed-role/builder/x",
        identity=[allow("sts:AssumeRole", f"arn:aws:iam::{HERE}:role/other")],
        held=trust(to(THERE)),
        **ASSUME,
    ),
    Case(
        about="tags are an action of their own",
        answer=RESOURCE,
        held=trust(to(ROLE)),
        **{**ASSUME, "action": "sts:TagSession"},
    ),
]


def _identity(page: str, cases: Sequence[tuple[str, Reason, Mapping[str, Any]]], **asked: Any) -> list[Case]:
    return [
        Case(about=about, page=page, answer=answer, identity=[statement], **asked) for about, answer, statement in cases
    ]


ELEMENTS = [
    *_identity(
        ACTIONS,
        [
            ("all actions of a service", YES, allow("s3:*")),
            ("a beginning", YES, allow("s3:Get*")),
            ("one character", YES, allow("s3:?etObject")),
            ("without regard to case", YES, allow("S3:getobject")),
            ("another service", IDENTITY, allow("sqs:*")),
            ("a longer action", IDENTITY, allow("s3:GetObjectTagging")),
            ("one of several", YES, allow(["s3:PutObject", READ])),
            ("every action", YES, allow("*")),
        ],
    ),
    *_identity(
        EXCEPT_ACTIONS,
        [
            ("all but this", IDENTITY, {"Effect": "Allow", "NotAction": READ, "Resource": "*"}),
            ("all but another", YES, {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
            ("a Deny of all but this", IDENTITY, {"Effect": "Deny", "NotAction": READ, "Resource": "*"}),
            ("a Deny of all but another", DENIED, {"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"}),
        ],
    ),
    *_identity(
        RESOURCES,
        [
            ("this object", YES, allow(resource=OBJECT)),
            ("all objects", YES, allow(resource=f"{BUCKET}/*")),
            ("the bucket is not its objects", IDENTITY, allow(resource=BUCKET)),
            ("with regard to case", IDENTITY, allow(resource=OBJECT.upper())),
            ("one character", YES, allow(resource=f"{BUCKET}/2026/ma?.csv")),
            ("a star within", YES, allow(resource=f"{BUCKET}/*/may.csv")),
            ("one of several", YES, allow(resource=[BUCKET, OBJECT])),
            ("another bucket", IDENTITY, allow(resource=f"{BUCKET}2/*")),
            ("a star at the end goes on over colons", YES, allow(resource="arn:aws:s3:*")),
            ("a star at the end of a segment goes on over colons", YES, allow(resource="arn:aws:s*:reports/*")),
            ("a star within a segment does not", IDENTITY, allow(resource="arn:aws:s*s/2026/may.csv")),
            ("one character is no colon", IDENTITY, allow(resource="arn:aws:s3??:reports/2026/may.csv")),
        ],
    ),
    *_identity(
        EXCEPT_RESOURCES,
        [
            ("all but this", IDENTITY, {"Effect": "Allow", "Action": "*", "NotResource": OBJECT}),
            ("all but another", YES, {"Effect": "Allow", "Action": "*", "NotResource": f"{BUCKET}/2025/*"}),
            ("a Deny of all but another", DENIED, {"Effect": "Deny", "Action": "*", "NotResource": BUCKET}),
        ],
    ),
]


def _conditions(page: str, *cases: tuple[str, Mapping[str, Any], bool, Mapping[str, Sequence[str]]]) -> list[Case]:
    return [
        Case(
            about=about,
            page=page,
            answer=YES if met else IDENTITY,
            identity=[allow(Condition=condition)],
            keys=keys,
        )
        for about, condition, met, keys in cases
    ]


TEAM = "aws:PrincipalTag/team"
BLUE = {TEAM: ["blue"]}
CONDITIONS = [
    *_conditions(
        OPERATORS,
        ("equals", {"StringEquals": {TEAM: "blue"}}, True, BLUE),
        ("equals, with regard to case", {"StringEquals": {TEAM: "Blue"}}, False, BLUE),
        ("equals, absent", {"StringEquals": {TEAM: "blue"}}, False, {}),
        ("equals takes no wildcards", {"StringEquals": {TEAM: "bl*"}}, False, BLUE),
        ("keys without regard to case", {"StringEquals": {TEAM.upper(): "blue"}}, True, BLUE),
        ("does not equal", {"StringNotEquals": {TEAM: "red"}}, True, BLUE),
        ("does not equal, but does", {"StringNotEquals": {TEAM: "blue"}}, False, BLUE),
        ("does not equal, absent", {"StringNotEquals": {TEAM: "blue"}}, True, {}),
        ("without regard to case", {"StringEqualsIgnoreCase": {TEAM: "BLUE"}}, True, BLUE),
        ("not, without regard to case", {"StringNotEqualsIgnoreCase": {TEAM: "BLUE"}}, False, BLUE),
        ("like", {"StringLike": {TEAM: "b*"}}, True, BLUE),
        ("like one character", {"StringLike": {TEAM: "blu?"}}, True, BLUE),
        ("like, with regard to case", {"StringLike": {TEAM: "B*"}}, False, BLUE),
        ("not like", {"StringNotLike": {TEAM: "b*"}}, False, BLUE),
        ("not like, absent", {"StringNotLike": {TEAM: "b*"}}, True, {}),
        ("if it exists", {"StringEqualsIfExists": {TEAM: "red"}}, False, BLUE),
        ("if it exists, absent", {"StringEqualsIfExists": {TEAM: "red"}}, True, {}),
        ("absent", {"Null": {TEAM: "true"}}, True, {}),
        ("absent, but there", {"Null": {TEAM: "true"}}, False, BLUE),
        ("there", {"Null": {TEAM: "false"}}, True, BLUE),
        ("there, but absent", {"Null": {TEAM: "false"}}, False, {}),
        ("a number", {"NumericLessThanEquals": {"s3:max-keys": "10"}}, True, {"s3:max-keys": ["10"]}),
        ("a greater number", {"NumericLessThan": {"s3:max-keys": "10"}}, False, {"s3:max-keys": ["10"]}),
        ("as a number", {"NumericEquals": {"s3:max-keys": "10.0"}}, True, {"s3:max-keys": ["10"]}),
        ("no number", {"NumericEquals": {"s3:max-keys": "10"}}, False, {"s3:max-keys": ["ten"]}),
        ("greater", {"NumericGreaterThan": {"s3:max-keys": "9"}}, True, {"s3:max-keys": ["10"]}),
        ("not this number", {"NumericNotEquals": {"s3:max-keys": "9"}}, True, {"s3:max-keys": ["10"]}),
        (
            "before",
            {"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}},
            True,
            {"aws:CurrentTime": ["2026-01-01T00:00:00Z"]},
        ),
        (
            "after",
            {"DateGreaterThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}},
            False,
            {"aws:CurrentTime": ["2026-01-01T00:00:00Z"]},
        ),
        (
            "in seconds",
            {"DateLessThan": {"aws:EpochTime": "1893456000"}},
            True,
            {"aws:EpochTime": ["2026-01-01T00:00:00Z"]},
        ),
        ("yes", {"Bool": {"aws:SecureTransport": "true"}}, True, {"aws:SecureTransport": ["true"]}),
        ("yes, as JSON has it", {"Bool": {"aws:SecureTransport": True}}, True, {"aws:SecureTransport": ["true"]}),
        ("no", {"Bool": {"aws:SecureTransport": "true"}}, False, {"aws:SecureTransport": ["false"]}),
        ("neither", {"Bool": {"aws:SecureTransport": "true"}}, False, {}),
        ("an address", {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, True, {"aws:SourceIp": ["203.0.113.9"]}),
        (
            "another address",
            {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
            False,
            {"aws:SourceIp": ["198.51.100.1"]},
        ),
        (
            "not an address",
            {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
            True,
            {"aws:SourceIp": ["198.51.100.1"]},
        ),
        (
            "an address of IPv6",
            {"IpAddress": {"aws:SourceIp": "2001:db8::/32"}},
            True,
            {"aws:SourceIp": ["2001:db8::1"]},
        ),
        ("an ARN", {"ArnEquals": {"aws:SourceArn": RULE}}, True, {"aws:SourceArn": [RULE]}),
        ("like an ARN", {"ArnLike": {"aws:SourceArn": "arn:aws:events:*:*:rule/*"}}, True, {"aws:SourceArn": [RULE]}),
        (
            "ArnEquals takes wildcards",
            {"ArnEquals": {"aws:SourceArn": "arn:aws:events:*:*:*"}},
            True,
            {"aws:SourceArn": [RULE]},
        ),
        ("each part by itself", {"ArnLike": {"aws:SourceArn": "arn:aws:*:rule/r"}}, False, {"aws:SourceArn": [RULE]}),
        ("not like an ARN", {"ArnNotLike": {"aws:SourceArn": "arn:aws:sqs:*:*:*"}}, True, {"aws:SourceArn": [RULE]}),
        ("not like an ARN, absent", {"ArnNotLike": {"aws:SourceArn": RULE}}, True, {}),
    ),
    *_conditions(
        SEVERAL,
        ("one of several values", {"StringEquals": {TEAM: ["red", "blue"]}}, True, BLUE),
        ("none of several values", {"StringEquals": {TEAM: ["red", "green"]}}, False, BLUE),
        ("not one of several", {"StringNotEquals": {TEAM: ["red", "blue"]}}, False, BLUE),
        ("not any of several", {"StringNotEquals": {TEAM: ["red", "green"]}}, True, BLUE),
        (
            "both keys",
            {"StringEquals": {TEAM: "blue", "aws:RequestedRegion": "eu-west-1"}},
            True,
            {**BLUE, "aws:RequestedRegion": ["eu-west-1"]},
        ),
        ("one of two keys", {"StringEquals": {TEAM: "blue", "aws:RequestedRegion": "eu-west-1"}}, False, BLUE),
        ("both operators", {"StringEquals": {TEAM: "blue"}, "Null": {"aws:TagKeys": "true"}}, True, BLUE),
        ("one of two operators", {"StringEquals": {TEAM: "blue"}, "Null": {"aws:TagKeys": "false"}}, False, BLUE),
    ),
    *_conditions(
        SETS,
        ("all", {"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}, True, {"aws:TagKeys": ["a", "b"]}),
        ("all but one", {"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}, False, {"aws:TagKeys": ["a", "b"]}),
        ("all of nothing", {"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}, True, {}),
        ("all of an empty list", {"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}, True, {"aws:TagKeys": []}),
        ("an empty list is none", {"Null": {"aws:TagKeys": "true"}}, True, {"aws:TagKeys": []}),
        ("an empty list is not there", {"Null": {"aws:TagKeys": "false"}}, False, {"aws:TagKeys": []}),
        ("any", {"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}, True, {"aws:TagKeys": ["a", "b"]}),
        ("not any", {"ForAnyValue:StringEquals": {"aws:TagKeys": ["c"]}}, False, {"aws:TagKeys": ["a", "b"]}),
        ("any of nothing", {"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}, False, {}),
        ("any that is like", {"ForAnyValue:StringLike": {"aws:TagKeys": ["a*"]}}, True, {"aws:TagKeys": ["ab"]}),
        ("any that is not", {"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["a"]}}, True, {"aws:TagKeys": ["a", "b"]}),
        (
            "all that are not",
            {"ForAllValues:StringNotEquals": {"aws:TagKeys": ["a"]}},
            False,
            {"aws:TagKeys": ["a", "b"]},
        ),
    ),
    *_conditions(
        KEYS,
        ("the role for a session", {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{HERE}:role/reader"}}, True, {}),
        ("not the session", {"ArnEquals": {"aws:PrincipalArn": SESSION}}, False, {}),
        ("the account", {"StringEquals": {"aws:PrincipalAccount": HERE}}, True, {}),
        ("the resource's account", {"StringEquals": {"aws:ResourceAccount": HERE}}, True, {}),
        ("another account's resource", {"StringEquals": {"aws:ResourceAccount": THERE}}, False, {}),
    ),
    Case(
        about="an operator that IAM lacks",
        page=GRAMMAR,
        answer=UNKNOWN,
        identity=[allow(Condition={"Equals": {TEAM: "x"}})],
    ),
    Case(about="an effect that IAM lacks", page=GRAMMAR, answer=UNKNOWN, identity=[{**allow(), "Effect": "Alow"}]),
]
HOME = f"{BUCKET}/${{aws:username}}/*"
ADA = {"aws:username": ["ada"]}
VARIABLE = [
    Case(
        about="a name",
        page=VARIABLES,
        answer=YES,
        identity=[allow(resource=HOME)],
        resource=f"{BUCKET}/ada/x",
        keys=ADA,
    ),
    Case(
        about="another name",
        page=VARIABLES,
        answer=IDENTITY,
        identity=[allow(resource=HOME)],
        resource=f"{BUCKET}/bob/x",
        keys=ADA,
    ),
    Case(about="no name", page=VARIABLES, answer=IDENTITY, identity=[allow(resource=HOME)], resource=f"{BUCKET}//x"),
    Case(
        about="a star in a name is one",
        page=VARIABLES,
        answer=IDENTITY,
        identity=[allow(resource=HOME)],
        resource=f"{BUCKET}/bob/x",
        keys={"aws:username": ["*"]},
    ),
    Case(
        about="a default",
        page=VARIABLES,
        answer=YES,
        identity=[allow(resource=f"{BUCKET}/${{{TEAM}, 'shared'}}/*")],
        resource=f"{BUCKET}/shared/x",
    ),
    Case(
        about="a star as text",
        page=VARIABLES,
        answer=IDENTITY,
        identity=[allow(resource=f"{BUCKET}/${{*}}/*")],
        resource=f"{BUCKET}/ada/x",
    ),
    Case(
        about="in a condition",
        page=VARIABLES,
        answer=YES,
        identity=[allow(Condition={"StringEquals": {"s3:prefix": "${aws:username}"}})],
        keys={**ADA, "s3:prefix": ["ada"]},
    ),
    Case(
        about="text in the older version",
        page=VERSIONS,
        answer=IDENTITY,
        version="2008-10-17",
        identity=[allow(resource=HOME)],
        resource=f"{BUCKET}/ada/x",
        keys=ADA,
    ),
]
CASES = [
    *EVALUATION,
    *LIMITS,
    *ACROSS_ACCOUNTS,
    *WHO,
    *UNSIGNED,
    *SERVICES,
    *KMS,
    *TRUST_POLICIES,
    *ELEMENTS,
    *CONDITIONS,
    *VARIABLE,
]
