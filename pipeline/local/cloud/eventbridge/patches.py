"""EventBridge's deliveries: functions are invoked with their retries, and what cannot be delivered is kept and counted.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html

AWS tries again for up to 24 hours where that can help; here every failure is one that it does not try again: a target
that is gone, or that refuses what it is given.
"""

import json
import logging
from contextvars import ContextVar
from typing import Any, NamedTuple

from ministack.services import eventbridge, kms, lambda_svc, sns, sqs, stepfunctions

from pipeline.local.cloud.emulator import Emulator, Json, RuleDelivery, replace
from pipeline.local.cloud.eventbridge.permissions import LOOKED_FOR, RulePermissions, name_of_stream, service_of

logger = logging.getLogger("penstock.eventbridge")

NO_RESOURCE, REFUSED, NO_PERMISSIONS = "NO_RESOURCE", "SDK_CLIENT_ERROR", "NO_PERMISSIONS"


class _Failure(NamedTuple):
    """Why a target did not get its event."""

    code: str
    message: str


class _Delivery(NamedTuple):
    """What is delivered to whom, and why it was not."""

    target: Json
    rule: Json
    event: Json
    failures: list[_Failure]


_current: ContextVar[_Delivery | None] = ContextVar("delivery", default=None)


class Deliveries:
    """What becomes of an event for a target."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self._permissions = RulePermissions(emulator)
        self._invoke = replace(eventbridge, "_invoke_target", self.invoke)
        replace(eventbridge, "_dispatch_to_lambda", self._to_function)
        replace(eventbridge, "_dispatch_to_stepfunctions", self._to_state_machine)
        self._send = replace(eventbridge, "_dispatch_to_sqs", self._to_queue)
        self._publish = replace(eventbridge, "_dispatch_to_sns", self._to_topic)
        self._forward = replace(eventbridge, "_dispatch_to_event_bus", self._to_bus)
        self._is_here = replace(eventbridge, "_target_matches_request_scope", self._reached)

    def invoke(self, target: Json, event: Json, rule: Json, view: Any = None) -> None:
        """Deliver an event to one target of a rule."""
        view = view or eventbridge._pattern_event_view(event)  # noqa: SLF001 - the emulator offers no other way
        failures: list[_Failure] = []
        token = _current.set(_Delivery(target, rule, event, failures))
        try:
            if service_of(str(target.get("Arn", ""))) in LOOKED_FOR or self._is_permitted():
                self._invoke(target, event, rule, view)
        finally:
            _current.reset(token)
        self._count(rule, "Invocations")
        if failures:
            self._count(rule, "FailedInvocations")
            self._keep(target, json.dumps(view.event_with_detail()), rule, failures[0])

    def _is_permitted(self) -> bool:
        """Tell whether the current rule may call its target."""
        current = _current.get()
        refusal = self._permissions.refusal(current.target, current.rule, current.event) if current else None
        if refusal:
            _fail(NO_PERMISSIONS, refusal)
        return not refusal

    def _count(self, rule: Json, metric: str) -> None:
        name, bus = str(rule.get("Name", "")), str(rule.get("EventBusName", "default"))
        for about in ({"RuleName": name}, {"RuleName": name, "EventBusName": bus}):
            self.emulator.record_metric("AWS/Events", metric, 1, "Count", about)

    def _keep(self, target: Json, event: str, rule: Json, failure: _Failure) -> None:
        """Send the event to the target's dead-letter queue, "with the error as message attributes"."""
        logger.warning("The rule %s reached no target %s: %s", rule.get("Name"), target.get("Arn"), failure.message)
        arn = (target.get("DeadLetterConfig") or {}).get("Arn")
        if not arn:
            return
        said = {
            "RULE_ARN": str(rule.get("Arn", "")),
            "TARGET_ARN": str(target.get("Arn", "")),
            "ERROR_CODE": failure.code,
            "ERROR_MESSAGE": failure.message,
            "RETRY_ATTEMPTS": "0",
        }
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in said.items() if value}
        kept = self._permissions.may_send_to_dead_letter_queue(arn, rule) and self._put(arn, event, attributes)
        self._count(rule, "InvocationsSentToDlq" if kept else "InvocationsFailedToBeSentToDlq")

    def _put(self, queue: str, body: str, attributes: Json) -> bool:
        _, _, _, region, account, name = queue.split(":", 5)
        with self.emulator.within(account, region):
            url = sqs._queue_url(name)  # noqa: SLF001 - as above
            if url not in sqs._queues:  # noqa: SLF001 - as above
                logger.warning("There is no dead-letter queue %s", queue)
                return False
            request = {"QueueUrl": url, "MessageBody": body, "MessageAttributes": attributes}
            sqs._act_send_message(request, url)  # noqa: SLF001 - as above
        return True

    def _to_function(self, arn: str, payload: str) -> None:
        """Invoke asynchronously, as the API does: the function's own retries, destination and dead-letter queue follow.

        https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
        """
        function, configuration, _ = lambda_svc._get_func_record_for_ref(arn)  # noqa: SLF001 - as above
        if not function or not configuration:
            _fail(NO_RESOURCE, f"Function not found: {arn}")
            return
        if not self._is_permitted():
            return
        record = lambda_svc._execution_record_for_config(function, configuration)  # noqa: SLF001 - as above
        try:
            event = json.loads(payload)
        except ValueError:
            event = payload  # an input transformer may render any text
        lambda_svc.invoke_async_with_retry(record, event)

    def _to_state_machine(self, arn: str, payload: str) -> None:
        if stepfunctions._resolve_state_machine_arn(arn) is None:  # noqa: SLF001 - as above
            _fail(NO_RESOURCE, f"State Machine Does Not Exist: '{arn}'")
            return
        if not self._is_permitted():
            return
        status, _, body = stepfunctions._start_execution({"stateMachineArn": arn, "input": payload})  # noqa: SLF001 - as above
        if status >= 400:
            _fail(REFUSED, str(json.loads(body).get("message", "")))

    def _to_queue(self, spec: Any, payload: str, parameters: Json | None = None) -> None:
        queue = self.emulator.queue(str(spec))
        if queue is None:
            _fail(NO_RESOURCE, f"The specified queue does not exist: {spec}")
        elif refusal := _missing_for_fifo(queue, parameters or {}):
            _fail(REFUSED, refusal)
        elif self._is_permitted():
            self._send(spec, payload, parameters)

    def _to_topic(self, arn: str, payload: str) -> None:
        if arn not in sns._topics:  # noqa: SLF001 - as above
            _fail(NO_RESOURCE, f"Topic does not exist: {arn}")
        elif self._is_permitted():
            self._publish(arn, payload)

    def _to_bus(self, spec: Any, event: Json, rule: Json, path: set[str], payload: str | None = None) -> None:
        """Send to a bus, also to one of another account or region, as a CodeCommit source in another account does.

        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
        """
        here = self.emulator.here()
        is_elsewhere = here != (spec.account_id, spec.region)
        if is_elsewhere:
            # The path keeps events from going round in circles, but by rule names alone, which accounts may share.
            rule = {**rule, "Name": "/".join((*here, rule["Name"]))}
            key = eventbridge._rule_key(rule["Name"], rule.get("EventBusName", "default"))  # noqa: SLF001 - as above
            if key in path:
                return
            path = {each for each in path if "/" in each}
        with self.emulator.within(spec.account_id, spec.region):
            if is_elsewhere:
                eventbridge._ensure_default_bus()  # noqa: SLF001 - it makes one only for who calls its API there
            if (name := spec.resource.removeprefix("event-bus/")) not in eventbridge._event_buses:  # noqa: SLF001 - as above
                _fail(NO_RESOURCE, f"Event bus {name} does not exist.")
            else:
                self._forward(spec, event, rule, path, payload)

    def _reached(self, spec: Any) -> bool:
        if self._is_here(spec):
            return True
        _fail(REFUSED, f"{spec} is in another account or region, which a rule reaches through a bus there only")
        return False


