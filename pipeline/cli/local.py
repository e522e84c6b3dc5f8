"""`penstock up` and `down`: the local cloud with the pipeline in it, and a first run through every stage."""

import os
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.accounts import role_names
from pipeline.cli import example, loading, upstream
from pipeline.cli import run as run_commands
from pipeline.cli.answer import answer
from pipeline.cli.connection import Json
from pipeline.cli.process import output_of
from pipeline.local import bootstrap, first_deployment, lifecycle, origin
from pipeline.local.lifecycle import CloudLocation, LocalCloud, default_place
from pipeline.operate import approvals, run_control
from pipeline.operate import outputs as deployed
from pipeline.operate.errors import OperateError
from pipeline.operate.follow import exit_code, follow
from pipeline.operate.next_step import penstock
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.run import WAITING, Run
from pipeline.operate.target import local_target
from pipeline.settings import SETTINGS

if TYPE_CHECKING:
    from pipeline.catalogue.model import Catalogue

STACK = "Pipeline"


class Approve(StrEnum):
    """Who answers the approvals of this local cloud."""

    ASK = "ask"
    AUTO = "auto"


class Iam(StrEnum):
    """What IAM does with what it denies."""

    ENFORCE = "enforce"
    AUDIT = "audit"


def register(app: typer.Typer) -> None:
    """Add these commands to `penstock`."""
    for command in (up, down):
        app.command()(command)


def up(
    ctx: typer.Context,
    *,
    approve: Annotated[
        Approve, typer.Option(help="auto: answer every approval at once, for benches and tests.")
    ] = Approve.ASK,
    iam: Annotated[
        Iam, typer.Option(help="audit: let pass what IAM denies, and note it for `penstock denied`.")
    ] = Iam.ENFORCE,
    as_json: Json = False,
) -> None:
    """Start the local cloud, deploy the pipeline to it once, push this commit, and follow the run to production.

    Nothing outside this checkout and nothing but loopback is touched. What runs already is left as it is: a second
    `up` takes seconds. The first run's approval is answered here, and said so; later ones wait for `penstock approve`.
    Answers 0 if the run succeeded, else as `penstock status --wait`.
    """
    started = time.monotonic()
    checkout = ctx.ensure_object(Path)
    place = default_place(os.environ, checkout)
    commit = _head(checkout)
    catalogue = loading.whole(checkout)
    cloud = _start(place, checkout, approve, iam)
    prepare_accounts(cloud, catalogue)
    _deploy_once(cloud, checkout)
    origin.create(place, checkout=checkout, repository=upstream.prepare(cloud, SETTINGS))
    branch = upstream.branch_of(SETTINGS.source)
    _say(f"Pushing {commit[:12]} to the local origin as {branch}")
    origin.push(checkout, f"HEAD:refs/heads/{branch}", follow=False)
    pipeline = Pipeline(
        target=local_target(
            cloud.endpoint,
            secret=cloud.root_secret,
            account=SETTINGS.account,
            region=SETTINGS.region,
            bootstrap=SETTINGS.bootstrap,
        ),
        name=SETTINGS.name,
    )
    run = _run_of(pipeline, commit)
    if run is None:
        run_control.start(pipeline)
    is_over = run is not None and not run.is_live
    run = _follow(pipeline, approves_by_itself=cloud.approve == "auto", silent=as_json)
    if as_json:
        answer({"endpoint": cloud.endpoint, **run.to_json()}, as_json=True)
    else:
        _summary(pipeline, run, seconds=None if is_over else time.monotonic() - started)
        _say_next(run, push=f"git push {origin.remote_of(checkout)} HEAD:{branch}")
    raise typer.Exit(exit_code(run))


def down(
    ctx: typer.Context,
    *,
    erase: Annotated[bool, typer.Option("--erase", help="Also forget all that it held: data, runs, origin.")] = False,
    as_json: Json = False,
) -> None:
    """Stop the local cloud; what it holds is kept for the next `make up`."""
    place = default_place(os.environ, ctx.ensure_object(Path))
    if erase:
        lifecycle.erase(place)
        _say("The local cloud is stopped and forgotten.")
    else:
        _say("The local cloud is stopped." if lifecycle.stop(place) else "The local cloud was not running.")
    answer({"stopped": True, "erased": erase}, as_json=as_json)


def _start(place: CloudLocation, checkout: Path, approve: Approve, iam: Iam) -> LocalCloud:
    running = lifecycle.find(place)
    if running is not None and running.approve != approve.value:
        _say(f"Restarting the local cloud with APPROVE={approve.value}")
        lifecycle.stop(place)
    elif running is not None and running.iam != iam.value:
        _say(f"Restarting the local cloud with --iam {iam.value}")
        lifecycle.stop(place)
    elif running is not None and not running.is_current:
        _say("Restarting the local cloud: older code of this checkout started it")
        lifecycle.stop(place)
    return lifecycle.start(
        place,
        environment=environment_of(checkout),
        python=checkout / ".venv/emulator/bin/python",
        approve=approve.value,
        iam=iam.value,
        progress=_say,
    )


