"""What a filter lets through, what a variable becomes, and which pipelines are refused."""

from typing import Any

import pytest

from pipeline.local.cloud.codepipeline.checks import checked
from pipeline.local.cloud.codepipeline.declaration import Filter, InvalidDeclarationError
from pipeline.local.cloud.codepipeline.executions import Execution
from pipeline.local.cloud.codepipeline.globs import passes
from pipeline.local.cloud.codepipeline.shape import from_template
from pipeline.local.cloud.codepipeline.variables import UnresolvedError, resolve


@pytest.mark.parametrize(
    ("glob", "name", "matches"),
    [
        # The examples of https://docs.aws.amazon.com/codepipeline/latest/userguide/syntax-glob.html
        ("*.java", "Main.java", True),
        ("*.java", "src/Main.java", False),
        ("*.*", "a.b", True),
        ("*.{java,class}", "A.class", True),
        ("*.{java,class}", "A.py", False),
        ("foo.?", "foo.x", True),
        ("foo.?", "foo.xy", False),
        ("/home/*/*", "/home/gus/data", True),
        ("/home/*/*", "/home/gus", False),
        ("/home/**", "/home/gus/data", True),
        ("[a-c]x", "bx", True),
        ("[!a-c]x", "bx", False),
        ("feature/**", "feature/a/b", True),
        ("a\\*b", "a*b", True),
        ("a\\*b", "axb", False),
    ],
)
def test_globs_match_as_documented(glob: str, name: str, matches: bool) -> None:
    assert passes(Filter(includes=(glob,), excludes=()), [name]) is matches


def test_a_push_passes_with_one_file_that_is_included_and_not_excluded() -> None:
    found = Filter(includes=("src/**",), excludes=("**/*.md",))
    assert passes(found, ["README.md", "src/a.py"])
    assert not passes(found, ["README.md", "src/a.md"])
    assert not passes(found, [])


def execution(**namespaces: dict[str, str]) -> Execution:
    return Execution(
        id="e1",
        order=1,
        version=1,
        mode="SUPERSEDED",
        started=0,
        updated=0,
        trigger_type="Webhook",
        variables={"place": "here"},
        namespaces=namespaces,
    )


def test_variables_come_from_actions_the_pipeline_and_the_execution() -> None:
    configuration = {"a": "#{Build.Url}/x", "b": "#{variables.place} #{codepipeline.PipelineExecutionId}"}
    assert resolve(configuration, execution(Build={"Url": "u"})) == {"a": "u/x", "b": "here e1"}


def test_a_variable_inside_json_cannot_break_out_of_its_string() -> None:
    found = resolve({"EnvironmentVariables": '[{"name":"M","value":"#{S.M}"}]'}, execution(S={"M": 'a "b"\nc'}))
    assert found == {"EnvironmentVariables": '[{"name":"M","value":"a \\"b\\"\\nc"}]'}


def test_an_unknown_variable_is_named() -> None:
    with pytest.raises(UnresolvedError, match=r"Build\.Url"):
        resolve({"a": "#{Build.Url}"}, execution())


def kind(category: str, provider: str) -> dict[str, str]:
    return {"Category": category, "Owner": "AWS", "Provider": provider, "Version": "1"}


FETCH: dict[str, Any] = {
    "Name": "Fetch",
    "ActionTypeId": kind("Source", "S3"),
    "Configuration": {"S3Bucket": "b", "S3ObjectKey": "k", "PollForSourceChanges": False},
    "OutputArtifacts": [{"Name": "Code"}],
}
ASK: dict[str, Any] = {"Name": "Ask", "ActionTypeId": kind("Approval", "Manual"), "RunOrder": "2"}


def template(*actions: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return {
        "RoleArn": "arn:aws:iam::111111111111:role/r",
        "ArtifactStore": {"Type": "S3", "Location": "b"},
        "PipelineType": "V2",
        "Stages": [{"Name": "Source", "Actions": [FETCH]}, {"Name": "Second", "Actions": list(actions or [ASK])}],
        **properties,
    }


def test_a_template_becomes_what_the_api_would_have_got() -> None:
    found = from_template(template(), "p")
    assert found["stages"][0]["actions"][0]["configuration"]["PollForSourceChanges"] == "false"
    assert found["stages"][1]["actions"][0]["runOrder"] == 2
    assert checked(found, "us-east-1").stages[1].actions[0].run_order == 2


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"Stages": [{"Name": "Source", "Actions": [FETCH]}]}, "at least two stages"),
        ({"Stages": [{"Name": "S", "Actions": [FETCH]}, {"Name": "S", "Actions": [ASK]}]}, "stage name S"),
        ({"Stages": [{"Name": "S", "Actions": [ASK]}, {"Name": "T", "Actions": [ASK]}]}, "first stage must contain"),
        ({"Stages": [{"Name": "S", "Actions": [FETCH]}, {"Name": "T", "Actions": [ASK, ASK]}]}, "action name in"),
        (
            {
                "ExecutionMode": "PARALLEL",
                "Stages": [
                    {"Name": "S", "Actions": [FETCH]},
                    {"Name": "T", "Actions": [ASK], "OnFailure": {"Result": "ROLLBACK"}},
                ],
            },
            "cannot be added to a PARALLEL mode pipeline",
        ),
    ],
)
def test_a_structure_that_aws_refuses_is_refused(properties: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidDeclarationError, match=reason):
        checked(from_template(template(**properties), "p"), "us-east-1")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"InputArtifacts": [{"Name": "Nothing"}]}, "takes Nothing"),
        ({"OutputArtifacts": [{"Name": "Code"}], "InputArtifacts": [{"Name": "Code"}]}, "makes Code"),
        ({"Region": "eu-west-1", "InputArtifacts": [{"Name": "Code"}]}, "no artifact store"),
        ({"InputArtifacts": []}, "0 input artifacts"),
    ],
)
def test_an_action_that_cannot_work_is_refused(changes: dict[str, Any], reason: str) -> None:
    build = {"Name": "Build", "ActionTypeId": kind("Build", "CodeBuild"), "Configuration": {"ProjectName": "p"}}
    with pytest.raises(InvalidDeclarationError, match=reason):
        checked(from_template(template(build | changes), "p"), "us-east-1")
