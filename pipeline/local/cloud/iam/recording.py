"""Records the requests that are allowed, for those who ask which of all permissions they need.

One of each kind is kept: of a role, an action, and the statements that allow it. Nothing is recorded until somebody
asks for it, since each request is then looked at once more.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict

from pipeline.local.cloud.emulator import Emulator, Json
from pipeline.local.cloud.iam import principal_patches
from pipeline.local.cloud.iam.decision import Principal, Request, allows
from pipeline.local.cloud.iam.key_patches import policies_of_keys
from pipeline.local.cloud.iam.policies import Policy


class Recording:
    """The requests of this cloud since somebody asked for them; get it by `emulator.part(Recording)`."""

    def __init__(self, _emulator: Emulator) -> None:
        self._is_on = False
        self._requests: dict[tuple[object, ...], tuple[Principal, Request]] = {}

    def note(self, principal: Principal, request: Request) -> None:
        """Keep an allowed request of a role's or a service's, unless there is one of its kind."""
        if self._is_on and not principal.is_root:
            found = tuple((policy.name, each.place) for policy, each in allows(principal, request))
            kind = (principal.role_arn or principal.arn, request.action, found)
            self._requests.setdefault(kind, (principal, request))

    def answer(self, _asked: Json) -> Json:
        """Return what was recorded, the roles and the policies of keys that there are now, and record from now on."""
        self._is_on = True
        table = _Table()
        requests = [table.request(*asking) for asking in list(self._requests.values())]
        roles = [table.principal(each) for each in principal_patches.every_role()]
        keys = [table.policy(each) for each in policies_of_keys()]
        return {"requests": requests, "roles": roles, "keys": keys, "policies": table.policies}


class _Table:
    """Writes each policy once."""

    def __init__(self) -> None:
        self.policies: dict[str, Json] = {}

    def policy(self, policy: Policy) -> str:
        """Return the key of a policy in the table."""
        written = {**asdict(policy), "condition_keys": sorted(policy.condition_keys)}
        key = hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()[:16]
        self.policies[key] = written
        return key

    def principal(self, principal: Principal) -> Json:
        """Write who asks."""
        session = principal.session
        return {
            "arn": principal.arn,
            "account": principal.account,
            "policies": self._several(principal.policies),
            "boundary": principal.boundary and self.policy(principal.boundary),
            "session": None if session is None else self._several(session),
            "keys": {name: list(values) for name, values in principal.keys.items()},
        }

    def request(self, principal: Principal, request: Request) -> Json:
        """Write who asks for what."""
        held = request.resource_policy
        return {
            "who": self.principal(principal),
            "action": request.action,
            "resource": request.resource,
            "owner": request.owner,
            "keys": {name: list(values) for name, values in request.keys.items()},
            "resource_policy": held and {"policy": self.policy(held.policy), "kind": held.kind},
        }

    def _several(self, policies: Iterable[Policy]) -> list[str]:
        return [self.policy(each) for each in policies]
