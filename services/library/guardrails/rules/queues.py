"""A queue must not lose messages, hand them to two workers at once, or keep them in the clear."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from services.library.cloudformation.template import Resource, Template, number
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

QUEUE = "AWS::SQS::Queue"
TIMES_THE_TIMEOUT = 6
"""https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
DEFAULT_VISIBILITY_S, DEFAULT_TIMEOUT_S = 30, 3
"""What SQS and Lambda take where a template says nothing."""
NAMES_DEAD_LETTERS = frozenset({"DeadLetterConfig", "deadLetterTargetArn", "OnFailure"})
"""How resources name the queue for what they could not deliver: redrive policies, rules, buses, functions, sources."""


def check(template: Template, place: DeploymentLocation) -> Iterator[Finding]:
    """A queue is consumed by whatever event source mapping names it in the same template."""
    del place  # a lost message is as lost in a sandbox, where one would want to notice it
    consumed: dict[str, Resource] = {}
    for source in template.resources("AWS::Lambda::EventSourceMapping"):
        queue = template.named_by(source.properties.get("EventSourceArn"))
        if queue is not None and queue.type == QUEUE:
            consumed[queue.logical_id] = queue
            function = template.named_by(source.properties.get("FunctionName"))
            if function is not None:
                yield from _visibility(queue, source, function, template)
    for queue in template.resources(QUEUE):
        if queue.logical_id in consumed and not queue.properties.get("RedrivePolicy"):
            yield DEAD_LETTERS.broken_by(queue, template, locations=("Properties.RedrivePolicy",))
        managed = queue.properties.get("SqsManagedSseEnabled", True)
        if not queue.properties.get("KmsMasterKeyId") and str(managed).lower() != "true":
            yield ENCRYPTION.broken_by(queue, template, locations=("Properties.SqsManagedSseEnabled",))


def _visibility(queue: Resource, source: Resource, function: Resource, template: Template) -> Iterator[Finding]:
    timeout = number(function.properties.get("Timeout", DEFAULT_TIMEOUT_S))
    window = number(source.properties.get("MaximumBatchingWindowInSeconds", 0))
    hidden = number(queue.properties.get("VisibilityTimeout", DEFAULT_VISIBILITY_S))
    if timeout is None or window is None or hidden is None:
        what = "It is known only at deployment whether it is long enough."
    elif hidden >= (least := TIMES_THE_TIMEOUT * timeout + window):
        return
    else:
        what = f"VisibilityTimeout is {hidden} s, and {function.logical_id} needs at least {least} s."
    yield VISIBILITY.broken_by(queue, template, what=what, locations=("Properties.VisibilityTimeout",))


def keeps_dead_letters(queue: Resource, template: Template) -> bool:
    """Whether a queue is where others' undelivered messages end, and nobody works on it."""
    sources = template.resources("AWS::Lambda::EventSourceMapping")
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
