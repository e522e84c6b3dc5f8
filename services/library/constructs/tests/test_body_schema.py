"""JSON schemas reach API Gateway as they were written; what it would refuse or ignore is named with its path."""

import json

import pytest
from aws_cdk.assertions import Template

from services.library.constructs.api import ApiSettings
from services.library.constructs.function_api import FunctionApi
from services.library.constructs.mappings.body_schema import DIALECT, validate_schema
from services.library.constructs.tests.conftest import StackScope
from services.library.constructs.tests.test_odd_settings import made_function
from tests.testbed.one_of_each import ORDER


@pytest.fixture(scope="module")
def template(production: StackScope) -> Template:
    for name, schema in (("Orders", ORDER), ("One", {"type": "object"}), ("Other", {"type": "array"})):
        FunctionApi(
            production.stack,
            name,
            environment=production.environment,
            function=made_function(production, f"{name}Code"),
            settings=ApiSettings(rate_limit=7, burst_limit=9, body_schema=schema),
            alarms_to=production.alarms,
        )
    return production.template()


def test_a_schema_is_in_the_template_as_it_was_written(template: Template) -> None:
    models = template.find_resources("AWS::ApiGateway::Model")
    (schema,) = (each["Properties"]["Schema"] for name, each in models.items() if name.startswith("Orders"))
    assert json.dumps(schema, sort_keys=True) == json.dumps({"$schema": DIALECT, **ORDER}, sort_keys=True)


def test_another_schema_is_another_deployment(template: Template) -> None:
    """A stage serves what was deployed into it, and an API that changed without a deployment goes on as it was."""
    deployments = template.find_resources("AWS::ApiGateway::Deployment")
    digests = {name[-32:] for name in deployments}
    assert len(digests) == len(deployments) == 3


@pytest.mark.parametrize(
    ("schema", "path", "allowed"),
    [
        ("object", "", "a schema"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema", "draft-04"),
        ({"properties": {"n": {"$schema": DIALECT}}}, "/properties/n/$schema", "at the top"),
        ({"type": "text"}, "/type", "one or a list of array"),
        ({"type": []}, "/type", "one or a list of array"),
        ({"properties": {"n": {"type": "integer", "format": "int32"}}}, "/properties/n/format", "one of date-time"),
        ({"properties": {"n": {"const": 1}}}, "/properties/n/const", "`enum` with one value"),
        ({"properties": {"n": {"type": "string", "nullable": True}}}, "/properties/n/nullable", "`null` among"),
        (
            {"properties": {"n": {"minimum": 0, "exclusiveMinimum": True}}},
            "/properties/n/exclusiveMinimum",
            "`minimum`",
        ),
        ({"exclusiveMaximum": True}, "/exclusiveMaximum", "beside `maximum`"),
        ({"maximum": 1, "exclusiveMaximum": 2}, "/exclusiveMaximum", "True or False"),
        ({"required": []}, "/required", "at least one property"),
        ({"properties": {"n": {"required": True}}}, "/properties/n/required", "at least one property"),
        ({"enum": []}, "/enum", "at least one value"),
        ({"enum": ["a", None]}, "/enum", "without null"),
        ({"default": {"a": [None]}}, "/default", "without null"),
        ({"items": [{"maxItems": -1}]}, "/items/0/maxItems", "0 or more"),
        ({"pattern": "["}, "/pattern", "a regular expression"),
        ({"patternProperties": {"[": {}}}, "/patternProperties/[", "a regular expression"),
        ({"oneOf": []}, "/oneOf", "at least one schema"),
        ({"not": True}, "/not", "a schema"),
        ({"multipleOf": 0}, "/multipleOf", "above 0"),
        ({"dependencies": {"a": []}}, "/dependencies/a", "a list with the name"),
        ({"properties": {"a/b": {"$id": "x"}}}, "/properties/a~1b/$id", "no name"),
        ({"propertees": {}}, "/propertees", "keywords of JSON schema draft 4"),
        ({"items": {"$ref": "other.json"}}, "/items/$ref", "within the schema"),
        ({"items": {"$ref": "#/definitions/none"}}, "/items/$ref", "that is there"),
        ({"items": {"$ref": "#", "maxLength": 3}}, "/items", "draft 4 ignores the rest"),
        ({"definitions": {"a": {"$ref": "#/definitions/a"}}}, "/definitions/a/$ref", "lead back to itself"),
    ],
)
def test_what_api_gateway_refuses_or_ignores_is_named_with_its_path(schema: object, path: str, allowed: str) -> None:
    first = next(validate_schema(schema))
    assert first.path == path
    assert allowed in first.allowed


def test_a_refused_schema_says_where() -> None:
    with pytest.raises(
        ValueError, match=r"body_schema=int32 at /properties/n/format is not allowed; give one of date-time"
    ):
        ApiSettings(rate_limit=1, burst_limit=1, body_schema={"properties": {"n": {"format": "int32"}}})


def test_a_schema_may_refer_to_itself() -> None:
    assert not list(validate_schema({"type": "object", "properties": {"children": {"items": {"$ref": "#"}}}}))
