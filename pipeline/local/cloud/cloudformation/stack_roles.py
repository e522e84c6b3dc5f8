"""A stack's operations are made in its role, which needs what each of its resources' handlers calls.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html
"""

from collections.abc import Iterable

from pipeline.local.cloud.cloudformation.called_resources import Change, called_on
from pipeline.local.cloud.cloudformation.made_calls import made_calls
from pipeline.local.cloud.emulator import Emulator
from pipeline.local.cloud.iam.decision import EVERYTHING, Principal
from pipeline.local.cloud.iam.permissions import Calls, Permissions
from pipeline.local.cloud.iam.principal_patches import boundary_of

SESSION = "AWSCloudFormation"


class StackRoles:
    """Decides what is called for each resource; get it by `emulator.part(StackRoles)`."""

    def __init__(self, emulator: Emulator) -> None:
        self._permissions = emulator.part(Permissions)

    def refusal(self, change: Change, role: str, caller: Principal | None) -> str | None:
        """Say as CloudFormation does why an operation fails: the first call that is denied.

        Without a role it is the caller who makes it: "a temporary session that's generated from your user credentials".
        """
        calls = self._calls(role, caller)
        if calls is None:
            return None
        for action in made_calls(change.type_name, change.operation, change.old, change.new):
            for resource, keys in called_on(change, action, boundary_of):
                if denied := calls.refusal_as_far_as_known(action, resource, keys):
                    return _said(change.type_name, denied)
        return None

    def refusal_of_calls(
        self, type_name: str, needed: Iterable[tuple[str, str]], role: str, caller: Principal | None
    ) -> str | None:
        """Say in the same way which of some calls is denied first, each an action and a resource."""
        calls = self._calls(role, caller)
        denied = (calls.refusal(action, resource) for action, resource in needed) if calls else ()
        return next((_said(type_name, each) for each in denied if each), None)

    def _calls(self, role: str, caller: Principal | None) -> Calls | None:
        """Return what an operation's calls are held against; None where everything may be called."""
        if role:
            return self._permissions.call_as_session(role, SESSION)
        if caller is None or caller.policies == (EVERYTHING,):
            return None
        return self._permissions.call_as(caller)


def _said(type_name: str, denied: str) -> str:
    said = f"{denied} (Service: {type_name.split('::')[1]}, Status Code: 403)"
    return f'Resource handler returned message: "{said}" (HandlerErrorCode: AccessDenied)'
