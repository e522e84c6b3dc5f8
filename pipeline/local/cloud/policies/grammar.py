"""The grammar of policies: what IAM refuses of each kind, in its words.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html

AWS documents the grammar and not the sentences. These are what people have seen its API answer: moto records them
(`tests/test_iam/test_iam_policies.py` there), and issues that the tests name.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]

SYNTAX = "Syntax errors in policy."
LEGACY = "The policy failed legacy parsing"
TOP = frozenset({"Version", "Id", "Statement"})
STATEMENT = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)
NEWEST = "2012-10-17"
VERSIONS = ("2008-10-17", NEWEST)
PARTITIONS = ("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc", "*")
PRINCIPAL_KINDS = ("AWS", "Service", "Federated", "CanonicalUser")
_ORDERED = r"(?:Equals|NotEquals|LessThan|LessThanEquals|GreaterThan|GreaterThanEquals)"
OPERATOR = re.compile(
    r"(?:ForAnyValue:|ForAllValues:)?(?:"
    r"String(?:Not)?(?:Equals|EqualsIgnoreCase|Like)|"
    rf"(?:Numeric|Date){_ORDERED}|"
    r"Bool|BinaryEquals|(?:Not)?IpAddress|Arn(?:Not)?(?:Equals|Like)"
    r")(?:IfExists)?|Null"
)
VENDOR = re.compile(r"[a-zA-Z0-9.-]+")
IAM_PATHS = (
    "user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, "
    "saml-provider/, oidc-provider/, report/, access-report/"
)
TRUST_ACTIONS = (
    "Trust Policy statement actions can only be sts:AssumeRole, sts:AssumeRoleWithSAML,  and "
    "sts:AssumeRoleWithWebIdentity"
)
NO_PRINCIPALS = (
    "Invalid principal in policy: com.amazon.balsa.error.InvalidPolicyException: The passed in policy has a statement "
    "with no principals!"
)


def identity_problem(document: Any, *, managed: bool = False) -> str | None:
    """Say why IAM refuses a policy of a role, a user or a group; a managed one must have the newest version."""
    policy = parsed(document)
    if policy is None or _syntax_is_wrong(policy):
        return SYNTAX
    if any("Principal" in statement or "NotPrincipal" in statement for statement in statements(policy)):
        return "Policy document should not specify a principal."
    if managed and policy.get("Version") != NEWEST:
        return f"Policy document must be version {NEWEST} or greater."
    return next(_identity_problems(policy), None)


def trust_problem(document: Any) -> str | None:
    """Say why IAM refuses the trust policy of a role, apart from principals that do not exist."""
    policy = parsed(document)
    if policy is None or _syntax_is_wrong(policy):
        return SYNTAX
    for statement in statements(policy):
        if "Resource" in statement or "NotResource" in statement:
            return "Has prohibited field Resource."
        if "Principal" not in statement and "NotPrincipal" not in statement:
            return NO_PRINCIPALS
    if (problem := _action_problem(policy)) is not None:
        return problem
    actions = [action for statement in statements(policy) for action in listed(statement.get("Action"))]
    if any(not action.lower().startswith("sts:") for action in actions):
        return TRUST_ACTIONS
    return sid_problem(policy)


def resource_problem(document: Any) -> str | None:
    """Say what every resource policy is refused for; each service has words, and rules, of its own."""
    policy = parsed(document)
    if policy is None or _syntax_is_wrong(policy):
        return SYNTAX
    for statement in statements(policy):
        if "Principal" not in statement and "NotPrincipal" not in statement:
            return "Missing required field Principal"
    return _action_problem(policy)


def parsed(document: Any) -> Document | None:
    """Return a policy document as an object; None if it is none."""
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            return None
    return document if isinstance(document, dict) else None


def statements(policy: Document) -> list[dict[str, Any]]:
    """List the statements of a policy whose syntax is right."""
    found = policy["Statement"]
    return [found] if isinstance(found, dict) else list(found)


def listed(value: Any) -> list[str]:
    """Return what may be written as one text or as several."""
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def principals(policy: Document) -> Iterator[tuple[str, str]]:
    """List each principal of a policy whose syntax is right: its kind, and what it is."""
    for statement in statements(policy):
        for element in ("Principal", "NotPrincipal"):
            value = statement.get(element, {})
            if isinstance(value, str):
                yield "AWS", value
            else:
                yield from ((kind, each) for kind, named in value.items() for each in listed(named))


def trusts(document: Any, service: str) -> bool:
    """Tell whether a trust policy lets a service assume the role."""
    policy = parsed(document)
    if policy is None or _syntax_is_wrong(policy):
        return False
    return any(
        statement["Effect"] == "Allow"
        and any(action.lower() in ("sts:assumerole", "sts:*", "*") for action in listed(statement.get("Action")))
        and _names_service(statement.get("Principal"), service)
        for statement in statements(policy)
    )


def _names_service(principal: Any, service: str) -> bool:
    if isinstance(principal, str):
        return principal == "*"
    return isinstance(principal, dict) and service in listed(principal.get("Service"))


def _syntax_is_wrong(policy: Document) -> bool:
    found = policy.get("Statement")
    parts = [found] if isinstance(found, dict) else found
    return (
        not policy.keys() <= TOP
        or policy.get("Version", NEWEST) not in VERSIONS
        or not isinstance(policy.get("Id", ""), str)
        or not isinstance(parts, list)
        or not parts
        or not all(isinstance(part, dict) and _statement_is_right(part) for part in parts)
    )


def _statement_is_right(statement: Mapping[str, Any]) -> bool:
    return (
        statement.keys() <= STATEMENT
        and statement.get("Effect") in ("Allow", "Deny")
        and isinstance(statement.get("Sid", ""), str)
        and not any(element in statement and f"Not{element}" in statement for element in ("Action", "Resource"))
        and not ("Principal" in statement and "NotPrincipal" in statement)
        and all(
            _is_text(statement[element])
            for element in ("Action", "NotAction", "Resource", "NotResource")
            if element in statement
        )
        and all(_is_principal(statement[name]) for name in ("Principal", "NotPrincipal") if name in statement)
        and _is_condition(statement.get("Condition", {}))
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(each, str) for each in value))


def _is_principal(value: Any) -> bool:
    if isinstance(value, str):
        return value == "*"
    return (
        isinstance(value, dict)
        and bool(value)
        and value.keys() <= {*PRINCIPAL_KINDS, "*"}
        and all(map(_is_text, value.values()))
    )


def _is_condition(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(keys, dict) and (OPERATOR.fullmatch(operator) or not keys) for operator, keys in value.items()
    )


def _identity_problems(policy: Document) -> Iterator[str]:
    for statement in statements(policy):
        for element in ("Resource", "NotResource"):
            yield from filter(None, map(_resource_problem, listed(statement.get(element))))
    for statement in statements(policy):
        if not listed(statement.get("Action", statement.get("NotAction"))):
            yield "Policy statement must contain actions."
    for statement in statements(policy):
        if not listed(statement.get("Resource", statement.get("NotResource"))):
            yield "Policy statement must contain resources."
    if (problem := _action_problem(policy) or sid_problem(policy)) is not None:
        yield problem


def _action_problem(policy: Document) -> str | None:
    for statement in statements(policy):
        named = listed(statement.get("Action", statement.get("NotAction")))
        if not named:
            return "Policy statement must contain actions."
        for action in named:
            vendor, colon, name = action.partition(":")
            if not colon and vendor != "*":
                return "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
            if ":" in name:
                return "Actions/Condition can contain only one colon."
            if vendor != "*" and not VENDOR.fullmatch(vendor):
                return f"Vendor {vendor} is not valid"
    return None


def sid_problem(policy: Document) -> str | None:
    """Say why IAM refuses the Sids of a policy."""
    found = [statement["Sid"] for statement in statements(policy) if statement.get("Sid")]
    if any(not re.fullmatch("[0-9A-Za-z]*", sid) for sid in found):
        return (
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
            "[0-9A-Za-z]*"
        )
    return "Statement IDs (SID) in a single policy must be unique." if len(set(found)) < len(found) else None


def _resource_problem(resource: str) -> str | None:
    if resource == "*":
        return None
    if ":" not in resource:
        return f'Resource {resource} must be in ARN format or "*".'
    _, partition, *rest = resource.split(":", 5)
    if partition not in PARTITIONS:
        service, region, account, name = (*rest, *["*"] * (4 - len(rest)))
        arn = f"arn:{partition}:{service or '*'}:{region}:{account}:{name}"
        return f'Partition "{partition}" is not valid for resource "{arn}".'
    if len(rest) == 4:
        return _arn_problem(resource, service=rest[0], region=rest[1], name=rest[3])
    return LEGACY if rest else "Resource vendor must be fully qualified and cannot contain regexes."


def _arn_problem(resource: str, *, service: str, region: str, name: str) -> str | None:
    if service == "iam":
        return _iam_resource_problem(resource, region, name)
    if service == "s3" and region and not name.startswith("accesspoint"):
        return f"Resource {resource} can not contain region information."
    return None


def _iam_resource_problem(resource: str, region: str, name: str) -> str | None:
    if region:
        return f"IAM resource {resource} cannot contain region information."
    if name not in {"*", "root"} and not name.startswith(tuple(IAM_PATHS.split(", "))) and "*" not in name[:5]:
        return f'IAM resource path must either be "*" or start with {IAM_PATHS}.'
    return None
