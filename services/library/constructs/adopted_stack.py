"""A stack that was deployed before the platform: its template as it is, and what every stack here has besides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

import aws_cdk as cdk
from aws_cdk import cloudformation_include as include
from constructs import Construct

from services.library.contract import names
from services.library.contract.constraints import Matches
from services.library.contract.environment import Environment
from services.library.contract.service import Service, ServiceStack

TEMPLATE = "Template"
"""The construct that the template's resources are below, by their logical ids."""
DEPLOYED = "deployed"
"""The folder, beside a service's template, that says for each stage what its stack was deployed as."""
STACK_NAME_IN_A_ROLE = 24
"""So much of its stack's name begins a role's that CloudFormation names, of which 64 characters are all."""
PARAMETER = Matches(r"[A-Za-z0-9]{1,255}", "the name of a parameter of the template: 1-255 letters and digits")
RETAINED = frozenset(
    {
        "AWS::Backup::BackupVault",
        "AWS::Cognito::UserPool",
        "AWS::DocDB::DBCluster",
        "AWS::DynamoDB::GlobalTable",
        "AWS::DynamoDB::Table",
        "AWS::EC2::Volume",
        "AWS::ECR::Repository",
        "AWS::EFS::FileSystem",
        "AWS::Events::Archive",
        "AWS::FSx::FileSystem",
        "AWS::HealthLake::FHIRDatastore",
        "AWS::KMS::Key",
        "AWS::KMS::ReplicaKey",
        "AWS::Kinesis::Stream",
        "AWS::Logs::LogGroup",
        "AWS::MSK::Cluster",
        "AWS::Neptune::DBCluster",
        "AWS::OpenSearchService::Domain",
        "AWS::RDS::DBCluster",
        "AWS::RDS::DBInstance",
        "AWS::RDS::GlobalCluster",
        "AWS::Redshift::Cluster",
        "AWS::S3::Bucket",
        "AWS::S3Express::DirectoryBucket",
        "AWS::S3Tables::TableBucket",
        "AWS::SQS::Queue",
        "AWS::SecretsManager::Secret",
        "AWS::Timestream::Database",
        "AWS::Timestream::Table",
    }
)
"""What outlives its stack in production: the stores, and what production's execution policy deletes for no template."""
KEPT = (cdk.CfnDeletionPolicy.RETAIN, cdk.CfnDeletionPolicy.SNAPSHOT)


class AdoptedStack(ServiceStack):
    """The resources of a template, under its name and with their logical ids."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, settings: "AdoptedService") -> None:
        super().__init__(
            scope,
            id_,
            environment=environment,
            description="",  # the template brings its own
            stack_name=settings.stack_name(environment),
        )
        self.included = include.CfnInclude(self, TEMPLATE, template_file=str(settings.template))
        for name, value in settings.parameters.items():
            self.included.get_parameter(name).default = value
        for resource in self._resources():
            resource.add_metadata("aws:cdk:path", resource.node.path)
            if environment.keeps_data and resource.cfn_resource_type in RETAINED:
                _retain(resource)
        deployed = settings.template.parent / DEPLOYED / f"{environment.label}.json"
        if settings.is_adopted(environment) and deployed.exists():
            self.node.add_metadata(names.ADOPTED, deployed.read_text(encoding="utf-8"))

    def _resources(self) -> list[cdk.CfnResource]:
        return [each for each in self.included.node.children if isinstance(each, cdk.CfnResource)]


@dataclass(frozen=True, kw_only=True)
class AdoptedService(Service[AdoptedStack]):
    """A service whose stack was deployed before the platform, by the template in its folder."""

    template: ClassVar[Path]

    deployed_stack: Annotated[str, names.STACK] | None = None
    """The name of the stack that is deployed in this stage. None: there is none yet, and it gets the stage's."""
    parameters: Mapping[Annotated[str, PARAMETER], str] = field(default_factory=dict)
    """Values of the template's parameters, which are their defaults here."""
    deployed_role_names: tuple[str, ...] = ()
    """Names that the template gives to roles and policies, if they do not begin with the stack's."""

    def stack_name(self, environment: Environment) -> str:
        """Return the name of the stack that is deployed; a branch's environment has one of its own."""
        if self.deployed_stack is None or environment.prefix:
            return super().stack_name(environment)
        return self.deployed_stack

    def is_adopted(self, environment: Environment) -> bool:
        """Return whether the stack was there before the platform, as none of a branch's was."""
        return self.deployed_stack is not None and not environment.prefix

    def role_names(self, environment: Environment) -> tuple[str, ...]:
        """Return patterns of the names that CloudFormation gave, and the names that the template gives."""
        if not self.is_adopted(environment):
            return ()
        return (f"{self.stack_name(environment)[:STACK_NAME_IN_A_ROLE]}*", *self.deployed_role_names)

    def build(self, scope: Construct, environment: Environment) -> AdoptedStack:
        """Build the stack with these settings."""
        return AdoptedStack(scope, self.name, environment=environment, settings=self)


def _retain(resource: cdk.CfnResource) -> None:
    """Have a resource outlive its stack, unless its last state is kept as a snapshot."""
    options = resource.cfn_options
    if options.deletion_policy not in KEPT:
        options.deletion_policy = cdk.CfnDeletionPolicy.RETAIN
    if options.update_replace_policy not in KEPT:
        options.update_replace_policy = cdk.CfnDeletionPolicy.RETAIN
