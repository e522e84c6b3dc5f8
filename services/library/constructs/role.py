"""An IAM role that an AWS service assumes."""

from aws_cdk import aws_iam as iam
from constructs import Construct


class Role(iam.Role):
    """A role whose grants are in one managed policy: inline policies escape the account's own audits.

    A managed policy takes 6,144 characters; a role that needs more does too many things.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length
    """

    def __init__(self, scope: Construct, id_: str, *, service: str) -> None:
        super().__init__(scope, id_, assumed_by=iam.ServicePrincipal(service))
        self._granted: iam.ManagedPolicy | None = None
        self._of_aliases: iam.ManagedPolicy | None = None

    def add_to_principal_policy(self, statement: iam.PolicyStatement) -> iam.AddToPrincipalPolicyResult:
        """Add a statement to the managed policy; every `grant_*` method of the CDK calls this."""
        if self._granted is None:
            self._granted = iam.ManagedPolicy(self, "Granted", roles=[self])
        self._granted.add_statements(statement)
        return iam.AddToPrincipalPolicyResult(statement_added=True, policy_dependable=self._granted)

    def add_for_alias(self, statement: iam.PolicyStatement) -> None:
        """Grant what holds for an alias alone, in a policy of its own.

        Where the alias comes in, what was granted without it goes in the update's clean-up, when nobody needs it any
        more; one policy that changed would keep callers out until they name the alias.
        """
        if self._of_aliases is None:
            self._of_aliases = iam.ManagedPolicy(self, "OfAliases", roles=[self])
        self._of_aliases.add_statements(statement)
