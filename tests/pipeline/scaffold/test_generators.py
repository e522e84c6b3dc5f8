"""`penstock new`, `promote`, `remove` and `ledger`: what they write passes the gate, what they refuse is a sentence."""

import json
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from pipeline.catalogue import ledger
from pipeline.catalogue.model import Catalogue, Stage, Tombstone, Wave, stages_of
from pipeline.catalogue.validation import InvalidCatalogueError, check
from pipeline.cli import loading, plans, removal_cleanup, scaffold, undeployed, upstream
from pipeline.cli.main import app
from pipeline.operate.next_step import penstock as penstock_line
from pipeline.operate.target import Target
from pipeline.scaffold import owners
from pipeline.scaffold.draft import Draft
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.names import ServiceName, StageName
from pipeline.scaffold.stage_file import Entry
from pipeline.scaffold.tidy import tidy
from pipeline.settings import SETTINGS
from services.library.contract.environment import Environment, Tier
from tests.architecture.test_layering import violations
from tests.conftest import ROOT, clean_environment
from tests.testbed import small_checkout
from tests.testbed.checkout import copy_of_the_checkout
from tests.testbed.small_services.first.service import First
from tests.testbed.small_services.second.service import Second
from tests.testbed.type_checking import mypy

GENERATED = (owners.CODEOWNERS, owners.PULL_REQUEST_TEMPLATE, plans.LEDGER)
NEW, NEW_STAGE, ACCOUNT = "tried-by-a-test", "tried-by-tests", "987654321098"
"""What nobody has: these tests are part of the gate that a new service has to pass."""
PLACE: dict[str, Any] = {"tier": Tier.SANDBOX, "account": ACCOUNT, "region": "eu-west-1"}
FOLDER = ServiceName(name=NEW).folder.as_posix()
LONGEST = "tried-by-tests-at-length"
Stages = Callable[[Catalogue], Path]


def penstock(root: Path, *arguments: str, exit_code: int = 0) -> str:
    """Run a command within this process: the catalogue is this checkout's, the files are those of `root`."""
    done = CliRunner().invoke(app, list(arguments), obj=root)
    assert done.exit_code == exit_code, done.output
    assert "Traceback" not in done.output
    return done.output


def run(root: Path, *command: str | Path) -> str:
    """Run a tool in a checkout; it must succeed."""
    done = subprocess.run(command, cwd=root, env=clean_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tree(root: Path) -> dict[str, str]:
    """Every file that is somebody's."""
    return {
        file.relative_to(root).as_posix(): file.read_text()
        for folder in ("stages", "services", ".github", "pipeline/scaffold", "docs/runbooks")
        for file in sorted((root / folder).rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    }


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return copy_of_the_checkout(tmp_path / "checkout")


def test_generated_files_are_in_step_with_the_services() -> None:
    plan = plans.keep_in_step(ROOT)
    behind = [str(change.file) for change in plan.draft.changes()]
    assert behind == [], "run `penstock ledger` and commit what it writes"
    assert all((ROOT / file).exists() for file in GENERATED)


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        *((name, True) for name in ("prod", "prod-eu", "a1", "a" * 16)),
        *((name, False) for name in ("prod-", "prod--eu", "-prod", "Prod", "1a", "", "a" * 17, "prod\n")),
        *((name, False) for name in ("branch", "branch-x", "removals", "source", "every", "prod-gate")),
    ],
)
def test_a_stage_name_is_allowed_by_the_generator_if_and_only_if_the_catalogue_takes_it(
    name: str, *, allowed: bool
) -> None:
    def taken(use: Callable[[], object]) -> bool:
        try:
            use()
        except (ScaffoldError, ValueError, InvalidCatalogueError):
            return False
        return True

    def in_a_catalogue() -> None:
        check((Stage(environment=Environment(name=name, **PLACE), services=()),))

    assert (taken(lambda: StageName(name=name)), taken(in_a_catalogue)) == (allowed, allowed)


def commands(page: str) -> list[list[str]]:
    """The commands of a page that edit the repository, in its order."""
    lines = (ROOT / "docs" / page).read_text().splitlines()
    said = [shlex.split(line, comments=True)[1:] for line in lines if line.strip().startswith("penstock ")]
    return [each for each in said if each[0] in ("new", "promote", "remove", "ledger")]


PAGES = ("add-a-service.md", "promote.md", "remove.md", "operate.md")


