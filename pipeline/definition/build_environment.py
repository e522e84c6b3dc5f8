"""Where every build runs: one image, two sizes, never privileged."""

from aws_cdk import aws_codebuild as codebuild

IMAGE = codebuild.LinuxBuildImage.STANDARD_7_0
RUNTIMES = {"python": "3.12"}
"""What a buildspec asks for as `runtime-versions`."""


def build_environment(size: codebuild.ComputeType = codebuild.ComputeType.MEDIUM) -> codebuild.BuildEnvironment:
    """Return the environment of a project; SMALL is enough for one that synthesises nothing."""
    return codebuild.BuildEnvironment(build_image=IMAGE, compute_type=size, privileged=False)


def cfn_environment() -> codebuild.CfnProject.EnvironmentProperty:
    """Return the environment of a project that only CloudFormation's own construct can describe."""
    return codebuild.CfnProject.EnvironmentProperty(
        type="LINUX_CONTAINER",
        image=IMAGE.image_id,
        compute_type="BUILD_GENERAL1_MEDIUM",
        privileged_mode=False,
    )
