"""An AWS HealthLake datastore of FHIR R4 resources."""

from collections.abc import Sequence

from aws_cdk import aws_healthlake as healthlake
from aws_cdk import aws_iam as iam
from constructs import Construct

from services.library.constructs.key import Key
from services.library.contract import defaults
from services.library.contract.environment import Environment

REGIONS = frozenset(
    {
        "ap-south-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-west-1",
        "eu-west-2",
        "us-east-1",
        "us-east-2",
        "us-west-2",
    }
)
"""Where HealthLake is: https://docs.aws.amazon.com/general/latest/gr/Amazon-HealthLake.html"""
QUERY = ("healthlake:ReadResource", "healthlake:SearchWithGet", "healthlake:SearchWithPost")
WRITE = ("healthlake:ReadResource", "healthlake:UpdateResource")
"""A writer reads the version that it replaces first. Creating a resource under a chosen id is an update."""
KEY_TO_QUERY = ("kms:Decrypt", "kms:DescribeKey")
KEY_TO_WRITE = (*KEY_TO_QUERY, "kms:GenerateDataKey")
"""https://docs.aws.amazon.com/healthlake/latest/devguide/encryption-at-rest.html: "DescribeKey ... is required for all
operations", "GenerateDataKey ... for all write operations", "Decrypt ... for read or search operations"."""


class FhirDatastore(Construct):
    """FHIR R4 resources under the service's key; the store outlives its stack, and its replacement, in production.

    The key, the FHIR version and the sample data are create-only: with another one CloudFormation makes another, empty
    store. It bills by the hour, used or not.
    """

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, encryption_key: Key) -> None:
        super().__init__(scope, id_)
        if environment.region not in REGIONS:
            raise ValueError(
                f"{self.node.path}: region={environment.region!r} is not allowed; give one of"
                f" {', '.join(sorted(REGIONS))}: HealthLake is nowhere else."
            )
        self.encryption_key = encryption_key
        self.datastore = healthlake.CfnFHIRDatastore(
            self,
            "Datastore",
            datastore_type_version="R4",
            sse_configuration=healthlake.CfnFHIRDatastore.SseConfigurationProperty(
                kms_encryption_config=healthlake.CfnFHIRDatastore.KmsEncryptionConfigProperty(
                    cmk_type="CUSTOMER_MANAGED_KMS_KEY", kms_key_id=encryption_key.key.key_arn
                )
            ),
        )
        self.datastore.apply_removal_policy(defaults.for_environment(environment).removal_policy)

    @property
    def endpoint(self) -> str:
        """Return the base URL of the FHIR API; it ends in `/r4/`."""
        return self.datastore.attr_datastore_endpoint

    @property
    def arn(self) -> str:
        """Return the ARN of the datastore."""
        return self.datastore.attr_datastore_arn

    def grant_query(self, grantee: iam.IGrantable) -> None:
        """Grant reading and searching, and the use of the key through HealthLake."""
        self._grant(grantee, QUERY, KEY_TO_QUERY)

    def grant_write(self, grantee: iam.IGrantable) -> None:
        """Grant reading and replacing single resources, and the use of the key through HealthLake; not deleting."""
        self._grant(grantee, WRITE, KEY_TO_WRITE)

    def _grant(self, grantee: iam.IGrantable, actions: Sequence[str], of_key: Sequence[str]) -> None:
        iam.Grant.add_to_principal(grantee=grantee, actions=list(actions), resource_arns=[self.arn])
        self.encryption_key.grant_through("healthlake", grantee, *of_key)
