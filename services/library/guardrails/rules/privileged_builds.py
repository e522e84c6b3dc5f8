"""No build may run privileged: it would be root on the host that also builds what production runs."""

from collections.abc import Iterator

from services.library.cloudformation.template import Template
from services.library.guardrails.finding import AcceptedBy, DeploymentLocation, Finding, Rule

RULE = Rule(
    id="Penstock-PrivilegedBuild",
    accepted_by=AcceptedBy.PLATFORM,
    text="A privileged build has root access to its host's devices, and whoever can change its commands has it too.",
    fix="Set PrivilegedMode to false (in the CDK: privileged=False, its default). Package functions without Docker.",
)


def check(template: Template, place: DeploymentLocation) -> Iterator[Finding]:
    """CloudFormation reads "true" as true; a value that is known only at deployment may be true."""
    del place  # a build is as dangerous in a sandbox, whose pipeline role reaches further than the sandbox
    for resource in template.resources("AWS::CodeBuild::Project"):
        environment = resource.properties.get("Environment", {})
        for location in _privileged(environment):
            yield RULE.broken_by(resource, template, locations=(location,))


def _privileged(environment: object) -> Iterator[str]:
    if not isinstance(environment, dict) or any(key.startswith("Fn::") or key == "Ref" for key in environment):
        yield "Properties.Environment"
        return
    mode = environment.get("PrivilegedMode", False)
    if not (mode is False or (isinstance(mode, str) and mode.strip().lower() == "false")):
        yield "Properties.Environment.PrivilegedMode"
