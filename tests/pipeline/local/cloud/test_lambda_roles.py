"""Lambda takes no function whose execution role it cannot assume.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html: "the execution role must have a trust
policy that specifies the Lambda service principal (lambda.amazonaws.com) as a trusted service."
The words of the refusals are those that people report: https://github.com/nficano/python-lambda/issues/28
"""

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.deployments import deploy
from tests.testbed.functions import ACCOUNT, zipped
from tests.testbed.roles import role as make_role

pytestmark = pytest.mark.cloud

NOT_ASSUMED = "The role defined for the function cannot be assumed by Lambda."
CODE = zipped({"app.py": "def handle(event, context): return event"})


def create(cloud: LocalCloud, role: str) -> str:
    name = f"f-{uuid.uuid4().hex[:12]}"
    cloud.client("lambda", ACCOUNT).create_function(
        FunctionName=name, Runtime="python3.13", Handler="app.handle", Code={"ZipFile": CODE}, Role=role
    )
    return name


@pytest.fixture
def untrusting(cloud: LocalCloud) -> str:
    """A role that trusts another service."""
    return make_role(cloud, "of-workflows-alone", "states.amazonaws.com")


def test_a_role_that_trusts_another_service_is_refused(cloud: LocalCloud, untrusting: str) -> None:
    with pytest.raises(ClientError, match=NOT_ASSUMED) as refused:
        create(cloud, untrusting)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"


@pytest.mark.parametrize("role", [f"arn:aws:iam::{ACCOUNT}:role/nobody", f"arn:aws:iam::{ACCOUNT}:role/a/path/worker"])
def test_a_role_that_does_not_exist_is_refused(cloud: LocalCloud, role: str) -> None:
    make_role(cloud, "worker", "lambda.amazonaws.com")  # which has no path
    with pytest.raises(ClientError, match=NOT_ASSUMED):
        create(cloud, role)


def test_a_role_of_another_account_is_refused(cloud: LocalCloud) -> None:
    """ "You cannot pass permissions to a role in another account": Lambda refuses it whatever the caller may do.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    with pytest.raises(ClientError, match="AccessDeniedException"):
        create(cloud, make_role(cloud, "worker", "lambda.amazonaws.com", account="222222222222"))


def test_a_role_that_is_no_arn_is_refused(cloud: LocalCloud) -> None:
    """https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html#lambda-CreateFunction-request-Role"""
    with pytest.raises(ClientError, match="Member must satisfy regular expression pattern"):
        create(cloud, "worker")


def test_a_change_to_a_role_that_does_not_trust_lambda_is_refused(cloud: LocalCloud, untrusting: str) -> None:
    name = create(cloud, make_role(cloud, "worker", "lambda.amazonaws.com"))
    functions = cloud.client("lambda", ACCOUNT)
    with pytest.raises(ClientError, match=NOT_ASSUMED):
        functions.update_function_configuration(FunctionName=name, Role=untrusting)
    assert functions.get_function_configuration(FunctionName=name)["Role"].endswith("/worker")


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_ACCESS_KEY_ID", "_HANDLER", "LAMBDA_TASK_ROOT"])
def test_a_variable_that_lambda_sets_itself_is_refused(cloud: LocalCloud, name: str) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime"""
    function = create(cloud, make_role(cloud, "worker", "lambda.amazonaws.com"))
    variables = {"Variables": {name: "x", "MINE": "y"}}
    with pytest.raises(ClientError, match=f"Reserved keys used in this request: {name}$"):
        cloud.client("lambda", ACCOUNT).update_function_configuration(FunctionName=function, Environment=variables)
    made = template("lambda.amazonaws.com")
    made["Function"]["Properties"]["Environment"] = variables
    assert name in deploy(cloud, made).reason("Function")


def template(*trusted: str) -> dict[str, Any]:
    """A function and its role, which is there when the function is made."""
    trust = {"Effect": "Allow", "Principal": {"Service": trusted}, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": [trust]}
    role = {"Type": "AWS::IAM::Role", "Properties": {"Path": "/some/", "AssumeRolePolicyDocument": document}}
    function = {
        "Runtime": "python3.13",
        "Handler": "index.handle",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": "def handle(event, context): return event"},
    }
    return {"Role": role, "Function": {"Type": "AWS::Lambda::Function", "Properties": function}}


def test_a_stack_with_such_a_function_rolls_back_and_says_why(cloud: LocalCloud) -> None:
    deployed = deploy(cloud, template("states.amazonaws.com"))
    assert deployed.status == "ROLLBACK_COMPLETE"
    assert NOT_ASSUMED in deployed.reason("Function")


def test_a_role_and_its_function_in_one_stack_are_made(cloud: LocalCloud) -> None:
    assert deploy(cloud, template("lambda.amazonaws.com", "states.amazonaws.com")).status == "CREATE_COMPLETE"
