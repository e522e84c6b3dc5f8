"""IAM decides every request to this cloud, and calls within it.

Emulated, by the emulator: users, roles, policies, access keys, sessions, signatures, and which action on which resource
a request is. Emulated here (`decision.py`): the decision, by identity-based policies, permissions boundary, session
policies, the resource's policy, key policy and trust policy, deny by default. Nobody but an account's root, which a
person's own commands use, may do what no policy allows; what the evaluator does not know is denied, and said.
Not emulated: organizations' policies (SCP, RCP), VPC endpoint policies, web identities' conditions beyond the
emulator's, access points.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Decide, keep boundaries, and answer what was denied."""
    from pipeline.local.cloud.iam import patches, resources
    from pipeline.local.cloud.iam.api import Reports
    from pipeline.local.cloud.iam.permissions import Permissions
    from pipeline.local.cloud.iam.recording import Recording

    patches.check_root(emulator.root_secret)
    patches.replace_decisions(emulator.part(Permissions).judge)
    for entity in resources.ENTITIES:
        emulator.provide(entity, resources.bounded(emulator, entity))
    emulator.provide(resources.TABLE, resources.with_policy(emulator))
    reports = emulator.part(Reports)
    emulator.serve_path("/_penstock/iam/denied", reports.denied)
    emulator.serve_path("/_penstock/iam/access", reports.access)
    emulator.serve_path("/_penstock/iam/recorded", emulator.part(Recording).answer)
