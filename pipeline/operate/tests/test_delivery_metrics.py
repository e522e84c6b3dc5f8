"""DORA's metrics from histories that are written down here, and from generated ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.operate.delivery_metrics import DeliveryMetrics, Ratio, measure
from pipeline.operate.history import History, PastAction, PastRun, RecordedHold, RecordedRollback
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.past_events import events_of
from pipeline.operate.run import FAILED, IN_PROGRESS, SUCCEEDED, Hotfix

BEGINNING = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
REGION = "eu-west-1"
HOTFIX = Hotfix(stages=("prod",), why="the certificate ends tonight")


def stack(service: str) -> DeployedStack:
    return DeployedStack(
        stage="prod", service=service, stack=f"prod-{service}", account="", region=REGION, status="", outputs={}
    )


INTAKE = stack("intake")


class Past:
    """A history that is told run by run, an hour each."""

    def __init__(self) -> None:
        self.now = BEGINNING
        self.runs: dict[str, PastRun] = {}
        self.actions: list[PastAction] = []
        self.rollbacks: list[RecordedRollback] = []
        self.committed: list[datetime] = []

    def push(self, *, hotfix: Hotfix | None = None) -> str:
        """Commit, and begin the run of it a minute later; its execution."""
        self.committed.append(self.now)
        self.now += MINUTE
        return self._begin(commit=str(len(self.committed)), hotfix=hotfix)

    def roll_back(self, target: str, *, after: timedelta = MINUTE) -> str:
        """Let CodePipeline roll the stage back."""
        self.now += after
        return self._begin(commit="", rollback_target=target)

    def act(self, execution: str, name: str, status: str = SUCCEEDED, *, takes: timedelta = MINUTE) -> None:
        """Let one action of the stage, or of its gate, come to an end."""
        service, _, what = name.rpartition(".")
        is_deployment = what == "Deploy"
        self.actions.append(
            PastAction(
                execution=execution,
                stage="prod-gate" if what == "Approve" else "prod",
                name=name,
                category="Deploy" if is_deployment else "Approval" if what == "Approve" else "Build",
                status=status,
                began=self.now,
                ended=self.now + takes,
                place=("", REGION, f"prod-{service}" if is_deployment else ""),
            )
        )
        self.now += takes

    def record(self, *, done: bool = True) -> None:
        """Roll the service back with `penstock rollback`."""
        ended = self.now + MINUTE if done else None
        self.rollbacks.append(
            RecordedRollback(stage="prod", service="intake", commit="1", why="wrong", began=self.now, ended=ended)
        )
        self.now += 2 * MINUTE

    def history(self, *, days: int = 14) -> History:
        return History(
            since=BEGINNING,
            until=max(self.now, BEGINNING + timedelta(days=days)),
            read_from=BEGINNING - timedelta(days=30),
            runs=self.runs,
            actions=self.actions,
            rollbacks=self.rollbacks,
            holds=(),
        )

    def times(self, before: str, commit: str) -> Mapping[str, datetime] | None:
        """Answer as git does in a checkout that has everything."""
        return {str(number): self.committed[number - 1] for number in range(int(before) + 1, int(commit) + 1)}

    def measure(self, service: DeployedStack = INTAKE) -> DeliveryMetrics:
        return measure(self.history(), service, self.times)

    def _begin(self, *, commit: str, hotfix: Hotfix | None = None, rollback_target: str = "") -> str:
        execution = f"e{len(self.runs)}"
        self.runs[execution] = PastRun(
            execution=execution, commit=commit, began=self.now, hotfix=hotfix, rollback_target=rollback_target
        )
        return execution


@pytest.fixture
def past() -> Past:
    """One deployment that went well, which every lead time after it counts from; then two days."""
    made = Past()
    made.act(made.push(), "intake.Deploy")
    made.now += timedelta(days=2)
    return made


def test_lead_time_is_each_commits_from_its_committers_date_to_its_first_deployment(past: Past) -> None:
    past.push()  # overtaken: its commit is deployed with the next one
    past.now += HOUR
    execution = past.push()
    past.act(execution, "intake.Approve", takes=3 * HOUR)
    past.act(execution, "intake.Deploy", takes=9 * MINUTE)
    found = past.measure()
    assert found.lead_time is not None
    assert (found.lead_time.count, found.lead_time.longest) == (2, HOUR + MINUTE + MINUTE + 3 * HOUR + 9 * MINUTE)
    assert found.lead_time.median == 3 * HOUR + 10 * MINUTE + (HOUR + MINUTE) / 2
    assert found.approval is not None
    assert (found.approval.count, found.approval.median) == (1, 3 * HOUR)
    assert (found.deployments, found.per_week) == (2, 1.0)
    assert found.unknown == (
        "lead time of 1 deployment: no earlier one is known, so nobody can tell what was new in it",
    )


def test_a_failed_probe_is_a_failed_deployment_until_a_retry_succeeds(past: Past) -> None:
    execution = past.push()
    past.act(execution, "intake.Deploy")
    past.act(execution, "intake.Probe", FAILED)
    past.now += 10 * MINUTE
    assert past.measure().unrecovered == 1
    assert past.measure().recovery is None
    past.act(execution, "intake.Probe")
    found = past.measure()
    assert found.recovery is not None
    assert (found.change_fails, found.recovery.median, found.unrecovered) == (Ratio(count=1, of=2), 11 * MINUTE, 0)
    assert found.deployments == 2, "the change was deployed before its probe failed"


def test_what_another_service_of_the_stage_failed_at_is_not_this_ones_failure(past: Past) -> None:
    execution = past.push()
    past.act(execution, "records.Deploy", FAILED)
    past.act(execution, "intake.Deploy")
    assert past.measure().change_fails == Ratio(count=0, of=2)
    assert past.measure(stack("records")).change_fails == Ratio(count=1, of=1)
    past.act(execution, "Bake", FAILED)
    assert past.measure().change_fails == Ratio(count=1, of=2), "what is about the stage is about each service"


def test_an_automatic_rollback_says_that_the_deployment_before_it_failed(past: Past) -> None:
    execution = past.push()
    past.act(execution, "intake.Deploy")
    past.act(execution, "records.Deploy", FAILED)
    back = past.roll_back("e0")
    past.act(back, "intake.Deploy", takes=4 * MINUTE)
    found = past.measure()
    assert (found.change_fails, found.rework) == (Ratio(count=1, of=2), Ratio(count=1, of=3))
    assert found.recovery is not None
    assert found.recovery.median == 6 * MINUTE, "from when it ran until the old one ran"
    assert found.deployments == 2, "a rollback deploys no change"


def test_a_rollback_to_what_a_service_runs_already_is_none_of_it(past: Past) -> None:
    past.act(past.push(), "records.Deploy", FAILED)
    past.act(past.roll_back("e0"), "intake.Deploy")
    found = past.measure()
    assert (found.change_fails, found.rework) == (Ratio(count=0, of=1), Ratio(count=0, of=1))


def test_a_recorded_rollback_counts_once_it_is_done(past: Past) -> None:
    past.record(done=False)
    assert past.measure().rework == Ratio(count=0, of=1)
    past.record()
    found = past.measure()
    assert (found.change_fails, found.rework) == (Ratio(count=1, of=1), Ratio(count=1, of=2))
    assert past.measure(stack("records")).rework == Ratio(count=0, of=0)


@pytest.mark.parametrize(("later", "failed"), [(23 * HOUR, 1), (25 * HOUR, 0)])
def test_a_hotfix_within_a_day_says_that_the_deployment_before_it_failed(
    past: Past, later: timedelta, failed: int
) -> None:
    past.act(past.push(), "intake.Deploy")
    past.now += later
    past.act(past.push(hotfix=HOTFIX), "intake.Deploy")
    found = past.measure()
    assert (found.change_fails, found.rework) == (Ratio(count=failed, of=3), Ratio(count=1, of=3))


def test_nothing_is_a_zero_that_is_not_known(past: Past) -> None:
    found = measure(past.history(days=14), stack("records"), past.times)
    assert (found.lead_time, found.approval, found.recovery, found.change_fails.value) == (None, None, None, None)
    assert (found.deployments, found.per_week) == (0, 0.0), "none was deployed: that is known"
    assert measure(past.history(days=3), INTAKE, past.times).per_week is None
    past.act(past.push(), "intake.Deploy")
    absent = measure(past.history(), INTAKE, lambda _before, _commit: None)
    assert absent.lead_time is None
    assert "lead time of 1 deployment: this checkout does not have its commits, or those of the one before" in (
        absent.unknown
    )
    past.runs = {name: replace(run, commit="") for name, run in past.runs.items()}
    assert past.measure().unknown == (
        "lead time of 2 deployments: the pipeline's source names no commit of it, or of the one before",
    )


def test_what_was_before_the_period_counts_only_as_what_the_first_in_it_is_compared_with(past: Past) -> None:
    execution = past.push()
    past.act(execution, "intake.Deploy", FAILED)
    past.now += 40 * MINUTE
    since = past.now
    past.act(past.push(), "intake.Deploy")
    found = measure(replace(past.history(), since=since), INTAKE, past.times)
    assert found.lead_time is not None
    assert (found.deployments, found.lead_time.count, found.unknown) == (1, 2, ())
    assert found.change_fails == Ratio(count=0, of=1)


def test_events_have_their_reasons(past: Past) -> None:
    past.push(hotfix=HOTFIX)
    past.now += MINUTE
    past.record()
    past.act(past.roll_back("e0"), "intake.Deploy")
    holds = (
        RecordedHold(stage="prod", why="the partner migrates", began=past.now, ended=None),
        RecordedHold(stage="qa", why="an audit", began=past.now, ended=None),
        RecordedHold(stage="prod", why="long ago", began=BEGINNING - HOUR, ended=BEGINNING + HOUR),
    )
    found = events_of(replace(past.history(), holds=holds), [INTAKE])
    assert [(each.kind, each.why) for each in found] == [
        ("hotfix", HOTFIX.why),
        ("rollback", "wrong"),
        ("automatic rollback", "the stage failed; back to execution e0"),
        ("hold", "the partner migrates"),
    ]
    assert events_of(past.history(), [stack("records")])[1:] == events_of(past.history(), [INTAKE])[2:]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["push", "overtaken", "fails", "probe fails", "hotfix", "rollback", "record", "records fails"]),
        st.integers(0, 3_000).map(lambda minutes: timedelta(minutes=minutes)),
    ),
    max_size=12,
)


def told(steps: Sequence[tuple[str, timedelta]]) -> Past:
    past = Past()
    for kind, pause in steps:
        past.now += pause
        if kind == "rollback" and past.runs:
            past.act(past.roll_back(min(past.runs)), "intake.Deploy")
        elif kind == "record":
            past.record()
        elif kind != "rollback":
            execution = past.push(hotfix=HOTFIX if kind == "hotfix" else None)
            if kind == "overtaken":
                continue
            past.act(execution, "intake.Approve", takes=pause)
            past.act(execution, "records.Deploy", FAILED if kind == "records fails" else SUCCEEDED)
            past.act(execution, "intake.Deploy", FAILED if kind == "fails" else SUCCEEDED)
            past.act(execution, "intake.Probe", FAILED if kind == "probe fails" else SUCCEEDED)
    return past


def durations(found: DeliveryMetrics) -> Iterator[timedelta]:
    for each in (found.lead_time, found.approval, found.recovery):
        if each is not None:
            yield from (each.median, each.longest)


@given(steps=STEPS)
def test_measures_are_counts_of_what_happened(steps: list[tuple[str, timedelta]]) -> None:
    past = told(steps)
    found = past.measure()
    kinds = [kind for kind, _ in steps]
    ended = [kind for kind in kinds if kind not in ("overtaken", "rollback", "record")]
    assert found.change_fails.of == len(ended)
    assert found.deployments == len(ended) - kinds.count("fails")
    assert found.rework.count >= kinds.count("hotfix")
    assert kinds.count("fails") + kinds.count("probe fails") <= found.change_fails.count <= found.change_fails.of
    recovered = found.recovery.count if found.recovery else 0
    assert recovered + found.unrecovered == found.change_fails.count
    assert all(each >= timedelta(0) for each in durations(found))
    for ratio in (found.change_fails, found.rework):
        assert ratio.value is None or 0 <= ratio.value <= 1


@given(steps=STEPS)
def test_lead_time_counts_each_commit_once_that_was_deployed_after_the_first(
    steps: list[tuple[str, timedelta]],
) -> None:
    past = told(steps)
    found = past.measure()
    succeeded = sorted(
        int(past.runs[each.execution].commit)
        for each in past.actions
        if (each.place, each.status) == (INTAKE.place, SUCCEEDED) and past.runs[each.execution].commit
    )
    counted = found.lead_time.count if found.lead_time else 0
    assert counted == (succeeded[-1] - succeeded[0] if succeeded else 0)


@given(steps=STEPS, shift=st.integers(-10_000, 10_000).map(lambda minutes: timedelta(minutes=minutes)))
def test_measures_depend_on_no_calendar_and_on_no_order_of_pages(
    steps: list[tuple[str, timedelta]], shift: timedelta
) -> None:
    past = told(steps)
    history = past.history()
    moved = replace(
        history,
        since=history.since + shift,
        until=history.until + shift,
        runs={name: replace(run, began=run.began + shift) for name, run in history.runs.items()},
        actions=[replace(each, began=each.began + shift, ended=each.ended + shift) for each in history.actions[::-1]],
        rollbacks=[
            replace(each, began=each.began + shift, ended=each.ended and each.ended + shift)
            for each in history.rollbacks
        ],
    )
    committed = {str(number): at + shift for number, at in enumerate(past.committed, start=1)}

    def times(before: str, commit: str) -> Mapping[str, datetime] | None:
        return {each: committed[each] for each in past.times(before, commit) or ()}

    assert measure(moved, INTAKE, times) == past.measure()


@given(steps=STEPS)
def test_what_goes_on_is_no_deployment_yet(steps: list[tuple[str, timedelta]]) -> None:
    past = told(steps)
    before = past.measure()
    past.act(past.push(), "intake.Deploy", IN_PROGRESS)
    after = past.measure()
    assert replace(after, per_week=None) == replace(before, per_week=None)


def test_deployments_of_a_stack_of_the_same_name_in_another_account_are_not_the_services() -> None:
    past = Past()
    past.act(past.push(), "intake.Deploy")
    far = replace(past.actions[-1], place=("2" * 12, *past.actions[-1].place[1:]), execution=past.push())
    past.actions.append(far)
    assert measure(past.history(), INTAKE, lambda *_commits: {}).deployments == 1
