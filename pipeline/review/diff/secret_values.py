"""Secrets and passwords that get another value, so that whoever has the one before is refused.

- https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-secret.html
- https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
- https://docs.aws.amazon.com/redshift/latest/mgmt/redshift-secrets-manager-integration.html
"""

import re
from collections.abc import Iterator

from pipeline.review.model import EndingData, EndingKind
from services.library.cloudformation.template import Resource
from services.library.cloudformation.values import is_same

SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 - a type, and no secret
GENERATED = "GenerateSecretString"
OF_A_SECRET = (GENERATED, "SecretString")
"""A change of either makes a new version of the secret."""
MANAGED = re.compile(r"^Manage\w*Password$")
"""What a switch is called by which the service makes a password of its own, and keeps it in a secret."""
PASSWORD = re.compile(r"^Master(User)?Password$|^AuthToken$")
"""What a property is called that is the password which users of a store have."""


def regenerated(old: Resource, new: Resource) -> Iterator[EndingData]:
    """Yield each value that is not what it was."""
    for name in sorted(old.properties.keys() | new.properties.keys()):
        before, after = old.properties.get(name), new.properties.get(name)
        if is_same(before, after):
            continue
        if new.type == SECRET and name in OF_A_SECRET:
            how = "a new random value" if name == GENERATED and after is not None else "another value"
            yield _ends(name, f"the secret gets {how}, and what uses the old one is refused")
            return  # one value, whichever of both it comes from
        if MANAGED.match(name) and "true" in {str(before).lower(), str(after).lower()}:
            is_on = str(after).lower() == "true"
            made = "the service makes a password of its own" if is_on else "the secret that the service kept is deleted"
            yield _ends(name, f"{made}, and what uses the password so far is refused")
        elif PASSWORD.match(name) and before is not None and after is not None:
            yield _ends(name, "the password is another, and what uses the old one is refused")


def _ends(path: str, what: str) -> EndingData:
    return EndingData(path=path, kind=EndingKind.SECRET, what=what, when="with the deployment")
