"""Where and as whom actions act: other accounts and regions, builds, functions."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud
from tests.pipeline.local.cloud.test_codepipeline_recovery import project
from tests.testbed.functions import with_boto3
from tests.testbed.pipelines import TOOLS, Tools, action, approval, parameter_template, stage, zipped
from tests.testbed.roles import role

pytestmark = pytest.mark.cloud
ELSEWHERE = "333333333333"


@pytest.fixture
def tools(cloud: LocalCloud) -> Tools:
    return Tools(cloud)


def open_to(tools: Tools, bucket: str, role: str) -> None:
    """What a cross-account pipeline's artifact bucket says, as CDK writes it."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": role},
        "Action": ["s3:GetObject*", "s3:PutObject*", "s3:List*"],
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
    encrypted = {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "s3:*",
        "Resource": statement["Resource"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = {"Version": "2012-10-17", "Statement": [encrypted, statement]}
    tools.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


@pytest.mark.parametrize(("opened_to", "status"), [("deploy", "Succeeded"), ("somebody", "Failed")])
def test_an_action_reads_artifacts_as_the_role_that_the_bucket_lets_in(
    tools: Tools, opened_to: str, status: str
) -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-create-cross-account.html"""
    roles = {name: tools.make_role(name, ELSEWHERE) for name in ("deploy", "somebody")}
    open_to(tools, tools.bucket, roles[opened_to])
    tools.push({"template.json": parameter_template(tools.name, "there")})
    role = roles["deploy"]
    deploy = tools.deployment("Deploy", "CREATE_UPDATE", configuration={"RoleArn": role}, roleArn=role)
    assert tools.ended(tools.create(stage("Deploy", deploy))) == status


def test_an_action_acts_in_the_account_of_its_role(tools: Tools) -> None:
    role = tools.make_role("deploy", ELSEWHERE)
    open_to(tools, tools.bucket, role)
    tools.push({"template.json": parameter_template(tools.name, "there")})
    deploy = tools.deployment("Deploy", "CREATE_UPDATE", configuration={"RoleArn": role}, roleArn=role)
    execution = tools.create(stage("Deploy", deploy))
    assert tools.ended(execution) == "Succeeded", tools.errors(execution)
    there: Any = tools.cloud.client("ssm", account=ELSEWHERE)
    assert there.get_parameter(Name=tools.name)["Parameter"]["Value"] == "there"
    with pytest.raises(ClientError, match="ParameterNotFound"):
        tools.parameter()


@pytest.mark.parametrize("whose", ["pipeline", "deploy"])
def test_a_role_that_trusts_nobody_any_more_is_not_assumed_again(tools: Tools, whose: str) -> None:
    """ "You must update the trust policy": https://docs.aws.amazon.com/codepipeline/latest/userguide/troubleshooting.html"""
    deploy = tools.make_role("deploy")
    tools.push({"template.json": parameter_template(tools.name, "there")})
    execution = tools.create(stage("Deploy", tools.deployment("Deploy", "CREATE_UPDATE", roleArn=deploy)))
    assert tools.ended(execution) == "Succeeded", tools.errors(execution)
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    name = f"{tools.name}-{whose}"
    tools.cloud.client("iam", TOOLS).update_assume_role_policy(RoleName=name, PolicyDocument=policy)
    again = tools.start()
    assert tools.ended(again) == "Failed"
    assert f"role/{name} cannot be assumed" in json.dumps(tools.errors(again))


def test_a_template_may_be_larger_than_a_request(tools: Tools) -> None:
    """ "Template body size in an Amazon S3 object: 1 MB", against 51,200 bytes in a request

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    """
    role = tools.make_role("deploy", ELSEWHERE)
    open_to(tools, tools.bucket, role)
    template = json.loads(parameter_template(tools.name, "large")) | {"Metadata": {"Filling": "x" * 60_000}}
    tools.push({"template.json": json.dumps(template)})
    deploy = tools.deployment("Deploy", "CREATE_UPDATE", configuration={"RoleArn": role}, roleArn=role)
    execution = tools.create(stage("Deploy", deploy))
    assert tools.ended(execution) == "Succeeded", tools.errors(execution)


def test_an_action_in_another_region_gets_its_artifacts_there(tools: Tools) -> None:
    """ "CodePipeline handles the copying of artifacts from one AWS Region to the other Regions when performing
    cross-region actions." https://docs.aws.amazon.com/codepipeline/latest/userguide/actions-create-cross-region.html
    """
    other = f"{tools.name}-ireland"
    ireland: Any = tools.cloud.client("s3", region="eu-west-1")
    ireland.create_bucket(Bucket=other, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    tools.push({"template.json": parameter_template(tools.name, "ireland")})
    deploy = tools.deployment("Deploy", "CREATE_UPDATE", region="eu-west-1")
    definition = tools.definition(stage("Deploy", deploy))
    del definition["artifactStore"]
    definition["artifactStores"] = {
        "us-east-1": {"type": "S3", "location": tools.bucket},
        "eu-west-1": {"type": "S3", "location": other},
    }
    tools.codepipeline.create_pipeline(pipeline=definition)
    execution = str(tools.executions()[0]["pipelineExecutionId"])
    assert tools.ended(execution) == "Succeeded", tools.errors(execution)
    there: Any = tools.cloud.client("ssm", region="eu-west-1")
    assert there.get_parameter(Name=tools.name)["Parameter"]["Value"] == "ireland"
    (given,) = tools.actions(execution)["Deploy"]["input"]["inputArtifacts"]
    assert given["s3location"]["bucket"] == other
    assert ireland.head_object(Bucket=other, Key=given["s3location"]["key"])


def test_an_artifact_is_copied_to_another_region_once_for_all_actions_there(tools: Tools) -> None:
    other = f"{tools.name}-ireland"
    ireland: Any = tools.cloud.client("s3", region="eu-west-1")
    ireland.create_bucket(Bucket=other, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    ireland.put_bucket_versioning(Bucket=other, VersioningConfiguration={"Status": "Enabled"})
    tools.push({"template.json": parameter_template(tools.name, "ireland")})
    definition = tools.definition(
        stage(
            "Deploy",
            *(tools.deployment(f"Deploy{order}", "CREATE_UPDATE", order, region="eu-west-1") for order in (1, 2)),
        )
    )
    del definition["artifactStore"]
    definition["artifactStores"] = {
        "us-east-1": {"type": "S3", "location": tools.bucket},
        "eu-west-1": {"type": "S3", "location": other},
    }
    tools.codepipeline.create_pipeline(pipeline=definition)
    execution = str(tools.executions()[0]["pipelineExecutionId"])
    assert tools.ended(execution) == "Succeeded", tools.errors(execution)
    assert len(ireland.list_object_versions(Bucket=other)["Versions"]) == 1


def test_artifacts_are_encrypted_with_the_key_of_their_store(tools: Tools) -> None:
    kms: Any = tools.cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    tools.push({"a": "b"})
    definition = tools.definition(stage("Gate", approval()))
    definition["artifactStore"]["encryptionKey"] = {"type": "KMS", "id": key}
    tools.codepipeline.create_pipeline(pipeline=definition)
    tools.approval_token("Gate", "Approve")
    run = tools.actions(str(tools.executions()[0]["pipelineExecutionId"]))["Fetch"]
    place = run["output"]["outputArtifacts"][0]["s3location"]
    found = tools.s3.head_object(Bucket=place["bucket"], Key=place["key"])
    assert found["SSEKMSKeyId"] == key


def test_a_build_gets_variables_and_artifacts_and_hands_on_its_own(tools: Tools) -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeBuild.html"""
    template = parameter_template(tools.name, "VALUE")
    tools.push({"template.json": template})
    spec = json.dumps(
        {
            "version": 0.2,
            "env": {"exported-variables": ["MADE"]},
            "phases": {
                "build": {
                    "commands": [
                        'export MADE="from $GIVEN"',
                        'mkdir out && sed "s/VALUE/$MADE/" template.json > out/template.json',
                    ]
                }
            },
            "artifacts": {"base-directory": "out", "files": ["**/*"]},
        }
    )
    configuration = {
        "ProjectName": project(tools, spec),
        "EnvironmentVariables": json.dumps([{"name": "GIVEN", "value": "#{Source.VersionId}", "type": "PLAINTEXT"}]),
    }
    build = action("Build", "Build/CodeBuild", configuration, inputs=["Code"], outputs=["Built"], namespace="Made")
    deploy = tools.deployment("Deploy", "CREATE_UPDATE", configuration={"TemplatePath": "Built::template.json"})
    ask = approval("Ask", configuration={"CustomData": "#{Made.MADE}"})
    execution = tools.create(stage("Build", build), stage("Deploy", deploy), stage("Gate", ask))
    version = tools.actions_done(execution, "Fetch")["output"]["outputVariables"]["VersionId"]
    built = tools.actions_done(execution, "Build")
    assert built["output"]["outputVariables"] == {"MADE": f"from {version}"}
    assert built["output"]["executionResult"]["externalExecutionId"].startswith(f"{tools.name}:")
    tools.approval_token("Gate", "Ask")
    assert tools.parameter() == f"from {version}"
    assert tools.actions(execution)["Ask"]["input"]["resolvedConfiguration"]["CustomData"] == f"from {version}"


def test_a_failed_build_says_which_command_failed(tools: Tools) -> None:
    tools.push({"a": "b"})
    spec = "version: 0.2\nphases: {build: {commands: ['exit 3']}}\n"
    build = action("Build", "Build/CodeBuild", {"ProjectName": project(tools, spec)}, inputs=["Code"])
    execution = tools.create(stage("Build", build))
    assert tools.ended(execution) == "Failed"
    assert "exit 3" in tools.error(execution, "Build")


REPORTING = """
import boto3

def handle(event, context):
    job = event["CodePipeline.job"]
    jobs = boto3.client("codepipeline")
    parameters = job["data"]["actionConfiguration"]["configuration"]["UserParameters"]
    if parameters == "fail":
        details = {"type": "JobFailed", "message": "the function says no"}
        jobs.put_job_failure_result(jobId=job["id"], failureDetails=details)
    elif "continuationToken" not in job["data"]:
        jobs.put_job_success_result(jobId=job["id"], continuationToken="again")
    else:
        jobs.put_job_success_result(jobId=job["id"], outputVariables={"said": parameters})
"""
"""A handler as the tutorial has it."""


def test_a_function_is_called_until_it_has_reported_a_result(tools: Tools) -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/actions-invoke-lambda-function.html"""
    functions: Any = tools.cloud.client("lambda")
    functions.create_function(
        FunctionName=tools.name,
        Runtime="python3.11",
        Role=role(tools.cloud, tools.name, "lambda.amazonaws.com"),
        Handler="handler.handle",
        Code={"ZipFile": zipped({"handler.py": REPORTING, **with_boto3()})},
        Timeout=20,
    )
    tools.push({"a": "b"})

    def call(name: str, say: str) -> dict[str, Any]:
        return action(name, "Invoke/Lambda", {"FunctionName": tools.name, "UserParameters": say}, namespace=name)

    execution = tools.create(stage("Good", call("Good", "hello")), stage("Bad", call("Bad", "fail")))
    assert tools.ended(execution) == "Failed"
    assert tools.actions(execution)["Good"]["output"]["outputVariables"] == {"said": "hello"}, tools.errors(execution)
    assert "the function says no" in tools.error(execution, "Bad")


def test_template_configuration_overrides_and_output_files(tools: Tools) -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CloudFormation.html"""
    template = {
        "Parameters": {"A": {"Type": "String"}, "B": {"Type": "String"}, "C": {"Type": "String"}},
        "Resources": {
            "Value": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Name": tools.name, "Type": "String", "Value": {"Fn::Sub": "${A} ${B} ${C}"}},
            }
        },
        "Outputs": {"Made": {"Value": {"Ref": "Value"}}},
    }
    policy = {"Statement": [{"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}]}
    tools.push(
        {
            "template.json": json.dumps(template),
            "settings.json": json.dumps(
                {"Parameters": {"A": "a", "B": "overridden"}, "Tags": {"team": "x"}, "StackPolicy": policy}
            ),
            "values.json": json.dumps({"key": "from a file"}),
        }
    )
    overrides = {
        "B": {"Fn::GetParam": ["Code", "values.json", "key"]},
        "C": {"Fn::GetArtifactAtt": ["Code", "BucketName"]},
    }
    deploy = tools.deployment(
        "Deploy",
        "CREATE_UPDATE",
        configuration={
            "TemplateConfiguration": "Code::settings.json",
            "ParameterOverrides": json.dumps(overrides),
            "OutputFileName": "outputs.json",
        },
        outputs=["Made"],
    )
    execution = tools.create(stage("Deploy", deploy))
    assert tools.ended(execution) == "Succeeded", tools.errors(execution)
    assert tools.parameter() == f"a from a file {tools.bucket}"
    kept = tools.cloud.client("cloudformation").get_stack_policy(StackName=f"{tools.name}-stack")["StackPolicyBody"]
    assert json.loads(kept) == policy
    (made,) = tools.actions(execution)["Deploy"]["output"]["outputArtifacts"]
    assert tools.artifact(made) == {"outputs.json": json.dumps({"Made": tools.name})}


def test_a_deployment_may_have_an_output_artifact_and_no_file_for_it(tools: Tools) -> None:
    """OutputFileName is not required, with an output artifact or without; an action has 0 or 1 of these.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CloudFormation.html
    """
    tools.push({"template.json": parameter_template(tools.name, "there")})
    execution = tools.create(stage("Deploy", tools.deployment("Deploy", "CREATE_UPDATE", outputs=["Made"])))
    assert tools.ended(execution) == "Succeeded", tools.errors(execution)
    assert tools.parameter() == "there"


def test_a_deployment_that_fails_names_what_failed_in_it_and_not_before(tools: Tools) -> None:
    """ "the details about the first failed resource will be included in the CodePipeline error message" """
    template = json.loads(parameter_template(tools.name, "there"))
    tools.push({"template.json": json.dumps(template)})
    execution = tools.create(stage("Deploy", tools.deployment("Deploy", "CREATE_UPDATE")))
    assert tools.ended(execution) == "Succeeded", tools.errors(execution)
    for taken in ("First", "Second"):
        changed = {**template["Resources"], taken: template["Resources"]["Value"]}
        tools.push({"template.json": json.dumps({"Resources": changed})})
        execution = tools.start()
        assert tools.ended(execution) == "Failed"
        assert f"The first failure: {taken} (AWS::SSM::Parameter)" in tools.error(execution, "Deploy")


def test_a_stack_is_deleted_and_one_that_is_not_there_is_no_failure(tools: Tools) -> None:
    """ "If you specify a stack that doesn't exist, the action is completed successfully without deleting a stack."

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/continuous-delivery-codepipeline-action-reference.html
    """
    tools.push({"template.json": parameter_template(tools.name, "short-lived")})
    remove = tools.deployment("Remove", "DELETE_ONLY", 2)
    again = tools.deployment("Again", "DELETE_ONLY", 3)
    execution = tools.create(stage("Deploy", tools.deployment("Deploy", "CREATE_UPDATE"), remove, again))
    assert tools.ended(execution) == "Succeeded", tools.errors(execution)
    with pytest.raises(ClientError, match="ParameterNotFound"):
        tools.parameter()


@pytest.mark.parametrize(
    ("kind", "configuration", "reason"),
    [
        ("Deploy/CodeDeploy", {}, "does not emulate the provider AWS Deploy/CodeDeploy"),
        ("Deploy/CloudFormation", {"ActionMode": "CREATE_UPDATE", "StackName": "s"}, "RoleArn, TemplatePath"),
        ("Deploy/CloudFormation", {"ActionMode": "SIDEWAYS", "StackName": "s"}, "ActionMode is SIDEWAYS"),
        ("Build/CodeBuild", {"ProjectName": "p", "BatchEnabled": "true"}, "BatchEnabled is true"),
        ("Approval/Manual", {"Colour": "red"}, "unknown configuration key Colour"),
        ("Approval/Manual", {"CustomData": "#{Nobody.Knows}"}, "no action has that namespace"),
    ],
)
def test_what_cannot_be_executed_is_refused_when_the_pipeline_is_made(
    tools: Tools, kind: str, configuration: dict[str, str], reason: str
) -> None:
    inputs = ["Code"] if kind == "Build/CodeBuild" else []
    wrong = action("Wrong", kind, configuration, inputs=inputs)
    with pytest.raises(ClientError, match=reason) as error:
        tools.codepipeline.create_pipeline(pipeline=tools.definition(stage("Second", wrong)))
    assert error.value.response["Error"]["Code"] == "InvalidActionDeclarationException"


@pytest.mark.parametrize(
    ("result", "provider", "configuration", "reason"),
    [
        ("FAIL", "CloudWatchAlarm", {}, "does not emulate beforeEntry conditions"),
        ("SKIP", "CloudWatchAlarm", {}, "is a CloudWatchAlarm, which cannot skip a stage"),
        ("SKIP", "LambdaInvoke", {}, "does not emulate rules of LambdaInvoke"),
        ("SKIP", "VariableCheck", {"Variable": "x", "Value": "y"}, "lacks Operator"),
        ("SKIP", "VariableCheck", {"Variable": "x", "Value": "y", "Operator": "LT"}, "give EQ, NE, CONTAINS, MATCHES"),
    ],
)
def test_conditions_that_nobody_evaluates_are_refused_when_the_pipeline_is_made(
    tools: Tools, result: str, provider: str, configuration: dict[str, str], reason: str
) -> None:
    kind = {"category": "Rule", "owner": "AWS", "provider": provider, "version": "1"}
    rule = {"name": "Rule", "ruleTypeId": kind, "configuration": configuration}
    conditions = {"conditions": [{"result": result, "rules": [rule]}]}
    with pytest.raises(ClientError, match=reason):
        tools.codepipeline.create_pipeline(
            pipeline=tools.definition(stage("Second", approval(), beforeEntry=conditions))
        )


def test_the_role_of_an_action_is_really_assumed(tools: Tools) -> None:
    tools.push({"template.json": parameter_template(tools.name, "x")})
    nobody = f"arn:aws:iam::{TOOLS}:role/{tools.name}-nobody"
    execution = tools.create(stage("Deploy", tools.deployment("Deploy", "CREATE_UPDATE", roleArn=nobody)))
    assert tools.ended(execution) == "Failed"
    assert f"not authorized to perform: sts:AssumeRole on resource: {nobody}" in tools.error(execution, "Deploy")