@pytest.mark.parametrize(("page", "command"), [(page, command) for page in PAGES for command in commands(page)])
def test_scaffold_pages_name_existing_commands(page: str, command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """That they do what the page says is what the tests below and of the round trip show."""
    plan = plans.Plan(draft=Draft(root=ROOT))
    for name in ("new_service", "new_stage", "promote", "remove", "keep_in_step"):
        monkeypatch.setattr(plans, name, lambda *_arguments, **_named: plan)
    monkeypatch.setattr(removal_cleanup, "finish", lambda *_arguments, **_named: (plan, False))
    monkeypatch.setattr(undeployed, "forget", lambda *_arguments: plan)
    monkeypatch.setattr(
        scaffold, "connect", lambda *_arguments, **_named: SimpleNamespace(pipeline=SimpleNamespace(target=None))
    )
    penstock(ROOT, *command)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with a new stage and two new services, one with the longest name, a worker and no personal data."""
    root = copy_of_the_checkout(tmp_path_factory.mktemp("generated") / "checkout")
    binary = root / ".venv/bin/penstock"
    instead = {"payments": NEW, "canary": NEW_STAGE, "555555555555": ACCOUNT}
    service, *_ = commands("add-a-service.md")
    _, _, _, stage, promote = ([instead.get(word, word) for word in each] for each in commands("promote.md"))
    run(root, binary, *(instead.get(word, word) for word in service))
    run(root, binary, "new", "service", LONGEST, "--worker", "--no-personal-data", "--owner", "@example/long")
    run(root, binary, *stage)
    run(root, binary, *promote)
    return root


def test_new_changes_one_hand_written_file_and_generated_ones(generated: Path) -> None:
    before, after = tree(ROOT), tree(generated)
    new = {file for file in after if file not in before}
    changed = {file for file in before if after[file] != before[file]}
    folders = [f"services/{ServiceName(name=name).module}/" for name in (NEW, LONGEST)]
    pages = {f"docs/runbooks/{name}.md" for name in (NEW, LONGEST)}
    assert {file for file in new if not file.startswith(tuple(folders))} == {
        f"stages/{NEW_STAGE.replace('-', '_')}.py",
        *pages,
    }
    assert changed - {str(file) for file in GENERATED} == {
        "stages/dev.py",  # of both services
        "stages/accounts.py",  # of the stage's account and region
        "stages/catalogue.py",
    }
    assert "TriedByATest()" in after["stages/dev.py"]
    organisation = owners.platform_owner(Draft(root=ROOT)).partition("/")[0]
    assert f"/{FOLDER}/ {organisation}/{NEW}\n" in after[".github/CODEOWNERS"]


@pytest.mark.slow
def test_new_service_and_stage_pass_the_gate(generated: Path, subtests: pytest.Subtests, tmp_path: Path) -> None:
    binaries = generated / ".venv/bin"
    folders = [Path("services") / ServiceName(name=name).module for name in (NEW, LONGEST)]
    with subtests.test("lint"):
        run(generated, binaries / "ruff", "check", "--no-cache", "services", "stages")
        run(generated, binaries / "ruff", "format", "--no-cache", "--check", "services", "stages")
    with subtests.test("types"):
        done = mypy(generated, *folders, "stages", work=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    with subtests.test("stage entries"):
        assert "The stages are valid." in run(generated, binaries / "penstock", "validate")
    with subtests.test("who imports whom"):
        assert violations(generated) == []
    with subtests.test("its own tests, and those that know every stage and service, over a synth under guardrails"):
        everyones = [
            "tests/services/test_runbooks.py",
            "tests/pipeline/catalogue/test_stages.py",
            "tests/pipeline/catalogue/test_ledger.py",
            "tests/pipeline/definition/test_pipeline.py",
            "tests/pipeline/accounts/test_foundation.py",
        ]
        own = (folders[0], folders[1] / "tests/test_count.py")
        run(generated, binaries / "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", *own, *everyones)
    with subtests.test("what is generated is in step"):
        assert "Nothing was changed" in (said := run(generated, binaries / "penstock", "ledger", "--dry-run"))
        assert "diff" not in said
        assert "+++" not in said


JUDGE = """
import json
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import aws_cdk as cdk

from pipeline.accounts.execution_policies import DeploymentAccounts
from pipeline.catalogue.model import Stage
from pipeline.definition.service_stage import ServiceStage, checked_stacks
from pipeline.scaffold.names import ServiceName
from services.library.contract.environment import Environment, Tier
from services.library.guardrails.judgement import Guardrails

context = json.loads(Path("cdk.json").read_text())["context"] | {"aws:cdk:enable-path-metadata": True}
for name in map(lambda each: ServiceName(name=each), sys.argv[1:]):
    service = getattr(import_module(f"services.{name.module}.service"), name.class_name)
    for tier in Tier:
        with tempfile.TemporaryDirectory() as folder:
            environment = Environment(name="here", tier=tier, account="1" * 12, region="eu-west-1")
            app = cdk.App(outdir=folder, context=context)
            built = ServiceStage(app, Stage(environment=environment, services=(service(),)))
            made = Path(built.synth(skip_validation=True).directory)
            execution = DeploymentAccounts.of([environment], tools="").policy
            judgement = Guardrails(checked_stacks(built), accepted=(), execution=execution).judge(app, made)
            assert service.acknowledgements == ()
            assert judgement.failed == (), judgement.failed
            print(tier, len([each for each in judgement.decided if each.finding.path.endswith("/Function/Resource")]))
"""
FUNCTION = """        Function(
            self,
            "Again",
            environment=environment,
            settings=FunctionSettings(
                handler="services.{module}.runtime.handler.handle",
                description="Does it once more",
                variables={{"TABLE_NAME": self.entries.table.table_name}},
                reserved_concurrency=2,
            ),
            alarms_to=self.alarms,
        )
"""


@pytest.mark.slow
def test_new_service_passes_guardrails_without_an_acknowledgement_and_so_does_a_further_function(
    generated: Path,
) -> None:
    file = generated / FOLDER / "service.py"
    text = file.read_text()
    assert not list((generated / FOLDER).glob("acknowledgements.py"))

    def decided_functions(*services: str) -> list[str]:
        return run(generated, generated / ".venv/bin/python", "-c", JUDGE, *services).splitlines()

    without_personal_data = ["sandbox 0", "pre-production 0", "production 0"]  # and no rule of HIPAA's to decide on
    assert decided_functions(NEW, LONGEST) == ["sandbox 1", "pre-production 1", "production 1", *without_personal_data]
    anchor = "        self.entries.grant("
    assert anchor in text
    file.write_text(text.replace(anchor, FUNCTION.format(module=ServiceName(name=NEW).module) + anchor, 1))
    try:
        assert decided_functions(NEW) == ["sandbox 2", "pre-production 2", "production 2"]
    finally:
        file.write_text(text)


def test_new_service_overwrites_nothing_and_completes_an_interrupted_run(checkout: Path) -> None:
    before = tree(checkout)
    assert "Nothing was changed." in penstock(checkout, "new", "service", NEW, "--dry-run")
    shown = json.loads(penstock(checkout, "new", "service", NEW, "--dry-run", "--json"))
    assert shown["applied"] is False
    assert {each["change"] for each in shown["changes"]} == {"add", "edit"}
    assert tree(checkout) == before

    penstock(checkout, "new", "service", NEW)
    after = tree(checkout)
    assert "there is nothing to do" in penstock(checkout, "new", "service", NEW, exit_code=2)
    for file in ("stages/dev.py", f"{FOLDER}/runtime/store.py"):  # as if it had been cut off
        (checkout / file).unlink() if file not in before else (checkout / file).write_text(before[file])
    penstock(checkout, "new", "service", NEW)
    assert tree(checkout) == after

    (checkout / f"{FOLDER}/service.py").write_text("MINE = 1\n")
    said = penstock(checkout, "new", "service", NEW, exit_code=2)
    assert f"{FOLDER}/service.py is there already, with other text: nothing is overwritten" in said
    (checkout / "services/old").mkdir()
    (checkout / "services/old/notes.txt").write_text("mine\n")
    assert "services/old is there already, with notes.txt" in penstock(checkout, "new", "service", "old", exit_code=2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("new", "service", "Payments"), "Service name 'Payments' is not allowed; give at most 24"),
        (("new", "service", "table"), "its class Table would be called like one of the library's"),
        (("new", "service", "stage"), "calls something else Stage"),
        (("new", "service", NEW, "--owner", "me"), "--owner 'me' is not allowed; give @organisation/team"),
        (("new", "service", "second"), "services/second is there already"),
        (("new", "stage", "qa", "--after", "dev"), "There is a stage or wave qa already"),
        (("new", "stage", NEW_STAGE, "--after", "nowhere"), "--after 'nowhere' is no stage; give one of dev"),
        (("new", "stage", "branches", "--after", "dev"), "stages/branches.py is there already"),
        (("new", "stage", "tools", "--after", "dev"), "stages/accounts.py has TOOLS = '999999999999' already"),
        (("promote", "nothing"), "No stage lists nothing"),
        (("promote", "secnd"), "or list it in the first stage by hand. Did you mean second?"),
        (("promote", "second", "--to", "nowhere"), "--to 'nowhere' is no stage; give one of dev"),
        (("remove", "second"), "Give the service, and --why in a sentence"),
        (("remove", "nothing", "--why", "It is not there at all"), "No stage lists nothing"),
        (("remove", "secnd", "--why", "It is not there at all"), "in stages/deployed.json. Did you mean second?"),
        (("remove", "secnd", "--never-deployed"), "in stages/deployed.json. Did you mean second?"),
        (("remove", "second", "--why", "short"), "says why='short'; give 20 characters or more"),
        (
            ("remove", "second", "--why", "It is not needed", "--stage", "nowhere"),
            "--stage 'nowhere': second is not there",
        ),
        (("remove", "first", "--why", "It is not needed any more"), "second needs 'first/queue-name'"),
        (("remove", "second", "--why", "It is not needed", "--owner", "me"), "--owner 'me' is not allowed"),
        (("remove", "second", "--why", "It is not needed", "--delete-code"), "--delete-code goes with --finish"),
        (("remove", "--finish", "--delete-code"), "--delete-code deletes one service's folder: name the service"),
        (("remove", "--finish", "--why", "It is not needed"), "leave out --stage, --why and --owner"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_scaffold_refuses_wrong_arguments_and_changes_nothing(
    arguments: tuple[str, ...], said: str, platform: Stages
) -> None:
    root = platform((stage("dev", *BOTH), stage("qa", *BOTH)))
    place = ("--account", ACCOUNT, "--region", "eu-west-1", "--tier", "sandbox")
    before = tree(root)
    assert said in penstock(root, *arguments, *(place if arguments[:2] == ("new", "stage") else ()), exit_code=2)
    assert tree(root) == before


HERE = Environment(name="dev", tier=Tier.SANDBOX, account="111111111111", region="eu-west-1")
STAGE = """from services.first.service import First
from services.second.service import Second
from services.library.contract.environment import Environment, Tier
from stages import accounts
from pipeline.catalogue.model import Stage

{constant} = Stage(
    environment=Environment(name="{name}", tier=Tier.SANDBOX, account=accounts.DEV, region=accounts.FIRST_REGION),
    services={services},
)
"""


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stages:
    """A checkout of small services: what Python would read of its stages is given, and their files are written."""
    checkout = small_checkout.make(tmp_path / "checkout")
    for each in (First, Second):
        monkeypatch.setattr(each, "__module__", f"services.{each.name}.service")  # as it would read them there
    (checkout / "stages/deployed.json").write_text("[]\n")
    monkeypatch.setattr(ledger.read, "__defaults__", (checkout / "stages/deployed.json",))

    def write(catalogue: Catalogue) -> Path:
        for stage in stages_of(catalogue):
            listed = "".join(f"{written(each)}, " for each in stage.services)
            text = STAGE.format(constant=stage.name.upper(), name=stage.name, services=f"({listed})")
            file = Path(f"stages/{stage.name}.py")
            (checkout / file).write_text(tidy(checkout, file, text))
        monkeypatch.setattr(loading, "whole", lambda _root: catalogue)
        return checkout

    return write


def written(service: Any) -> str:
    return f"Second(retention_days={service.retention_days})" if isinstance(service, Second) else "First()"


def stage(name: str, *services: Any, account: str = "111111111111") -> Stage:
    return Stage(environment=replace(HERE, name=name, account=account), services=services)


BOTH = (First(), Second(retention_days=7))
WAVE = Wave(name="eu", stages=(stage("one", First()), stage("two", First())))


@pytest.mark.parametrize(
    ("catalogue", "to", "reaches"),
    [
        ((stage("dev", *BOTH), stage("qa", First()), stage("prod", First())), None, ["qa"]),
        ((stage("dev", *BOTH), stage("qa", *BOTH), stage("prod", First())), None, ["prod"]),
        ((stage("dev", *BOTH), stage("qa", First()), stage("prod", *BOTH)), None, ["qa"]),
        ((stage("dev", *BOTH), stage("qa", First()), stage("prod", First())), "prod", ["qa", "prod"]),
        ((stage("dev", First()), stage("qa", *BOTH), stage("prod", First())), None, ["prod"]),
        ((stage("dev", *BOTH), WAVE, stage("prod", First())), None, ["one", "two"]),
        ((stage("dev", *BOTH), WAVE, stage("prod", First())), "eu", ["one", "two"]),
        ((stage("dev", *BOTH), WAVE, stage("prod", First())), "two", ["two"]),
        ((stage("dev", *BOTH), WAVE, stage("prod", First())), "prod", ["one", "two", "prod"]),
        ((stage("dev", *BOTH), stage("qa", *BOTH)), None, []),
        ((stage("dev", *BOTH), stage("qa", *BOTH), stage("prod", First())), "qa", []),
    ],
)
def test_promote_copies_an_entry_to_the_next_stages(
    catalogue: Catalogue, to: str | None, reaches: list[str], platform: Stages
) -> None:
    root = platform(catalogue)
    before = tree(root)
    said = penstock(root, "promote", "second", *(("--to", to) if to else ()))
    after = tree(root)
    assert [file for file in before if after[file] != before[file] and file.endswith(".py")] == sorted(
        f"stages/{name}.py" for name in reaches
    )
    for name in reaches:
        assert "Second(retention_days=7)" in after[f"stages/{name}.py"]
    shipped = {each["stage"] for each in json.loads(after["stages/deployed.json"]) if each["service"] == "second"}
    assert shipped == set(reaches)
    assert ("there is nothing to do" in said) == (not reaches)


def test_promote_refuses_a_stage_before_the_first_that_lists_the_service(platform: Stages) -> None:
    root = platform((stage("dev", First()), stage("qa", *BOTH)))
    assert "--to 'dev' comes before qa" in penstock(root, "promote", "second", "--to", "dev", exit_code=2)


def test_promote_refuses_what_would_not_be_valid(platform: Stages) -> None:
    root = platform((stage("dev", *BOTH), stage("qa")))
    before = tree(root)
    said = penstock(root, "promote", "second", exit_code=2)
    assert "stages/qa.py: second needs 'first/queue-name', which no service of this stage offers" in said
    assert tree(root) == before


def test_remove_deletes_entries_and_writes_tombstones(platform: Stages, subtests: pytest.Subtests) -> None:
    catalogue = (stage("dev", *BOTH), stage("qa", *BOTH, account="222222222222"))
    root = platform(catalogue)
    (root / "stages/deployed.json").write_text(ledger.text_of(ledger.ships(catalogue)))
    with subtests.test("of one stage"):
        plan = plans.remove(root, "second", stages=["qa"], why="Nobody  tests\nit here any more", owner=None)
        assert [str(each.file) for each in plan.draft.changes()] == ["stages/qa.py", "stages/removed.py"]
        assert 'why="Nobody tests it here any more"' in plan.draft.read(Path("stages/removed.py"))
        assert 'owner="@example/second"' in plan.draft.read(Path("stages/removed.py"))
    with subtests.test("of all stages, and again"):
        penstock(root, "remove", "second", "--why", "Replaced by the partner's own", "--owner", "@example/other")
        text = (root / "stages/removed.py").read_text()
        assert text.count("Tombstone(") == 2
        assert "@example/other" in text
        assert "Second" not in (root / "stages/dev.py").read_text() + (root / "stages/qa.py").read_text()


def test_remove_writes_the_tombstone_of_an_orphaned_stack(platform: Stages) -> None:
    catalogue = (stage("dev", First()),)
    root = platform(catalogue)
    (root / "stages/deployed.json").write_text(ledger.text_of(ledger.ships((stage("dev", *BOTH),))))
    before = tree(root)
    penstock(root, "remove", "second", "--stage", "dev", "--why", "It was taken out by hand")
    assert [file for file, text in tree(root).items() if text != before[file]] == ["stages/removed.py"]


def test_remove_forgets_what_no_push_has_brought_to_the_pipeline(gone: Path) -> None:
    said = penstock(gone, "remove", "first", "--never-deployed")
    assert "first leaves dev, where it was never deployed." in said
    assert "First" not in (gone / "stages/dev.py").read_text()
    assert (gone / "stages/removed.py").read_text() == run(gone, "git", "show", "HEAD:stages/removed.py")
    assert "No stage lists nobody" in penstock(gone, "remove", "nobody", "--never-deployed", exit_code=2)
    refused = penstock(gone, "remove", "first", "--never-deployed", "--stage", "dev", exit_code=2)
    assert "--never-deployed takes a service out whole" in refused


def test_remove_takes_nothing_for_undeployed_that_a_remotes_branch_lists(gone: Path) -> None:
    branch = upstream.branch_of(SETTINGS.source)
    run(gone, "git", "update-ref", f"refs/remotes/origin/{branch}", "HEAD")
    before = tree(gone)
    said = penstock(gone, "remove", NEW, "--never-deployed", exit_code=2)
    assert f"{NEW} is on origin/{branch}, so that a run may have deployed it. Give --why" in said
    assert tree(gone) == before


def test_remove_of_a_moved_service_removes_its_old_stack_alone(platform: Stages) -> None:
    root = platform((stage("dev", *BOTH),))
    old = [replace(each, account="222222222222") for each in ledger.ships((stage("dev", *BOTH),))]
    (root / "stages/deployed.json").write_text(ledger.text_of(old))
    before = tree(root)
    said = penstock(root, "remove", "second", "--stage", "dev", "--why", "Moved to an account of its own")
    assert "second stays in dev, where it is now" in said
    after = tree(root)
    assert [file for file in before if after[file] != before[file]] == ["stages/deployed.json", "stages/removed.py"]
    shipped = {(each.service, each.account) for each in ledger.read()}
    assert {("second", "111111111111"), ("second", "222222222222")} <= shipped


@pytest.fixture
def gone(platform: Stages, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in git in which the new service was removed from its one stage."""
    root = platform((stage("dev", First()),))
    penstock(root, "new", "service", NEW)
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "All")):
        person = ("-c", "user.name=A Person", "-c", "user.email=person@example.com")
        run(root, "git", *person, *command)
    monkeypatch.setattr(removal_cleanup, "REMOVED", (Tombstone(stage="dev", service=NEW, why="x", owner="@a/b"),))
    monkeypatch.setattr(removal_cleanup, "_record", lambda _target, _stack: {"kept": ["AWS::KMS::Key k-1"]})
    monkeypatch.setattr(removal_cleanup, "_is_there", lambda _target, _stack: False)
    return root


