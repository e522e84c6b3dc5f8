"""Policies that are written flat, as properties of a resource, as documents like any other."""

from collections.abc import Callable, Mapping

from services.library.cloudformation.template import Json, Resource
from services.library.cloudformation.values import Value


def flat_policy(resource: Resource) -> Json:
    """Return the policy document that the properties of a resource of one of FLAT_POLICIES amount to."""
    return FLAT_POLICIES[resource.type](resource.properties)


def _permission(given: Json) -> Json:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-permission.html."""
    tests = {
        "ArnLike": {"aws:SourceArn": given.get("SourceArn")},
        "StringEquals": {
            "aws:SourceAccount": given.get("SourceAccount"),
            "aws:PrincipalOrgID": given.get("PrincipalOrgID"),
            "lambda:FunctionUrlAuthType": given.get("FunctionUrlAuthType"),
            "lambda:EventSourceToken": given.get("EventSourceToken"),
        },
    }
    principal = given.get("Principal")
    is_service = isinstance(principal, str) and principal.endswith((".amazonaws.com", ".amazon.com", ".aws.internal"))
    return _one_statement(
        principal if principal == "*" else {"Service" if is_service else "AWS": principal},
        given.get("Action"),
        {name: {key: value for key, value in keys.items() if value is not None} for name, keys in tests.items()},
    )


def _layer_permission(given: Json) -> Json:
    principal, organization = given.get("Principal"), given.get("OrganizationId")
    return _one_statement(
        principal if principal == "*" else {"AWS": principal},
        given.get("Action"),
        {"StringEquals": {"aws:PrincipalOrgID": organization}} if organization is not None else {},
    )


def _bus_policy(given: Json) -> Json:
    if "Statement" in given:
        return {"Version": "2012-10-17", "Statement": given["Statement"]}
    principal, condition = given.get("Principal"), given.get("Condition")
    if not isinstance(condition, Mapping):
        condition = {}
    elif "Type" in condition:
        condition = {str(condition["Type"]): {str(condition.get("Key")): condition.get("Value")}}
    return _one_statement(principal if principal == "*" else {"AWS": principal}, given.get("Action"), condition)


def _one_statement(principal: Value, action: Value, condition: Mapping[str, Value]) -> Json:
    statement = {
        "Effect": "Allow",
        "Principal": principal,
        "Action": action,
        "Resource": "*",
        "Condition": {name: keys for name, keys in condition.items() if keys},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


FLAT_POLICIES: Mapping[str, Callable[[Json], Json]] = {
    "AWS::Lambda::Permission": _permission,
    "AWS::Lambda::LayerVersionPermission": _layer_permission,
    "AWS::Events::EventBusPolicy": _bus_policy,
}
