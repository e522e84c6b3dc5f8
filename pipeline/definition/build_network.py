"""What pipeline/settings.py says of all builds, given to every CodeBuild project of the pipeline's stack, in one place.

Whoever sets nothing gets the templates that there would be without this module.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct

from pipeline.build_settings import BuildSettings, SecretValue

CODEBUILD = "codebuild.amazonaws.com"
JOIN_NETWORK = (
    # https://docs.aws.amazon.com/codebuild/latest/userguide/auth-and-access-control-iam-identity-based-access-control.html
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
)
SIGN_IN_TO_ECR = "ecr:GetAuthorizationToken"
PULL_IMAGE = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
THROUGH_PROXY = {"upload-artifacts": "yes", "logs": "yes"}
"""CodeBuild itself writes logs and artifacts past the proxy, unless the buildspec says this:
https://docs.aws.amazon.com/codebuild/latest/userguide/run-codebuild-in-explicit-proxy-server.html"""


class BuildNetwork(Construct):
    """The policy that builds need for these settings, and the settings themselves at each project."""

    def __init__(self, scope: Construct, id_: str, *, settings: BuildSettings) -> None:
        super().__init__(scope, id_)
        self._settings = settings
        stack = cdk.Stack.of(self)
        allowed = statements(settings, stack.partition, account=stack.account, region=stack.region)
        self._policy = (
            iam.ManagedPolicy(
                self,
                "Policy",
                description="What every build of the pipeline needs in the company's network",
                statements=[iam.PolicyStatement.from_json(each) for each in allowed],
            )
            if allowed
            else None
        )
        for each in _own_resources(stack):
            if isinstance(each, codebuild.CfnProject):
                self._complete(each)
            elif isinstance(each, iam.CfnRole) and self._policy is not None and _is_of_builds(each):
                each.add_property_override("ManagedPolicyArns", [self._policy.managed_policy_arn])

    def _complete(self, project: codebuild.CfnProject) -> None:
        vpc = self._settings.vpc
        self._set_environment(project)
        self._set_buildspec(project)
        if vpc is not None:
            project.vpc_config = codebuild.CfnProject.VpcConfigProperty(
                vpc_id=vpc.vpc_id, subnets=[*vpc.subnet_ids], security_group_ids=[*vpc.security_group_ids]
            )

    def _set_environment(self, project: codebuild.CfnProject) -> None:
        its, image = project.environment, self._settings.image
        assert isinstance(its, codebuild.CfnProject.EnvironmentProperty)  # noqa: S101 - as the CDK makes it
        variables = _listed(its.environment_variables)
        credentials = image.credentials if image else None
        project.environment = codebuild.CfnProject.EnvironmentProperty(
            type=its.type,
            compute_type=its.compute_type,
            privileged_mode=its.privileged_mode,
            image=image.name if image else its.image,
            image_pull_credentials_type="SERVICE_ROLE"
            if image and not image.is_curated
            else its.image_pull_credentials_type,
            registry_credential=codebuild.CfnProject.RegistryCredentialProperty(
                credential=credentials, credential_provider="SECRETS_MANAGER"
            )
            if credentials
            else None,
            environment_variables=[*variables, *self._variables({each.name for each in variables})] or None,
        )

    def _variables(self, taken: set[str]) -> Iterator[codebuild.CfnProject.EnvironmentVariableProperty]:
        for name, value in self._settings.environment.items():
            if name in taken:
                raise ValueError(
                    f"BuildSettings: variables[{name!r}] is not allowed; give another name: a build of the pipeline has"
                    " a variable of its own that is called so."
                )
            type_, text = _declared(value)
            yield codebuild.CfnProject.EnvironmentVariableProperty(name=name, type=type_, value=text)

    def _set_buildspec(self, project: codebuild.CfnProject) -> None:
        """Complete a project's own buildspec; that of the asset job is a file of the assembly."""
        spec = cdk.Stack.of(self).resolve(project.source)["buildSpec"]
        if not spec.startswith("{"):
            return
        its = json.loads(spec)
        completed = complete_buildspec(its, self._settings)
        if completed != its:
            project.add_property_override("Source.BuildSpec", json.dumps(completed, indent=2))