def finish(root: Path, *, delete_code: bool) -> plans.Plan:
    target = Target(account="1", region="r", endpoint=None, _clients=lambda *_: None, _credentials=lambda _: None)  # type: ignore[arg-type, return-value]  # it is never asked
    plan, left = removal_cleanup.finish(root, target, NEW, delete_code=delete_code)
    assert not left
    plan.draft.apply(plan.draft.changes())
    return plan


def test_remove_deletes_the_code_of_a_removed_service_if_git_has_it(gone: Path) -> None:
    plan = finish(gone, delete_code=False)
    assert "  kept, and no longer anybody's: AWS::KMS::Key k-1" in plan.said
    assert any(f"--delete-code    # unless {FOLDER} is still of use" in each for each in plan.next)
    assert (gone / f"{FOLDER}/service.py").exists()
    assert not [each for each in ledger.read() if each.service == NEW]

    (gone / f"{FOLDER}/notes.txt").write_text("not committed\n")
    with pytest.raises(Exception, match="something that is not committed, and would be lost"):
        finish(gone, delete_code=True)
    (gone / f"{FOLDER}/notes.txt").unlink()
    finish(gone, delete_code=True)
    assert not (gone / FOLDER).exists()
    assert not (gone / f"docs/runbooks/{NEW}.md").exists()
    assert NEW not in (gone / ".github/CODEOWNERS").read_text()


