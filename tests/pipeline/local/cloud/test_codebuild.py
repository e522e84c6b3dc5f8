"""CodeBuild as the local cloud emulates it: each test quotes what AWS documents, and runs a real build."""

import contextlib
import io
import json
import os
import signal
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from pipeline.local.cloud.containers import containers
from pipeline.local.lifecycle import LocalCloud, stop
from tests.testbed.roles import role

pytestmark = pytest.mark.cloud

ACCOUNT = "111111111111"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/codebuild-tests"
IMAGE = {"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL"}
SECONDS = 30.0

Json = dict[str, Any]


def eventually(condition: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """What a condition answers once it holds."""
    pause = threading.Event()
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        pause.wait(0.02)
    return answer


@dataclass(frozen=True)
class Built:
    """A build that has ended."""

    record: Json
    log: str

    @property
    def status(self) -> str:
        return str(self.record["buildStatus"])

    @property
    def printed(self) -> list[str]:
        return [line for line in self.log.splitlines() if not line.startswith("[Container]")]

    @property
    def exported(self) -> dict[str, str]:
        return {each["name"]: each["value"] for each in self.record["exportedEnvironmentVariables"]}

    def phase(self, name: str) -> Json:
        found: Json = next(each for each in self.record["phases"] if each["phaseType"] == name)
        return found

    def phases(self) -> dict[str, str]:
        return {each["phaseType"]: each["phaseStatus"] for each in self.record["phases"] if "phaseStatus" in each}


class CodeBuild:
    """Projects and builds of one test, under names of its own."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.api = cloud.client("codebuild", ACCOUNT)
        role(cloud, "codebuild-tests", "codebuild.amazonaws.com", "events.amazonaws.com")
        self.name = f"test-{uuid.uuid4().hex[:12]}"

    def project(self, buildspec: Mapping[str, Any] | str, **settings: Any) -> str:
        text = buildspec if isinstance(buildspec, str) else json.dumps({"version": "0.2", **buildspec})
        source = {"type": "NO_SOURCE", "buildspec": text} | settings.pop("source", {})
        environment = IMAGE | settings.pop("environment", {})
        wanted = {"artifacts": {"type": "NO_ARTIFACTS"}, "serviceRole": ROLE} | settings
        self.api.create_project(name=self.name, source=source, environment=environment, **wanted)
        return self.name

    def start(self, **asked: Any) -> str:
        return str(self.api.start_build(projectName=self.name, **asked)["build"]["id"])

    def get(self, build_id: str) -> Json:
        record: Json = self.api.batch_get_builds(ids=[build_id])["builds"][0]
        return record

    def ended(self, build_id: str) -> Built:
        record = eventually(lambda: (found := self.get(build_id))["buildComplete"] and found)
        return Built(record, self.log(record))

    def log(self, record: Json) -> str:
        try:
            events = self.cloud.client("logs", ACCOUNT).get_log_events(
                logGroupName=record["logs"]["groupName"], logStreamName=record["logs"]["streamName"], startFromHead=True
            )["events"]
        except ClientError:
            return ""
        return "".join(event["message"] for event in events)

    def run(self, buildspec: Mapping[str, Any] | str, *, asked: Json | None = None, **settings: Any) -> Built:
        self.project(buildspec, **settings)
        return self.ended(self.start(**(asked or {})))


@pytest.fixture
def codebuild(cloud: LocalCloud) -> CodeBuild:
    return CodeBuild(cloud)


@pytest.fixture
def bucket(cloud: LocalCloud) -> str:
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    cloud.client("s3", ACCOUNT).create_bucket(Bucket=name)
    return name


def commands(*lines: str, **rest: Any) -> Json:
    """A buildspec with nothing but commands of the build phase."""
    return {"phases": {"build": {"commands": list(lines)}}, **rest}


def zipped(files: Mapping[str, str]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return body.getvalue()


def test_a_build_has_the_credentials_of_the_service_role_and_no_others(codebuild: CodeBuild) -> None:
    """`serviceRole`: "the IAM role that enables CodeBuild to interact with dependent AWS services on your behalf".

    https://docs.aws.amazon.com/codebuild/latest/APIReference/API_CreateProject.html
    """
    ask = (
        "import boto3, os; print(boto3.client('sts').get_caller_identity()['Arn']); "
        "print(sorted(name for name in os.environ if name.startswith('AWS_')))"
    )
    python = Path(__file__).parents[4] / ".venv/bin/python"
    built = codebuild.run(commands(f'{python} -c "{ask}"'))
    identity, names = built.printed
    assert identity.startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/codebuild-tests/AWSCodeBuild-")
    assert names == str(
        [
            "AWS_ACCESS_KEY_ID",
            "AWS_DEFAULT_REGION",
            "AWS_EC2_METADATA_DISABLED",
            "AWS_ENDPOINT_URL",
            "AWS_REGION",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
        ]
    )


def test_the_start_of_a_build_decides_over_the_project_and_the_project_over_the_buildspec(codebuild: CodeBuild) -> None:
    """Documented: "The value in the start build operation call takes highest precedence. The value in the build project
    definition takes next precedence. The value in the buildspec declaration takes lowest precedence."

    https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html
    """
    spec = commands("echo $A $B $C", env={"variables": {"A": "buildspec", "B": "buildspec", "C": "buildspec"}})
    project = [{"name": "B", "value": "project"}, {"name": "C", "value": "project"}]
    built = codebuild.run(
        spec,
        environment={"environmentVariables": project},
        asked={"environmentVariablesOverride": [{"name": "C", "value": "start"}]},
    )
    assert built.printed == ["buildspec project start"]


def test_a_build_knows_itself_by_the_documented_variables(codebuild: CodeBuild) -> None:
    """https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html"""
    built = codebuild.run(
        commands(
            "echo $CODEBUILD_BUILD_ID $CODEBUILD_BUILD_NUMBER $CODEBUILD_BUILD_ARN $CODEBUILD_LOG_PATH",
            'test "$PWD" = "$CODEBUILD_SRC_DIR" && echo $AWS_REGION $CODEBUILD_BUILD_SUCCEEDING $CI',
            "env | grep -c CODEBUILD_WEBHOOK || true",
        )
    )
    record = built.record
    assert built.printed == [
        f"{record['id']} 1 {record['arn']} {record['id'].partition(':')[2]}",
        "us-east-1 1 true",
        "0",
    ]


def test_directories_and_variables_last_from_command_to_command_and_from_phase_to_phase(codebuild: CodeBuild) -> None:
    """Documented: "In version 0.2, CodeBuild runs all build commands in the same instance of the default shell."

    https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec-ref-versions
    """
    phases = {
        "install": {"commands": ["mkdir inner", "cd inner", "export GREETING=hello", "local_only=too"]},
        "build": {"commands": ["echo $(basename $PWD) $GREETING $local_only"]},
    }
    assert codebuild.run({"phases": phases}).printed == ["inner hello too"]


def test_post_build_runs_after_a_failed_build_and_finally_runs_after_a_failed_command(codebuild: CodeBuild) -> None:
    """Documented: "The commands in a finally block are run even if a command in the commands block fails."

    https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.phases.finally
    POST_BUILD follows BUILD whether that succeeded or not:
    https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html
    """
    phases = {
        "build": {"commands": ["echo one", "exit 3", "echo never"], "finally": ["echo finally"]},
        "post_build": {"commands": ["echo post $CODEBUILD_BUILD_SUCCEEDING"]},
    }
    built = codebuild.run({"phases": phases})
    assert built.printed == ["one", "finally", "post 0"]
    assert (built.status, built.phases()["BUILD"], built.phases()["POST_BUILD"]) == ("FAILED", "FAILED", "SUCCEEDED")
    assert built.phase("BUILD")["contexts"] == [
        {
            "statusCode": "COMMAND_EXECUTION_ERROR",
            "message": "Error while executing command: exit 3. Reason: exit status 3",
        }
    ]
    assert "Command did not exit successfully exit 3 exit status 3" in built.log


def test_nothing_follows_a_failed_install(codebuild: CodeBuild) -> None:
    """Documented: "If a command fails during the install phase, none of the commands in the pre_build, build, and
    post_build phases are run for that build's lifecycle."

    https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.phases
    """
    phases = {name: {"commands": [f"echo {name}"]} for name in ("pre_build", "build", "post_build")}
    built = codebuild.run({"phases": {"install": {"commands": ["false"]}, **phases}})
    assert (built.status, built.printed) == ("FAILED", [])
    assert "PRE_BUILD" not in built.phases()


@pytest.mark.parametrize(
    ("phase", "on_failure", "printed"),
    [("install", "CONTINUE", ["build", "post"]), ("build", "ABORT", [])],
)
def test_on_failure_says_what_follows_a_failed_phase(
    codebuild: CodeBuild, phase: str, on_failure: str, printed: list[str]
) -> None:
    """Documented: "ABORT - Abort the build. CONTINUE - Continue to the next phase."

    https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.phases.on-failure
    """
    phases: Json = {"build": {"commands": ["echo build"]}, "post_build": {"commands": ["echo post"]}}
    phases |= {phase: {"commands": ["false"], "on-failure": on_failure}}
    built = codebuild.run({"phases": phases})
    assert (built.status, built.printed) == ("FAILED", printed)


def test_exported_variables_have_the_value_of_the_end_and_secrets_are_never_among_them(codebuild: CodeBuild) -> None:
    """Documented: "During a build, the value of a variable is available starting with the install phase. It can be
    updated between the start of the install phase and the end of the post_build phase." Parameter Store and Secrets
    Manager secrets and "environment variables that start with AWS_" cannot be exported.

    https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.env.exported-variables
    """
    codebuild.cloud.client("ssm", ACCOUNT).put_parameter(Name=f"/{codebuild.name}", Value="v", Type="SecureString")
    env = {
        "variables": {"FIXED": "1"},
        "parameter-store": {"PASSWORD": f"/{codebuild.name}"},
        "exported-variables": ["FIXED", "LATE", "UNSET", "PASSWORD", "AWS_REGION"],
    }
    phases = {"build": {"commands": ["export LATE=early"]}, "post_build": {"commands": ["LATE='a b\nc'"]}}
    assert codebuild.run({"env": env, "phases": phases}).exported == {"FIXED": "1", "LATE": "a b\nc"}


def test_parameters_and_secrets_reach_the_build_and_are_hidden_in_the_log(codebuild: CodeBuild) -> None:
    """Documented: "To protect sensitive information, the following are hidden in CodeBuild logs: AWS access key
    IDs, strings specified using the Parameter Store, strings specified using AWS Secrets Manager."

    https://docs.aws.amazon.com/codebuild/latest/userguide/data-protection.html
    A secret is named as `secret-id:json-key:version-stage:version-id`:
    https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.env.secrets-manager
    """
    codebuild.cloud.client("ssm", ACCOUNT).put_parameter(
        Name=f"/{codebuild.name}", Value="p4rameter", Type="SecureString"
    )
    secret = codebuild.cloud.client("secretsmanager", ACCOUNT).create_secret(
        Name=codebuild.name, SecretString=json.dumps({"user": "us3r", "password": "pa55word"})
    )
    env = {
        "parameter-store": {"PARAMETER": f"/{codebuild.name}"},
        "secrets-manager": {"USER_NAME": f"{codebuild.name}:user:AWSCURRENT", "WHOLE": codebuild.name},
    }
    declared = {"name": "PASSWORD", "value": f"{secret['ARN']}:password::", "type": "SECRETS_MANAGER"}
    lines = (
        "echo $PARAMETER $USER_NAME $PASSWORD",
        "echo $AWS_ACCESS_KEY_ID",
        "printf pa55; printf word",
        "test $PARAMETER-$USER_NAME-$PASSWORD = $(printf p4r)ameter-us3r-$(printf pa55)word && echo right",
    )
    built = codebuild.run(commands(*lines, env=env), environment={"environmentVariables": [declared]})
    assert built.printed == ["*** *** ***", "***", "***", "right"]
    file = Path(built.record["logs"]["deepLink"].removeprefix("file://"))
    assert "pa55word" not in file.read_text() + built.log
    assert "right" in file.read_text()


def test_a_missing_parameter_fails_the_build_before_its_commands(codebuild: CodeBuild) -> None:
    """The message AWS prints: "Decrypted Variables Error Message: parameter does not exist".

    https://docs.aws.amazon.com/codebuild/latest/userguide/troubleshooting.html
    """
    built = codebuild.run(commands("echo never", env={"parameter-store": {"A": "/not/there"}}))
    assert built.phase("DOWNLOAD_SOURCE")["contexts"] == [
        {"statusCode": "Decrypted Variables Error", "message": "parameter does not exist: /not/there"}
    ]
    assert (built.status, built.printed) == ("FAILED", [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 0.2\nphases: [", "while parsing"),
        ("version: 0.2\nphases:\n  build:\n    commands:\n      - echo: x", "Expected Commands[0]"),
        ("elsewhere/buildspec.yml", "no such file or directory"),
    ],
)
def test_a_broken_buildspec_fails_the_build(codebuild: CodeBuild, text: str, message: str) -> None:
    """Documented: "YAML_FILE_ERROR" in the phase DOWNLOAD_SOURCE.

    https://docs.aws.amazon.com/codebuild/latest/userguide/troubleshooting.html
    """
    context = codebuild.run(text).phase("DOWNLOAD_SOURCE")["contexts"][0]
    assert context["statusCode"] == "YAML_FILE_ERROR"
    assert message in context["message"]


def test_the_source_in_s3_brings_its_own_buildspec_and_artifacts_go_where_the_project_says(
    codebuild: CodeBuild, bucket: str
) -> None:
    """Documented: "By default, the buildspec file must be named buildspec.yml and placed in the root of your source
    directory."

    https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec-ref-name-storage
    Each secondary artifact's identifier "must match an artifact defined in the secondaryArtifacts attribute":
    https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.artifacts.secondary-artifacts
    """
    s3 = codebuild.cloud.client("s3", ACCOUNT)
    spec = commands(
        "mkdir -p out/deep && cp in.txt out/deep && echo two > two.txt && echo no > out/skip.log",
        artifacts={
            "base-directory": "out",
            "files": "**/*",
            "exclude-paths": ["**/*.log"],
            "secondary-artifacts": {"second": {"files": ["two.txt"]}},
        },
    )
    source = {"buildspec.yml": json.dumps({"version": "0.2", **spec}), "in.txt": "from the source"}
    s3.put_object(Bucket=bucket, Key="source.zip", Body=zipped(source))
    target = {"type": "S3", "location": bucket, "packaging": "ZIP"}
    built = codebuild.run(
        "buildspec.yml",
        source={"type": "S3", "location": f"{bucket}/source.zip"},
        artifacts=target | {"name": "first.zip", "path": "to"},
        secondaryArtifacts=[target | {"name": "second.zip", "artifactIdentifier": "second"}],
    )
    assert built.status == "SUCCEEDED"

    def content(key: str) -> dict[str, bytes]:
        with zipfile.ZipFile(io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read())) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    assert content("to/first.zip") == {"deep/in.txt": b"from the source"}
    assert content("second.zip") == {"two.txt": b"two\n"}


def test_a_missing_source_object_fails_the_build_and_says_which(codebuild: CodeBuild, bucket: str) -> None:
    """DOWNLOAD_SOURCE: CLIENT_ERROR, "... for primary source and source version ...".

    https://docs.aws.amazon.com/codebuild/latest/userguide/troubleshooting.html
    """
    built = codebuild.run("buildspec.yml", source={"type": "S3", "location": f"{bucket}/missing.zip"})
    (context,) = built.phase("DOWNLOAD_SOURCE")["contexts"]
    assert context["statusCode"] == "CLIENT_ERROR"
    assert f"{bucket}/missing.zip" in context["message"]


def test_a_missing_role_fails_the_build_and_says_which(codebuild: CodeBuild) -> None:
    """Documented: "CodeBuild is not authorized to perform: sts:AssumeRole".

    https://docs.aws.amazon.com/codebuild/latest/userguide/troubleshooting.html
    """
    built = codebuild.run(commands("echo never"), serviceRole=f"arn:aws:iam::{ACCOUNT}:role/nobody")
    (context,) = built.phase("PROVISIONING")["contexts"]
    assert context["statusCode"] == "ACCESS_DENIED"
    assert "sts:AssumeRole on service role arn:aws:iam::111111111111:role/nobody" in context["message"]


def test_a_missing_shell_fails_the_phase(codebuild: CodeBuild) -> None:
    """A variable replaces the image's own, PATH too: "is replaced by the literal value".

    https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.env.variables
    """
    built = codebuild.run(commands("echo never", env={"variables": {"PATH": "/nowhere"}}))
    assert built.status == "FAILED"
    assert "sh: No such file or directory" in built.phase("BUILD")["contexts"][0]["message"]


def test_the_cache_is_kept_between_builds(codebuild: CodeBuild) -> None:
    """Documented: "A local cache stores a cache locally on a build host that is available to that build host only"; the
    custom mode caches "directories you specify in the buildspec file".

    https://docs.aws.amazon.com/codebuild/latest/userguide/caching-local.html
    """
    spec = commands(
        "cat kept/count 2>/dev/null || echo none; cat $HOME/.tool/count 2>/dev/null || echo none",
        "mkdir -p kept $HOME/.tool; echo $CODEBUILD_BUILD_NUMBER | tee kept/count > $HOME/.tool/count",
        "test $CODEBUILD_BUILD_NUMBER != 2",
        cache={"paths": ["kept/**/*", "/root/.tool/**/*"]},
    )
    codebuild.project(spec, cache={"type": "LOCAL", "modes": ["LOCAL_CUSTOM_CACHE"]})
    builds = [codebuild.ended(codebuild.start()) for _ in range(3)]
    assert [built.printed for built in builds] == [["none", "none"], ["1", "1"], ["1", "1"]]
    assert builds[1].status == "FAILED", "what a failed build left is not kept"
    codebuild.api.invalidate_project_cache(projectName=codebuild.name)
    assert codebuild.ended(codebuild.start()).printed == ["none", "none"]


def test_what_a_build_installs_stays_in_the_build(codebuild: CodeBuild) -> None:
    """A build has a container of its own on AWS; here it has its own HOME, prefix and Python environment."""
    package = json.dumps({"name": "local-greeter", "version": "1.0.0", "bin": {"local-greeter": "index.js"}})
    setup = "from setuptools import setup; setup(name='tinydist', version='1', py_modules=['tinydist'])"
    built = codebuild.run(
        commands(
            f"mkdir greeter && echo '{package}' > greeter/package.json",
            "printf '#!/usr/bin/env node\\nconsole.log(\"from node\")\\n' > greeter/index.js",
            "chmod +x greeter/index.js",
            "npm install -g --offline --no-audit --no-fund ./greeter > npm.log 2>&1 || cat npm.log",
            "local-greeter",
            f'mkdir dist && echo "{setup}" > dist/setup.py && echo "PLACE = __file__" > dist/tinydist.py',
            "pip install --no-index --no-deps --no-build-isolation ./dist > pip.log 2>&1 || cat pip.log",
            'python3 -c "import tinydist; print(tinydist.PLACE)"',
            "readlink -f $(command -v local-greeter); echo $HOME; echo $TMPDIR",
        )
    )
    assert built.status == "SUCCEEDED", built.log
    own = str(containers(codebuild.cloud.place.folder) / built.record["id"].partition(":")[2])
    greeting, *places = built.printed
    assert greeting == "from node"
    assert [place for place in places if not place.startswith(own)] == []
    eventually(lambda: not Path(own).exists())


def test_no_repository_project_or_key_is_around_a_build(codebuild: CodeBuild) -> None:
    """A container has none: a build that tags, commits or installs where it finds a project must not find this one."""
    built = codebuild.run(
        commands(
            "git tag released-by-a-build 2>&1 | head -1",
            "cd $TMPDIR && git rev-parse --show-toplevel 2>&1 | head -1; cd $CODEBUILD_SRC_DIR",
            "d=$PWD; while [ $d ]; do d=${d%/*}; ls -d $d/.git $d/pyproject.toml $d/package.json 2> no || :; done",
            "for word in $GIT_SSH_COMMAND; do case $word in -o*File=*) echo ${word#*=};; esac; done",
        )
    )
    assert built.status == "SUCCEEDED", built.log
    keys = f"{containers(codebuild.cloud.place.folder) / built.record['id'].partition(':')[2]}/home/.ssh"
    refused = "fatal: not a git repository (or any of the parent directories): .git"
    assert built.printed == [
        refused,
        refused,
        f"{keys}/id_ed25519",
        f"{keys}/known_hosts",
    ]


def test_stopping_a_build_ends_all_its_processes(codebuild: CodeBuild, tmp_path: Path) -> None:
    """Documented: "StopBuild: Attempts to stop running a build"; its status is STOPPED.

    https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StopBuild.html
    """
    pids = tmp_path / "pids"
    spawn = f"(sleep 600 & echo $! >> {pids}; setsid sh -c 'echo $$ >> {pids}; exec sleep 600' & wait)"
    codebuild.project(commands(spawn, "echo never"))
    build = codebuild.start()
    eventually(lambda: pids.exists() and len(pids.read_text().splitlines()) == 2)
    codebuild.api.stop_build(id=build)
    built = codebuild.ended(build)
    assert (built.status, built.phases()["BUILD"], built.printed) == ("STOPPED", "STOPPED", [])
    eventually(lambda: not any(Path("/proc", pid, "environ").exists() for pid in pids.read_text().split()))


def test_a_build_that_takes_too_long_is_timed_out(codebuild: CodeBuild) -> None:
    """`timeoutInMinutes`: "how long, in minutes, for CodeBuild to wait before it times out"; the status is TIMED_OUT.

    https://docs.aws.amazon.com/codebuild/latest/APIReference/API_Build.html
    """
    codebuild.project(commands("sleep 600"))
    unchecked = boto3.client(
        "codebuild",
        endpoint_url=codebuild.cloud.endpoint,
        region_name="us-east-1",
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key=codebuild.cloud.root_secret,
        config=Config(parameter_validation=False, proxies={}),  # five minutes is the least that boto3 lets one ask
    )
    asked: Json = {"timeoutInMinutesOverride": 0.01}
    built = codebuild.ended(str(unchecked.start_build(projectName=codebuild.name, **asked)["build"]["id"]))
    assert built.status == "TIMED_OUT"
    (stopped,) = [each for each in built.record["phases"] if each.get("phaseStatus") == "TIMED_OUT"]
    assert stopped["contexts"] == [{"statusCode": "BUILD_TIMED_OUT", "message": "Build has timed out."}]


def test_the_next_build_follows_an_edited_project(codebuild: CodeBuild) -> None:
    """UpdateProject: "Changes the settings of a build project".

    https://docs.aws.amazon.com/codebuild/latest/APIReference/API_UpdateProject.html
    """
    assert codebuild.run(commands("echo before")).printed == ["before"]
    edited = json.dumps({"version": "0.2", **commands("echo after $ADDED")})
    environment = IMAGE | {"environmentVariables": [{"name": "ADDED", "value": "too"}]}
    codebuild.api.update_project(
        name=codebuild.name, source={"type": "NO_SOURCE", "buildspec": edited}, environment=environment
    )
    assert codebuild.ended(codebuild.start()).printed == ["after too"]


def test_a_project_that_is_at_its_limit_starts_no_further_build(codebuild: CodeBuild, tmp_path: Path) -> None:
    """Documented: "If the current build count meets this limit, new builds are throttled and are not run."

    https://docs.aws.amazon.com/codebuild/latest/APIReference/API_CreateProject.html
    """
    gate = tmp_path / "gate"
    codebuild.project(commands(f"while ! test -e {gate}; do sleep 0.05; done"), concurrentBuildLimit=1)
    first = codebuild.start()
    with pytest.raises(ClientError, match="AccountLimitExceededException"):
        codebuild.start()
    gate.touch()
    assert codebuild.ended(first).status == "SUCCEEDED"


def test_the_log_is_in_the_projects_own_log_group(codebuild: CodeBuild) -> None:
    """`logsConfig`: "the group name of the logs in CloudWatch Logs", "the prefix of the stream name".

    https://docs.aws.amazon.com/codebuild/latest/APIReference/API_CloudWatchLogsConfig.html
    """
    own = {"status": "ENABLED", "groupName": f"/own/{codebuild.name}", "streamName": "builds"}
    built = codebuild.run(commands("echo here"), logsConfig={"cloudWatchLogs": own})
    assert built.printed == ["here"]
    assert built.record["logs"]["streamName"] == f"builds/{built.record['id'].partition(':')[2]}"


def test_a_template_deploys_changes_and_removes_a_project(codebuild: CodeBuild) -> None:
    """Ref is the project's name, and Arn its ARN.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-codebuild-project.html
    """
    cloudformation = codebuild.cloud.client("cloudformation", ACCOUNT)
    spec = json.dumps({"version": "0.2", **commands("echo $WORD")})

    def template(word: str, **more: Any) -> str:
        variables = [{"Name": "WORD", "Value": word, "Type": "PLAINTEXT"}]
        environment = {"Type": "LINUX_CONTAINER", "Image": "any", "ComputeType": "any", "PrivilegedMode": False}
        properties = {
            "Artifacts": {"Type": "NO_ARTIFACTS"},
            "Environment": environment | {"ComputeType": "BUILD_GENERAL1_SMALL", "EnvironmentVariables": variables},
            "ServiceRole": ROLE,
            "Source": {"Type": "NO_SOURCE", "BuildSpec": spec},
            "TimeoutInMinutes": "30",
        }
        outputs = {"Name": {"Value": {"Ref": "Project"}}, "Arn": {"Value": {"Fn::GetAtt": ["Project", "Arn"]}}}
        project = {"Type": "AWS::CodeBuild::Project", "Properties": properties | more}
        return json.dumps({"Resources": {"Project": project}, "Outputs": outputs})

    def stack() -> Json:
        found: Json = cloudformation.describe_stacks(StackName=codebuild.name)["Stacks"][0]
        return found

    def settled() -> Json:
        return eventually(lambda: not (found := stack())["StackStatus"].endswith("IN_PROGRESS") and found)  # type: ignore[no-any-return]  # a stack

    stack_name = codebuild.name
    cloudformation.create_stack(StackName=stack_name, TemplateBody=template("one"))
    outputs = {each["OutputKey"]: each["OutputValue"] for each in settled()["Outputs"]}
    codebuild.name = outputs["Name"]
    assert outputs["Arn"] == f"arn:aws:codebuild:us-east-1:{ACCOUNT}:project/{codebuild.name}"
    assert codebuild.ended(codebuild.start()).printed == ["one"]
    project = codebuild.api.batch_get_projects(names=[outputs["Arn"]])["projects"][0]
    assert project["timeoutInMinutes"] == 30

    name, codebuild.name = codebuild.name, stack_name
    cloudformation.update_stack(StackName=stack_name, TemplateBody=template("two", Description="changed"))
    assert settled()["StackStatus"] == "UPDATE_COMPLETE"
    codebuild.name = name
    assert codebuild.ended(codebuild.start()).printed == ["two"]

    codebuild.name = stack_name
    with pytest.raises(ClientError, match="unsupported property Colour"):
        cloudformation.update_stack(StackName=stack_name, TemplateBody=template("two", Colour="blue"))
    cloudformation.update_stack(StackName=stack_name, TemplateBody=template("two", Name=f"{stack_name}-renamed"))
    assert settled()["Outputs"][0]["OutputValue"] == f"{stack_name}-renamed"
    eventually(lambda: codebuild.api.batch_get_projects(names=[name])["projectsNotFound"])
    cloudformation.delete_stack(StackName=stack_name)
    eventually(lambda: codebuild.api.batch_get_projects(names=[f"{stack_name}-renamed"])["projectsNotFound"])


def test_builds_are_listed_by_project_the_newest_first_and_can_be_run_again(codebuild: CodeBuild) -> None:
    """ListBuildsForProject: "gets a list of build identifiers for the specified build project, with each build
    identifier representing a single build"; DESCENDING is the default. RetryBuild: "restarts a build".

    https://docs.aws.amazon.com/codebuild/latest/APIReference/API_ListBuildsForProject.html
    https://docs.aws.amazon.com/codebuild/latest/APIReference/API_RetryBuild.html
    """
    override = [{"name": "WORD", "value": "again"}]
    first = codebuild.run(commands("echo $WORD"), asked={"environmentVariablesOverride": override}).record["id"]
    retried = codebuild.ended(codebuild.api.retry_build(id=first)["build"]["id"])
    assert (retried.printed, retried.record["buildNumber"]) == (["again"], 2)
    newest_first = [retried.record["id"], first]
    assert codebuild.api.list_builds_for_project(projectName=codebuild.name)["ids"] == newest_first
    assert [each for each in codebuild.api.list_builds()["ids"] if each in newest_first] == newest_first
    assert codebuild.name in codebuild.api.list_projects()["projects"]
    assert codebuild.api.batch_get_builds(ids=["none:1"])["buildsNotFound"] == ["none:1"]


def _is_saved(cloud: LocalCloud, build: str) -> bool:
    """Whether a finished snapshot, a folder with a number, knows of a build."""
    for file in cloud.place.folder.rglob("*.state"):
        with contextlib.suppress(FileNotFoundError):  # a newer snapshot has replaced it
            if file.parent.name.isdecimal() and build.encode() in file.read_bytes():
                return True
    return False


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_build_under_a_cloud_that_ends_has_failed_when_it_comes_back(
    fresh_cloud: Callable[[], LocalCloud], tmp_path: Path, how: str
) -> None:
    """`buildStatus`: "FAILED: the build failed"; a build has ended once `buildComplete` is true.

    https://docs.aws.amazon.com/codebuild/latest/APIReference/API_Build.html
    """
    cloud = fresh_cloud()
    codebuild = CodeBuild(cloud)
    finished = codebuild.run(commands("echo done"))
    pid = tmp_path / "pid"
    environment = IMAGE | {"environmentVariables": [{"name": "FILE", "value": str(pid)}]}
    spec = json.dumps({"version": "0.2", **commands("echo $$ > $FILE; sleep 600")})
    codebuild.api.update_project(
        name=codebuild.name, source={"type": "NO_SOURCE", "buildspec": spec}, environment=environment
    )
    build = codebuild.start()
    eventually(lambda: pid.exists() and pid.read_text())
    if how == "kill":
        eventually(lambda: _is_saved(cloud, build))
        os.kill(cloud.emulator_pid, signal.SIGKILL)
        eventually(lambda: not cloud.is_running)
    else:
        stop(cloud.place)
    assert not Path("/proc", pid.read_text().strip()).exists(), "nothing of the build outlives the cloud"
    again = CodeBuild(fresh_cloud())
    record = again.get(build)
    assert (record["buildStatus"], record["buildComplete"]) == ("FAILED", True)
    if how == "stop":  # before a kill, the last snapshot may have been taken between two phases
        (context,) = next(phase for phase in record["phases"] if phase["phaseType"] == "BUILD")["contexts"]
        assert context["message"] == "The local cloud was stopped during this build."
    assert again.get(finished.record["id"])["buildStatus"] == "SUCCEEDED"


def test_without_the_service_nothing_is_built(fresh_cloud: Callable[..., LocalCloud]) -> None:
    codebuild = CodeBuild(fresh_cloud(without=("codebuild", "codepipeline")))
    codebuild.project(commands("false"))
    build = codebuild.api.start_build(projectName=codebuild.name)["build"]
    assert (build["buildStatus"], codebuild.log(build)) == ("SUCCEEDED", "")


def test_a_rule_starts_a_build(codebuild: CodeBuild) -> None:
    """A CodeBuild project is among "Target types available in the EventBridge console"; schedules go the same way.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
    """
    name = codebuild.project(commands("true"))
    events: Any = codebuild.cloud.client("events", ACCOUNT)
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    arn = f"arn:aws:codebuild:us-east-1:{ACCOUNT}:project/{name}"
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn, "RoleArn": ROLE}])
    events.put_events(Entries=[{"Source": name, "DetailType": "test", "Detail": "{}"}])
    (build,) = eventually(lambda: codebuild.api.list_builds_for_project(projectName=name)["ids"])
    assert codebuild.get(build)["initiator"] == f"rule/{name}"
    assert codebuild.ended(build).status == "SUCCEEDED"
