"""What a program does with the CDK, in every way that jsii knows: prints what came of it, one line each."""

import datetime as dt
import json
import sys
from collections.abc import Callable

import aws_cdk as cdk
import jsii
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IConstruct


@jsii.implements(cdk.IAspect)
class Visited:
    def __init__(self) -> None:
        self.paths: list[str] = []

    def visit(self, node: IConstruct) -> None:
        self.paths.append(node.node.path)


@jsii.implements(cdk.IAspect)
class Failing:
    def visit(self, node: IConstruct) -> None:
        raise ValueError(f"visited {node.node.path}, ä")


@jsii.implements(cdk.IStableStringProducer)
class Late:
    def produce(self) -> str:
        return "said late: ä"


def say(*values: object) -> None:
    sys.stdout.write(f"{' '.join(map(str, values))}\n")


class NamedStack(cdk.Stack):
    """A method and a property of the CDK's own, overridden."""

    def _allocate_logical_id(self, element: cdk.CfnElement) -> str:
        return f"Own{super()._allocate_logical_id(element)}"

    @property
    def template_file(self) -> str:
        return "own.template.json"


def refused(stack: cdk.Stack) -> dict[str, Callable[[], object]]:
    return {
        "thrown": lambda: sqs.Queue(stack, "Bad", fifo=True, queue_name="no-suffix"),
        "twice": lambda: (Construct(stack, "Same"), Construct(stack, "Same")),
        "unknown": lambda: jsii.get(stack, "noSuchProperty"),
        "function": lambda: stack.node.set_context("key", len),
        "naive": lambda: cdk.Expiration.at_date(dt.datetime(2030, 1, 1)),  # noqa: DTZ001 - the point
        "wrong type": lambda: sqs.Queue(stack, "Wrong", visibility_timeout=60),  # type: ignore[arg-type]  # the point
    }


def errors(stack: cdk.Stack) -> None:
    for name, call in refused(stack).items():
        try:
            call()
            say(name, "passed")
        except Exception as error:  # noqa: BLE001 - whatever it is, it must be the same
            say(name, type(error).__name__, str(error), type(error.__cause__).__name__)


def main(folder: str) -> None:
    app = cdk.App(outdir=folder)
    stack = NamedStack(app, "Stack")
    queue = sqs.Queue(stack, "Queue", visibility_timeout=cdk.Duration.minutes(1), encryption=sqs.QueueEncryption.KMS)
    metric = queue.metric_approximate_age_of_oldest_message(period=cdk.Duration.minutes(1))
    cloudwatch.Alarm(stack, "Alarm", metric=metric.with_(statistic="p90"), threshold=0.5, evaluation_periods=1)
    policy = iam.PolicyStatement(actions=["sqs:*"], resources=["*"], conditions={"Bool": {"a": True}})
    iam.ManagedPolicy(stack, "Policy", statements=[policy])
    cdk.CfnOutput(stack, "Late", value=cdk.Lazy.string(Late()))
    cdk.Tags.of(stack).add("key", "value")
    say(json.dumps(policy.to_json()), metric.period.to_seconds(), metric.to_metric_config().math_expression)
    say(
        queue.encryption_type,
        cdk.Token.is_unresolved(queue.env.region),
        stack.node.default_child,
        cdk.Stack.of(queue) is stack,
    )
    say(cdk.Expiration.at_date(dt.datetime(2030, 1, 1, tzinfo=dt.UTC)).date)
    say([type(each).__name__ for each in stack.node.children], queue.node.path, queue.node.addr)
    say(cdk.Duration.minutes(2).to_human_string(), cdk.Duration.minutes(3).to_human_string())
    child = Construct(stack, "Removed")
    say(stack.node.try_remove_child("Removed"), child.node.path, stack.node.try_find_child("Removed"))
    errors(stack)
    visited = Visited()
    cdk.Aspects.of(stack).add(visited)
    app.synth()
    say(visited.paths)
    failing = cdk.App()
    cdk.Aspects.of(cdk.Stack(failing, "Failing")).add(Failing())
    try:
        failing.synth()
    except RuntimeError as error:
        say(type(error).__name__, str(error).splitlines()[0], type(error.__cause__).__name__)