def test_remove_keeps_the_code_of_a_listed_service(platform: Stages) -> None:
    root = platform((stage("dev", *BOTH),))
    target: Any = None
    plan, _ = removal_cleanup.finish(root, target, "second", delete_code=True)
    assert plan.said == ["The folder of second stays: it is in a stage, or its stacks are not gone yet."]
    assert plan.draft.changes() == []


def test_promote_takes_the_entry_of_a_later_stage_of_the_wave_if_none_before_has_it(platform: Stages) -> None:
    wave = Wave(name="eu", stages=(stage("one", First()), stage("two", *BOTH)))
    said = penstock(platform((stage("dev", First()), wave)), "promote", "second")
    assert "one: `Second(retention_days=7)`, as in two." in said


def test_promote_says_when_settings_cannot_be_taken_along(platform: Stages) -> None:
    root = platform((stage("dev", *BOTH), stage("qa", First())))
    file = root / "stages/dev.py"
    before, _, services = file.read_text().partition("    services=(")
    file.write_text(f"{before}    services=every(),{services.partition('    ),')[2]}")
    said = penstock(root, "promote", "second")
    assert "qa: without settings, for dev does not list second one by one." in said
    assert "Second()" in (root / "stages/qa.py").read_text()


def test_promote_refuses_an_entry_that_cannot_be_made() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Sized(Second):
        size: int

    entry = Entry(module="second", class_name="Sized", left_out=("size=LARGE",))
    with pytest.raises(ScaffoldError, match=r"`Sized\(\)` cannot be made: .*'size'\. Add the entry by hand\."):
        plans._made(Sized(size=3), entry)