class LogGroups:
    """Writes what rules deliver to log groups, each event into a stream of its own.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        emulator.add_rule_target(lambda arn: service_of(arn) == "logs", self.deliver)

    def deliver(self, delivery: RuleDelivery) -> None:
        """Write one event, or what the target has in its place."""
        _, _, _, region, account, resource = delivery.target.removesuffix(":*").split(":", 5)
        view = eventbridge._pattern_event_view(delivery.event)  # noqa: SLF001 - the emulator offers no other way
        text = delivery.payload or json.dumps(view.event_with_detail())
        with self._emulator.within(account, region):
            group = resource.removeprefix("log-group:")
            if not self._emulator.write_log(group, name_of_stream(delivery.event), text):
                _fail(NO_RESOURCE, f"The specified log group does not exist: {group}")


class BusKeys:
    """Lets an event into its bus if the bus can encrypt it; an event that it cannot goes to its dead-letter queue.

    "EventBridge sends custom and partner events to this DLQ if it encounters a non-retriable error [...] such as the
    specified customer managed key being disabled or missing", and no rule and no archive hears of them:
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-event-bus-dlq.html
    """

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self._permissions = RulePermissions(emulator)
        self._dispatch = replace(eventbridge, "_dispatch_event", self.dispatch)
        self._archive = replace(eventbridge, "_archive_event", self.archive)

    def dispatch(self, event: Json, view: Any = None) -> None:
        """Follow the rules of an event's bus, or send the event to the bus's dead-letter queue."""
        its = _encrypting_bus(event)
        why = self._failure(its)
        if why is None:
            self._dispatch(event, view)
            return
        logger.warning("The bus %s cannot encrypt an event: %s", its["Name"], why.message)
        arn = (its.get("DeadLetterConfig") or {}).get("Arn")
        if arn and self._permissions.may_send_to_dead_letter_queue(arn, its):
            view = view or eventbridge._pattern_event_view(event)  # noqa: SLF001 - the emulator offers no other way
            self._keep(arn, json.dumps(view.event_with_detail()), why)

    def archive(self, event: Json, view: Any = None) -> None:
        """Keep an event in the archives of its bus, if the bus can encrypt it."""
        if self._failure(_encrypting_bus(event)) is None:
            self._archive(event, view)

    def _failure(self, its: Json) -> _Failure | None:
        """Say why a bus cannot encrypt, or EventBridge may not use its key; None if it has none of its own."""
        key = its.get("KmsKeyIdentifier")
        if why := _refusal(key):
            return _Failure(REFUSED, why)
        if not key or "alias/aws/" in key:
            return None
        arn = str((kms._resolve_key(key) or {})["Arn"])  # noqa: SLF001 - as above
        denied = self._permissions.refusal_of_bus_key(its, arn)
        return _Failure(NO_PERMISSIONS, denied) if denied else None

    def _keep(self, arn: str, body: str, why: _Failure) -> None:
        queue = self.emulator.queue(arn)
        refusal = "it does not exist" if queue is None else _refusal(queue["attributes"].get("KmsMasterKeyId"))
        if refusal is not None:
            logger.warning("The dead-letter queue %s takes no event: %s", arn, refusal)
            return
        _, _, _, region, account, name = arn.split(":", 5)
        said = {"ERROR_CODE": why.code, "ERROR_MESSAGE": why.message}
        attributes = {key: {"DataType": "String", "StringValue": value} for key, value in said.items()}
        with self.emulator.within(account, region):
            url = sqs._queue_url(name)  # noqa: SLF001 - as above
            request = {"QueueUrl": url, "MessageBody": body, "MessageAttributes": attributes}
            sqs._act_send_message(request, url)  # noqa: SLF001 - as above


def bus(name: str) -> Json:
    """Return the emulator's own record of a bus of `here`, which changes as the bus does; empty if there is none."""
    found: Json = eventbridge._event_buses.get(name) or {}  # noqa: SLF001 - as above
    return found


