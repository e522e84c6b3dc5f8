"""Which earlier run a service goes back to, by a history in memory."""

import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.operate import service_rollbacks
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.service_rollbacks import ServiceRollback
from pipeline.operate.target import Target

BEGAN = datetime(2026, 11, 30, 8, tzinfo=UTC)
ORDERS, BILLS = ("prod-orders", "prod-bills")
OTHERS = f"arn:aws:iam::{'2' * 12}:role/deploy"
TARGET = Target(account="9" * 12, region="eu-west-1", endpoint=None, _clients=print, _credentials=print)  # type: ignore[arg-type]  # asked for none


class Story:
    """Runs one after the other, an hour each."""

    def __init__(self) -> None:
        self.summaries: list[dict[str, Any]] = []
        self.details: dict[str, list[dict[str, Any]]] = {}
        self.read: list[str] = []
        """Executions whose actions were asked for."""

    def run(
        self,
        *stacks: str,
        elsewhere: tuple[str, ...] = (),
        bakes: str = "Succeeded",
        commit: str = "",
        **more: Any,
    ) -> datetime:
        """Deploy stacks and bake; when it deployed. `elsewhere`: to another account, too."""
        began = BEGAN + timedelta(hours=len(self.summaries))
        execution = f"e{len(self.summaries) + 1}"
        commit = commit or execution[1] * 40
        times = {"startTime": began, "lastUpdateTime": began + timedelta(minutes=50)}
        summary = {"pipelineExecutionId": execution, "sourceRevisions": [{"revisionId": commit}], **times, **more}
        self.summaries.insert(0, summary)
        self.details[execution] = [
            *(action(began, stack, StackName=stack, TemplatePath="a::b") for stack in stacks),
            *(action(began, stack, StackName=stack, TemplatePath="a::b", role=OTHERS) for stack in elsewhere),
            action(began + timedelta(minutes=10), "Bake", status=bakes),
        ]
        return began + timedelta(minutes=1)

    def rollbacks(self, **changed: datetime | None) -> list[ServiceRollback]:
        services = [service(name, moment) for name, moment in changed.items()]
        return list(service_rollbacks.find(services, self.summaries, self._read, TARGET))

    def _read(self, execution: str) -> list[dict[str, Any]]:
        self.read.append(execution)
        return self.details[execution]


def action(began: datetime, name: str, *, status: str = "Succeeded", **configuration: str) -> dict[str, Any]:
    times = {"startTime": began, "lastUpdateTime": began + timedelta(minutes=5)}
    role = configuration.pop("role", f"arn:aws:iam::{'1' * 12}:role/deploy")
    given = {"configuration": configuration, "region": "eu-west-1", "roleArn": role}
    return {"stageName": "prod", "actionName": name, "status": status, "input": given, **times}


def service(name: str, changed: datetime | None) -> DeployedStack:
    return DeployedStack(
        stage="prod",
        service=name,
        stack=f"prod-{name}",
        account="1" * 12,
        region="eu-west-1",
        status="UPDATE_COMPLETE",
        outputs={},
        changed=changed,
    )


def test_a_service_goes_back_to_the_run_before_the_one_that_changed_it() -> None:
    story = Story()
    story.run(ORDERS, BILLS)
    changed = story.run(ORDERS, BILLS, bakes="Failed")
    (found,) = story.rollbacks(orders=changed)
    assert (found.changed_by, found.execution, found.to) == ("e2", "e1", "1" * 12)
    assert shlex.split(found.command("Bake-prod failed"))[1:] == [
        *("rollback", "orders", "prod", "--to", "1" * 12, "--why", "Bake-prod failed")
    ]


def test_what_a_run_did_not_change_does_not_go_back_behind_it() -> None:
    story = Story()
    story.run(ORDERS, BILLS)
    before = story.run(ORDERS, BILLS)
    changed = story.run(ORDERS, BILLS)
    found = {each.service: (each.changed_by, each.execution) for each in story.rollbacks(orders=changed, bills=before)}
    assert found == {"orders": ("e3", "e2"), "bills": ("e2", "e1")}


def test_runs_that_cannot_have_changed_it_are_not_looked_into() -> None:
    story = Story()
    story.run(ORDERS)
    story.run(ORDERS)
    changed = story.run(ORDERS)
    for _ in range(20):
        story.run(ORDERS)
    (found,) = story.rollbacks(orders=changed)
    assert (found.changed_by, found.execution, story.read) == ("e3", "e2", ["e3", "e2"])


def test_a_run_that_failed_in_the_stage_is_nothing_to_go_back_to() -> None:
    story = Story()
    story.run(ORDERS)
    story.run(ORDERS, bakes="Failed")
    changed = story.run(ORDERS, bakes="Failed")
    (found,) = story.rollbacks(orders=changed)
    assert (found.changed_by, found.execution) == ("e3", "e1")


def test_the_same_commit_is_told_apart_by_its_execution() -> None:
    story = Story()
    story.run(ORDERS, commit="a" * 40)
    changed = story.run(ORDERS, commit="a" * 40)
    (found,) = story.rollbacks(orders=changed)
    assert found.to == "e1"


def test_what_codepipeline_rolled_back_already_does_not_go_back_again() -> None:
    story = Story()
    story.run(ORDERS)
    story.run(ORDERS, bakes="Failed")
    rolled_back: dict[str, Any] = {
        "executionType": "ROLLBACK",
        "rollbackMetadata": {"rollbackTargetPipelineExecutionId": "e1"},
    }
    back = story.run(ORDERS, **rolled_back)
    assert story.rollbacks(orders=back) == []
    changed = story.run(ORDERS, bakes="Failed")
    (found,) = story.rollbacks(orders=changed)
    assert (found.execution, found.to) == ("e1", "e1"), "of a rollback what it went back to"


def test_a_first_deployment_has_nothing_to_go_back_to() -> None:
    story = Story()
    story.run(BILLS)
    changed = story.run(ORDERS, BILLS)
    (found,) = story.rollbacks(orders=changed)
    assert (found.changed_by, found.execution, found.command("it failed")) == ("e2", "", "")


def test_what_no_run_changed_is_not_spoken_of() -> None:
    story = Story()
    story.run(ORDERS)
    assert story.rollbacks(orders=BEGAN - timedelta(days=1), bills=None) == []


def test_a_stack_of_the_same_name_in_another_account_is_another_one() -> None:
    story = Story()
    story.run(ORDERS)
    story.run(elsewhere=(ORDERS,))
    changed = story.run(ORDERS, elsewhere=(ORDERS,))
    (found,) = story.rollbacks(orders=changed)
    assert (found.changed_by, found.execution) == ("e3", "e1")