def environment_of(checkout: Path) -> dict[str, str]:
    """Return what a local cloud is started with, so that its builds find this checkout's tools."""
    tools = (checkout / ".venv").resolve()
    return {**os.environ, "PENSTOCK_TOOLS": str(tools / "bin"), "PENSTOCK_CACHE": str(tools.parent)}


def prepare_accounts(cloud: LocalCloud, catalogue: "Catalogue") -> None:
    """Bootstrap every account and region of the stages and of the pipeline that is not yet."""
    from pipeline.catalogue.model import stages_of  # noqa: PLC0415 - a second of imports, which no other command pays

    targets = {
        bootstrap.Target(account=account, region=SETTINGS.region, role_names=role_names.PIPELINE)
        for account in (SETTINGS.account, SETTINGS.source_account)
    }
    for stage in stages_of(catalogue):
        environment = stage.environment
        account, region = environment.account, environment.region
        targets |= {
            bootstrap.Target(
                account=account,
                region=region,
                keeps_data=environment.keeps_data,
                role_names=(role_names.of_stage(environment.label), *stage.role_names),
            ),
            bootstrap.Target(account=SETTINGS.account, region=region, role_names=role_names.PIPELINE),
        }
    changed = bootstrap.bootstrap(
        cloud,
        targets,
        tools_account=SETTINGS.account,
        foundation=bootstrap.checkout_foundation(),
        template=bootstrap.checkout_template(),
        names=SETTINGS.bootstrap,
    )
    if changed:
        _say(f"Bootstrapped {', '.join(f'{each.account} in {each.region}' for each in changed)}")


def _deploy_once(cloud: LocalCloud, checkout: Path) -> None:
    place = {"stack": STACK, "account": SETTINGS.account, "region": SETTINGS.region}
    if first_deployment.is_deployed(cloud, **place):
        return
    _say("Deploying the pipeline with `cdk deploy`, this once: from now on it updates itself")
    first_deployment.deploy(cloud, checkout=checkout, progress=_say, **place)


def _run_of(pipeline: Pipeline, commit: str) -> Run | None:
    """Return the run of this commit, if its push started one now or earlier."""
    run = pipeline.read()
    # The revision of a bucket is a version of its object; the commit stands in front of its message.
    return run if commit in (run.commit, run.message.partition(" ")[0]) or run.is_live else None


def _follow(pipeline: Pipeline, *, approves_by_itself: bool, silent: bool) -> Run:
    """Print the run until it ends. The first that ever reaches an approval gets its answer here."""
    first = not any(each["status"] == "Succeeded" for each in pipeline.executions(100))
    run: Run | None = None
    while run is None or (first and run.status == WAITING):
        if run is not None:
            waiting = approvals.find(pipeline, execution=run.execution)
            approvals.answer(pipeline, waiting, approved=True, why="First run of this local cloud")
            _say(f"Approved {waiting.name}, because this is the first run; later ones wait for `penstock approve`")
        runs = follow(pipeline, None, stops_for_approval=not approves_by_itself)
        run = run_commands.print_lines(runs, silent=silent, before=run)
    return run


def _summary(pipeline: Pipeline, run: Run, *, seconds: float | None) -> None:
    """Say what is where, and how to use it. `seconds`: how long it took; None of a run that had ended before."""
    run_commands.show_what_is_next(pipeline, run)
    if exit_code(run) != 0:
        return
    found = deployed.read(pipeline)
    said = "was deployed by an earlier run, and is where it was" if seconds is None else f"deployed in {seconds:.0f} s"
    typer.echo(f"\n{run.commit[:12]} {said}:")
    for each in found:
        typer.echo(f"  {each.stage:8} {each.service:12} account {each.account}  {each.region}")
    if not found:
        typer.echo(f"  no service yet. Write the first, in place of NAME:\n  {penstock('new', 'service', 'NAME')}")
    production = [each for each in found if each.service == example.SERVICE and "Url" in each.outputs][-1:]
    for each in production:
        called = penstock("call", each.service, "--stage", each.stage)
        typer.echo(f"\nCall {each.stage}/{each.service}, or print the call for curl with --curl:\n  {called}")


def _say_next(run: Run, *, push: str) -> None:
    if exit_code(run) == 0:
        typer.echo(f"\nNext: commit a change, then\n  {push}\nWhat else there is:\n  {penstock('--help')}")


def _head(checkout: Path) -> str:
    top = output_of(checkout, "git", "rev-parse", "--show-toplevel")
    if top is None or Path(top) != checkout.resolve():
        raise OperateError(
            f"{checkout} is no git repository, and the pipeline deploys commits. Clone Penstock, or make this folder"
            " one: `git init -b main && git add --all && git commit -m 'Start'`."
        )
    found = output_of(checkout, "git", "rev-parse", "--verify", "HEAD")
    if found is None:
        raise OperateError("There is no commit to push yet: `git commit` first.")
    if output_of(checkout, "git", "status", "--porcelain"):
        _say("Uncommitted changes are not part of this run: it takes what is committed.")
    return found


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
