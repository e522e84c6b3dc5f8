"""State machines whose definition Step Functions refuses; `stepfunctions/tests/test_definition.py` has what it refuses.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
"""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud
from tests.testbed import roles
from tests.testbed.deployments import deploy

pytestmark = pytest.mark.cloud

GOOD = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
BAD = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "C": {"Type": "Succeed"}}}
REASON = (
    "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /States/A/Next, "
    'MISSING_TRANSITION_TARGET: State "C" is not reachable. at /States/C\''
)
"""Read off AWS: https://github.com/localstack/localstack/issues/11978"""


@pytest.fixture
def role(cloud: LocalCloud) -> str:
    return roles.role(cloud, "workflows", "states.amazonaws.com")


def create(cloud: LocalCloud, role: str, definition: Any, **more: Any) -> str:
    made = cloud.client("stepfunctions").create_state_machine(
        name=f"m-{uuid.uuid4().hex[:12]}", roleArn=role, definition=json.dumps(definition), **more
    )
    return str(made["stateMachineArn"])


def test_a_machine_whose_next_leads_nowhere_is_not_created(cloud: LocalCloud, role: str) -> None:
    """ "InvalidDefinition: The provided Amazon States Language definition is not valid." """
    with pytest.raises(ClientError) as refused:
        create(cloud, role, BAD)
    assert refused.value.response["Error"] == {"Code": "InvalidDefinition", "Message": REASON}
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_machine_stays_as_it_is_when_a_change_is_refused(cloud: LocalCloud, role: str) -> None:
    machine = create(cloud, role, GOOD)
    steps = cloud.client("stepfunctions")
    with pytest.raises(ClientError, match="InvalidDefinition"):
        steps.update_state_machine(stateMachineArn=machine, definition=json.dumps(BAD))
    assert json.loads(steps.describe_state_machine(stateMachineArn=machine)["definition"]) == GOOD


def test_an_express_machine_that_waits_for_a_callback_is_not_created(cloud: LocalCloud, role: str) -> None:
    """ "Express Workflows don't support the Run a Job (.sync) or Wait for Callback (.waitForTaskToken) patterns."

    https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
    """
    waiting = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": True}
    definition = {"StartAt": "A", "States": {"A": waiting}}
    create(cloud, role, definition)
    with pytest.raises(ClientError, match="Express state machine does not support"):
        create(cloud, role, definition, type="EXPRESS")


@pytest.mark.parametrize("trusted", ["lambda.amazonaws.com", "states.eu-west-1.amazonaws.com"])
def test_a_machine_whose_role_trusts_another_service_is_not_created(cloud: LocalCloud, trusted: str) -> None:
    """The role must have "a trust policy" for states.amazonaws.com or the region's own principal.

    https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html
    The words: https://github.com/lumigo-io/lumigo-CLI/issues/83
    """
    other = roles.role(cloud, f"not-workflows-{trusted.partition('.')[0]}", trusted)
    with pytest.raises(ClientError, match="is authorized to assume the provided role") as refused:
        create(cloud, other, GOOD)
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


@pytest.mark.parametrize("name", ["nobody", "nowhere/workflows"])
def test_a_machine_whose_role_does_not_exist_is_not_created(cloud: LocalCloud, role: str, name: str) -> None:
    with pytest.raises(ClientError, match="is authorized to assume the provided role"):
        create(cloud, role.replace("workflows", name), GOOD)


def test_a_role_that_trusts_the_regions_own_principal_will_do(cloud: LocalCloud) -> None:
    create(cloud, roles.role(cloud, "regional-workflows", "states.us-east-1.amazonaws.com"), GOOD)


def test_a_definition_can_be_validated_alone(cloud: LocalCloud) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html"""
    steps = cloud.client("stepfunctions")
    assert steps.validate_state_machine_definition(definition=json.dumps(GOOD))["result"] == "OK"
    found = steps.validate_state_machine_definition(definition=json.dumps(BAD), maxResults=1)
    assert (found["result"], found["truncated"]) == ("FAIL", True)
    assert found["diagnostics"] == [
        {
            "severity": "ERROR",
            "code": "MISSING_TRANSITION_TARGET",
            "message": "Missing 'Next' target: B",
            "location": "/States/A/Next",
        }
    ]


def template(role: str, target: str) -> dict[str, Any]:
    """Whose definition is only known at deployment."""
    definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "${Target}"}, "B": {"Type": "Succeed"}}}
    properties = {
        "RoleArn": role,
        "Definition": definition,
        "DefinitionSubstitutions": {"Target": target},
    }
    return {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}


def test_a_stack_with_such_a_machine_rolls_back_and_says_why(cloud: LocalCloud, role: str) -> None:
    deployed = deploy(cloud, template(role, "C"))
    assert deployed.status == "ROLLBACK_COMPLETE"
    assert "MISSING_TRANSITION_TARGET: Missing 'Next' target: C at /States/A/Next" in deployed.reason("Machine")


def test_an_update_to_such_a_machine_rolls_back(cloud: LocalCloud, role: str) -> None:
    stack = deploy(cloud, template(role, "B")).name
    assert deploy(cloud, template(role, "C"), stack=stack).status == "UPDATE_ROLLBACK_COMPLETE"


def test_without_the_service_such_a_machine_is_created(fresh_cloud: Callable[..., LocalCloud]) -> None:
    cloud = fresh_cloud(without=("stepfunctions",))
    create(cloud, roles.role(cloud, "workflows", "states.amazonaws.com"), BAD)