def put_statement(name: str, sid: str, statement: Json) -> None:
    """Keep a statement of the policy of a bus of `here`, in the place of the one that is called so."""
    own = bus(name).get("Arn") or "*"
    remove_statement(name, sid)
    policy = eventbridge._event_bus_policies.setdefault(name, {"Version": "2012-10-17", "Statement": []})  # noqa: SLF001 - as above
    policy["Statement"].append({"Resource": own, **statement, "Sid": sid})


def remove_statement(name: str, sid: str) -> None:
    """Forget a statement of the policy of a bus of `here`, if it is there."""
    eventbridge._remove_permission({"EventBusName": name, "StatementId": sid})  # noqa: SLF001 - as above


def _encrypting_bus(event: Json) -> Json:
    """Return the bus of an event, if it may encrypt that: events of AWS services it does not."""
    if str(event.get("Source", "")).startswith("aws."):
        return {}
    return bus(event.get("EventBusName", "default"))


def _refusal(key: str | None) -> str | None:
    """Say why a key encrypts nothing; None if it does, or if AWS has it or nobody."""
    if not key or "alias/aws/" in key:
        return None
    found = kms._resolve_key(key)  # noqa: SLF001 - as above
    if found is None:
        return f"the key {key} does not exist"
    refused = kms._check_key_state(found)  # noqa: SLF001 - as above
    return str(json.loads(refused[2])["message"]) if refused else None


def _missing_for_fifo(queue: Json, parameters: Json) -> str | None:
    """Say what a FIFO queue lacks to be a target; the emulator makes it up.

    "If you specify an Amazon SQS FIFO queue as a target, the queue must have content-based deduplication enabled", and
    what is sent there needs a message group:
    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_SqsParameters.html
    """
    if not queue.get("is_fifo"):
        return None
    if not parameters.get("MessageGroupId"):
        return "The request must contain the parameter MessageGroupId."
    if queue["attributes"].get("ContentBasedDeduplication") != "true":
        return "The queue should have ContentBasedDeduplication enabled."
    return None


def _fail(code: str, message: str) -> None:
    """Note it for `invoke`; what the emulator's own dispatch raises, it swallows."""
    current = _current.get()
    if current:
        current.failures.append(_Failure(code, message))
