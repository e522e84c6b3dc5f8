"""A queue must not lose messages, hand them to two workers at once, or keep them in the clear."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from services.library.cloudformation.intrinsics import TOO_MANY, possible_forms
from services.library.cloudformation.template import Json, Resource, Template, number
from services.library.cloudformation.values import named_resources
from services.library.guardrails.finding import AcceptedBy, DeploymentLocation, Finding, Rule

DEAD_LETTERS = Rule(
    id="Penstock-QueueDeadLetters",
    accepted_by=AcceptedBy.SERVICE,
    text="A message that its worker cannot handle comes back until the queue forgets it, unseen.",
    fix="Give the queue a RedrivePolicy (in the CDK: the library's Queue or QueueWorker has one).",
)
VISIBILITY = Rule(
    id="Penstock-QueueVisibility",
    accepted_by=AcceptedBy.SERVICE,
    text="While a function still works on a message, or waits to be called again, others get the same message.",
    fix="Set VisibilityTimeout to at least six times the function's Timeout, plus the batching window.",
)
ENCRYPTION = Rule(
    id="Penstock-QueueEncryption",
    accepted_by=AcceptedBy.PLATFORM,
    text="Encryption was turned off: messages would lie in the clear.",
    fix="Set KmsMasterKeyId (in the CDK: encryption_master_key), or leave SqsManagedSseEnabled out.",
)

QUEUE, SOURCE, FUNCTION = "AWS::SQS::Queue", "AWS::Lambda::EventSourceMapping", "AWS::Lambda::Function"
OF_FUNCTIONS = ("AWS::Lambda::Alias", "AWS::Lambda::Version")
"""What a function is called by besides its own name."""
TIMES_THE_TIMEOUT = 6
"""https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
DEFAULT_VISIBILITY_S, DEFAULT_TIMEOUT_S = 30, 3
"""What SQS and Lambda take where a template says nothing."""
NAMES_DEAD_LETTERS = frozenset({"DeadLetterConfig", "deadLetterTargetArn", "OnFailure"})
"""How resources name the queue for what they could not deliver: redrive policies, rules, buses, functions, sources."""


def check(template: Template, place: DeploymentLocation) -> Iterator[Finding]:
    """A queue is consumed by whatever event source mapping names it in the same template, if only by a condition."""
    del place  # a lost message is as lost in a sandbox, where one would want to notice it
    found = [*_consumed(template)]
    for queue in template.resources(QUEUE):
        for form in possible_forms([queue], template):
            properties = form.get(queue.logical_id, {})
            managed = properties.get("SqsManagedSseEnabled", True)
            if not properties.get("KmsMasterKeyId") and str(managed).lower() != "true":
                found.append(ENCRYPTION.broken_by(queue, template, locations=("Properties.SqsManagedSseEnabled",)))
    yield from dict.fromkeys(found)


def _consumed(template: Template) -> Iterator[Finding]:
    """Look at each queue with what works on it, for each way in which the conditions of both turn out."""
    for source in template.resources(SOURCE):
        named = named_resources(source.properties.get("EventSourceArn"))
        workers = {each.logical_id: each for each in _functions(source.properties.get("FunctionName"), template)}
        for queue in (each for each in template.resources(QUEUE) if each.logical_id in named):
            for form in possible_forms([source, queue, *workers.values()], template):
                its, properties = form.get(source.logical_id, {}), form.get(queue.logical_id)
                arn = its.get("EventSourceArn")
                if properties is None or (arn is not TOO_MANY and queue.logical_id not in named_resources(arn)):
                    continue
                for function in _functions(its.get("FunctionName"), template):
                    if what := _too_short(properties, its, function, form.get(function.logical_id, {})):
                        location = "Properties.VisibilityTimeout"
                        yield VISIBILITY.broken_by(queue, template, what=what, locations=(location,))
                if not _has_dead_letters(properties.get("RedrivePolicy")):
                    yield DEAD_LETTERS.broken_by(queue, template, locations=("Properties.RedrivePolicy",))


def _functions(name: object, template: Template) -> Iterator[Resource]:
    """Yield the functions that a value names, by an alias or a version too."""
    named = named_resources(name)
    for each in template.resources(*OF_FUNCTIONS):
        if each.logical_id in named:
            named |= named_resources(each.properties.get("FunctionName"))
    yield from (each for each in template.resources(FUNCTION) if each.logical_id in named)


def _has_dead_letters(policy: object) -> bool:
    return isinstance(policy, Mapping) and bool(policy.get("deadLetterTargetArn"))


def _too_short(queue: Json, source: Json, function: Resource, settings: Json) -> str:
    """Return why messages are hidden for too short a time, if they are."""
    timeout = number(settings.get("Timeout", DEFAULT_TIMEOUT_S))
    window = number(source.get("MaximumBatchingWindowInSeconds", 0))
    hidden = number(queue.get("VisibilityTimeout", DEFAULT_VISIBILITY_S))
    if timeout is None or window is None or hidden is None:
        return "It is known only at deployment whether it is long enough."
    if hidden >= (least := TIMES_THE_TIMEOUT * timeout + window):
        return ""
    return f"VisibilityTimeout is {hidden} s, and {function.logical_id} needs at least {least} s."


def keeps_dead_letters(queue: Resource, template: Template) -> bool:
    """Whether a queue is where others' undelivered messages end, and nobody works on it."""
    sources = template.resources(SOURCE)
    return any(
        template.named_by(named) == queue
        for resource in template.resources()
        for named in _dead_letter_queues(resource.properties)
    ) and not any(template.named_by(source.properties.get("EventSourceArn")) == queue for source in sources)


def _dead_letter_queues(value: object) -> Iterator[object]:
    if isinstance(value, str) and "deadLetterTargetArn" in value:
        with suppress(json.JSONDecodeError):  # a text about it, not a policy
            yield from _dead_letter_queues(json.loads(value))
    elif isinstance(value, Mapping):
        for key, part in value.items():
            if key in NAMES_DEAD_LETTERS:
                yield part
                yield from part.values() if isinstance(part, Mapping) else ()
            else:
                yield from _dead_letter_queues(part)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for part in value:
            yield from _dead_letter_queues(part)
