"""Decides each call of the local cloud, whoever makes it, and notes what it decided."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.local.cloud.emulator import AwsError, Emulator, Json
from pipeline.local.cloud.iam import principal_patches
from pipeline.local.cloud.iam.decision import Denial, Principal, Request, as_far_as_known, decide
from pipeline.local.cloud.iam.encryption import NEEDED, key_requests
from pipeline.local.cloud.iam.key_patches import KeyFinder, encryption_key
from pipeline.local.cloud.iam.recording import Recording
from pipeline.local.cloud.iam.records import Records
from pipeline.local.cloud.iam.request_patches import request_of


class Permissions:
    """Who may do what in this cloud; get it by `emulator.part(Permissions)`."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._records = emulator.part(Records)
        self._recording = emulator.part(Recording)
        self._key_finders: dict[str, KeyFinder] = {}

    def find_keys(self, service: str, finder: KeyFinder) -> None:
        """Have what a service of ours keeps be under a key: by the service's name in ARNs."""
        self._key_finders[service] = finder

    def judge(self, principal: Principal, request: Request, *, via: str = "") -> Denial | None:
        """Decide a request and what it comes to: None lets it pass, as an audit does with every one.

        `via`: on whose behalf.
        """
        denial = self._judge(principal, request, via)
        is_needed = denial is None and request.action in NEEDED
        key = encryption_key(request, self._key_finders) if is_needed else None
        for asked in key_requests(principal, request, key) if key else ():
            denial = denial or self._judge(principal, asked, via)
        return denial

    def _judge(self, principal: Principal, request: Request, via: str) -> Denial | None:
        decision = decide(principal, request)
        enforced = not self._emulator.audits
        self._records.note(principal, request, decision, via=via, enforced=enforced)
        if decision.allowed:
            self._recording.note(principal, request)
        if decision.allowed or not enforced:
            return None
        return Denial(principal=principal, request=request, decision=decision)

    def call_as(self, principal: Principal, *, via: str = "") -> "Calls":
        """Return what a principal's calls within the cloud are held against."""
        return Calls(permissions=self, principal=principal, via=via)

    def call_as_account(self, account: str) -> "Calls":
        """Return the calls that a service makes for an account as a whole."""
        return self.call_as(principal_patches.root_of(account))

    def call_as_service(self, name: str) -> "Calls":
        """Return the calls of a service itself, such as `events.amazonaws.com`: the resource's policy must name it."""
        return self.call_as(Principal(arn=name, account=""))

    def call_as_role(self, role: str, session: str, *, service: str, source: str = "") -> "Calls":
        """Return the calls of a service that has assumed a role; `source` as in `check_trust`.

        Raises:
            AwsError: AccessDenied, if the role does not exist, or does not trust the service.
        """
        self.check_trust(role, service, source)
        return self.call_as(principal_patches.session_of_role(role, session), via=service)

    def call_as_session(self, role: str, session: str) -> "Calls":
        """Return the calls within a session of a role that has begun already."""
        return self.call_as(principal_patches.session_of_role(role, session))

    def start_session(self, role: str, session: str, *, service: str, source: str = "") -> Json:
        """Return the credentials of a role that a service assumes; `source` as in `check_trust`.

        Raises:
            AwsError: AccessDenied, if the role does not exist, or does not trust the service.
        """
        self.check_trust(role, service, source)
        return principal_patches.start_session(role, session)

    def check_trust(self, role: str, service: str, source: str = "") -> None:
        """Raise AccessDenied unless a service may assume a role, which must be of the account that it acts for.

        "You can only use the PassRole permission to pass an IAM role to a service that shares the same AWS account."
        https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html

        `source`: the ARN of what the service does it for, if it tells: trust policies may ask for it.
        """
        account = source.split(":")[4] if source else self._emulator.here()[0]
        if not principal_patches.is_role(role):
            raise AwsError("AccessDenied", f"The role {role} does not exist", status=403)
        if role.split(":")[4] != account:
            raise AwsError("AccessDenied", f"The role {role} is another account's than {account}", status=403)
        keys = {"aws:sourcearn": source, "aws:sourceaccount": account} if source else {}
        refusal = self.call_as_service(service).refusal("sts:AssumeRole", role, keys=keys)
        if refusal:
            raise AwsError("AccessDenied", refusal, status=403)


@dataclass(frozen=True, kw_only=True)
class Calls:
    """The calls of one principal."""

    permissions: Permissions
    principal: Principal
    via: str

    def refusal(self, action: str, resource: str, *, keys: Mapping[str, str | list[str]] | None = None) -> str | None:
        """Say as AWS does why a call is denied; None if it may be made."""
        request = request_of(self.principal, action, resource, keys or {})
        denial = self.permissions.judge(self.principal, request, via=self.via)
        return denial.message if denial else None

    def refusal_as_far_as_known(self, action: str, resource: str, keys: Mapping[str, str | list[str]]) -> str | None:
        """Say why a call is denied whose resource, if it is empty, and other condition keys nobody here knows."""
        request = request_of(self.principal, action, resource or "*", keys)
        principal = as_far_as_known(self.principal, {key.lower() for key in keys}, resource=bool(resource))
        denial = self.permissions.judge(principal, request, via=self.via)
        return denial.message if denial else None