def test_new_service_refuses_a_catalogue_without_a_stage(platform: Stages) -> None:
    root = platform(())
    before = tree(root)
    said = penstock(root, "new", "service", NEW, exit_code=2)
    assert "stages/catalogue.py lists no stage: `penstock new stage` adds one." in said
    assert tree(root) == before


def test_remove_of_what_has_its_tombstones_changes_nothing(platform: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    root = platform((stage("dev", First()),))
    monkeypatch.setattr(plans, "REMOVED", (Tombstone(stage="dev", service="second", why="x", owner="@a/b"),))
    before = tree(root)
    said = penstock(root, "remove", "second", "--why", "Nobody calls it any more")
    assert "second has its tombstones already: there is nothing to do." in said
    assert "penstock remove second --finish    # once the pipeline has deleted its stacks" in said
    assert tree(root) == before


def asked(*answers: ClientError | dict[str, Any]) -> Target:
    """A target whose APIs give these answers, one after another."""
    client = Mock(**{"get_parameter.side_effect": answers, "describe_stacks.side_effect": answers})
    return Target(
        account="1",
        region="r",
        endpoint=None,
        _clients=lambda *_place: client,
        _credentials=Mock(),
    )


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "said AWS"}}, "Operation")


def test_remove_finishes_nothing_where_nothing_was_removed(gone: Path) -> None:
    plan, left = removal_cleanup.finish(gone, asked(), "second", delete_code=False)
    assert (plan.said, left, plan.draft.changes()) == (["There is nothing to finish."], False, [])
    line = "remove second --finish --delete-code    # unless services/second is still of use"
    assert plan.next == [penstock_line(line)]
    plan, left = removal_cleanup.finish(gone, asked(), "nobody", delete_code=False)
    assert (plan.said, plan.next, left) == (["There is nothing to finish."], [], False)