def complete_buildspec(spec: Mapping[str, Any], settings: BuildSettings) -> dict[str, Any]:
    """Return a buildspec as these settings want it: CodeBuild's own traffic, and what an image of others refuses."""
    made = dict(spec)
    if settings.proxy is not None and settings.proxy.reaches_aws:
        made["proxy"] = THROUGH_PROXY
    if settings.image is not None and not settings.image.is_curated:
        # "runtime-versions" is refused unless the image is one of CodeBuild's own.
        phases = {
            name: {key: value for key, value in phase.items() if key != "runtime-versions"}
            for name, phase in made["phases"].items()
        }
        made["phases"] = {name: phase for name, phase in phases.items() if phase}
    return made


def statements(settings: BuildSettings, partition: str, *, account: str, region: str) -> list[dict[str, Any]]:
    """List what a build's role needs for these settings."""
    return [
        {"Effect": "Allow", "Action": actions[0] if len(actions) == 1 else list(actions), "Resource": resource, **more}
        for actions, resource, more in _needed(settings, partition, f"{region}:{account}")
    ]


def _needed(
    settings: BuildSettings, partition: str, home: str
) -> Iterator[tuple[tuple[str, ...], Any, dict[str, Any]]]:
    repository = settings.image.ecr_repository_arn(partition) if settings.image else None
    # One statement for whatever names no resource: the CDK would make one of two.
    if anywhere := (*(JOIN_NETWORK if settings.vpc else ()), *([SIGN_IN_TO_ECR] if repository else ())):
        yield anywhere, "*", {}
    if settings.vpc is not None:
        ec2 = f"arn:{partition}:ec2:{home}"
        subnets = [f"{ec2}:subnet/{each}" for each in settings.vpc.subnet_ids]
        yield (
            ("ec2:CreateNetworkInterfacePermission",),
            f"{ec2}:network-interface/*",
            {"Condition": {"StringEquals": {"ec2:AuthorizedService": CODEBUILD, "ec2:Subnet": _one_or_all(subnets)}}},
        )
    of_image = {settings.image.credentials} if settings.image and settings.image.credentials else set()
    if secrets := sorted({each.name for each in settings.secrets} | of_image):
        # Secrets Manager puts six characters behind a name.
        arns = [f"arn:{partition}:secretsmanager:{home}:secret:{each}-??????" for each in secrets]
        yield ("secretsmanager:GetSecretValue",), _one_or_all(arns), {}
    if keys := sorted({each.kms_key_arn for each in settings.secrets if each.kms_key_arn is not None}):
        yield ("kms:Decrypt",), _one_or_all(keys), {}
    if repository is not None:
        yield PULL_IMAGE, repository, {}


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values


def _listed(variables: Any) -> list[codebuild.CfnProject.EnvironmentVariableProperty]:
    """Return the variables of a project, which the CDK has as values: none is known only at deployment."""
    return [*(variables or [])]


def _own_resources(scope: IConstruct) -> Iterator[IConstruct]:
    """Yield what a stack has, without what is below its stages: services may have builds of their own."""
    for each in scope.node.children:
        if not cdk.Stage.is_stage(each):
            yield each
            yield from _own_resources(each)


def _is_of_builds(role: iam.CfnRole) -> bool:
    document = cdk.Stack.of(role).resolve(role.assume_role_policy_document)
    return CODEBUILD in json.dumps(document)


def _declared(value: str | SecretValue) -> tuple[str, str]:
    """Return a variable's type and value as CodeBuild takes them."""
    if isinstance(value, SecretValue):
        return "SECRETS_MANAGER", f"{value.name}:{value.key}"
    return "PLAINTEXT", value