def test_remove_names_the_dependency_group_of_the_deleted_code(gone: Path) -> None:
    with (gone / "pyproject.toml").open("a") as file:
        file.write(f"\n{NEW} = []\n")
    line = f"make lock setup    # once the dependency group {NEW} is out of pyproject.toml"
    assert line in finish(gone, delete_code=True).next


def test_remove_deletes_no_code_outside_of_git(gone: Path) -> None:
    (gone / ".git").rename(gone / "no-git")
    with pytest.raises(ScaffoldError, match="git ls-files failed: fatal: not a git repository"):
        finish(gone, delete_code=True)
    assert (gone / f"{FOLDER}/service.py").exists()


def test_remove_takes_no_error_for_a_stack_that_is_gone() -> None:
    stack = ledger.shipped_by(HERE, "second")
    assert removal_cleanup._record(asked(refused("ParameterNotFound")), stack) is None
    assert removal_cleanup._record(asked({"Parameter": {"Value": '{"kept": []}'}}), stack) == {"kept": []}
    assert removal_cleanup._is_there(asked({}), stack)
    assert not removal_cleanup._is_there(asked(refused("ValidationError")), stack)
    for look in (removal_cleanup._record, removal_cleanup._is_there):
        with pytest.raises(ClientError, match="said AWS"):
            look(asked(refused("AccessDenied")), stack)
