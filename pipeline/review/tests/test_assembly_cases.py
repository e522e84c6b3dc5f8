"""The assembly cases of the review, by their number in the design. A19 and A20 are the documents' own."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.review import engine
from pipeline.review.diff import trees
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Level, ResourceOutcome, Review, Verdict
from pipeline.review.read import assembly
from pipeline.review.render import group_rows
from pipeline.review.tests.assemblies import ACCOUNTS, TODAY, StackOf, digest, review, write
from pipeline.review.tests.cases.case import resource, template
from pipeline.review.tests.cases.data import DELETED, table

Json = Any
TOPIC = {"T": resource("SNS::Topic")}


def plain(**more: Json) -> StackOf:
    return StackOf(template=template({"A": table(), **TOPIC}), **more)


def rules(found: Review) -> dict[str, Level]:
    return {finding.rule: finding.level for finding in found.findings}


def evidence(found: Review, rule: str) -> str:
    return next(finding.evidence for finding in found.findings if finding.rule == rule)


def both(tmp_path: Path, base: Json, head: Json, **shared: Json) -> Review:
    return review(write(tmp_path / "base", base, **shared), write(tmp_path / "head", head, **shared))


EXPORT = {"Outputs": {"Out": {"Value": {"Ref": "T"}, "Export": {"Name": "shared"}}}}
IMPORTER = StackOf(template=template({"S": resource("SNS::Subscription", {"TopicArn": {"Fn::ImportValue": "shared"}})}))


def test_a1_review_finds_a_removed_export_that_a_sibling_imports(tmp_path: Path) -> None:
    exporter = StackOf(template=template(TOPIC, **EXPORT))
    found = both(
        tmp_path,
        {"dev": {"one": exporter, "two": IMPORTER}},
        {"dev": {"one": StackOf(template=template(TOPIC)), "two": IMPORTER}},
    )
    assert rules(found)["Review-ExportInUse"] is Level.HIGH
    assert "The deploy will fail" in evidence(found, "Review-ExportInUse")
    assert "dev-two" in evidence(found, "Review-ExportInUse")


def test_a2_another_stack_name_is_a_new_stack_and_leaves_the_old_one(tmp_path: Path) -> None:
    found = both(tmp_path, {"dev": {"one": plain()}}, {"dev": {"one": plain(name="other")}})
    assert rules(found)["Review-StackMoved"] is Level.CRITICAL
    (stack,) = found.stacks
    assert (stack.outcome, stack.stateful) == (ResourceOutcome.REPLACE, ("A",))
    assert "left behind" in evidence(found, "Review-StackMoved")


def test_a3_another_account_or_region_is_a_new_stack(tmp_path: Path) -> None:
    for name, place in (("account", {"account": "555555555555"}), ("region", {"region": "us-east-1"})):
        found = both(tmp_path / name, {"dev": {"one": plain()}}, {"dev": {"one": plain(**place)}})
        assert rules(found)["Review-StackMoved"] is Level.CRITICAL, name


def test_a4_review_finds_termination_protection_switched_off(tmp_path: Path) -> None:
    found = both(tmp_path, {"dev": {"one": plain(protected=True)}}, {"dev": {"one": plain()}})
    assert rules(found) == {"Review-TerminationProtectionOff": Level.HIGH}


def test_a5_review_of_an_assembly_against_itself_is_empty(tmp_path: Path) -> None:
    stages = {"dev": {"one": plain(), "two": StackOf(template=template(TOPIC, **EXPORT))}}
    found = both(tmp_path, stages, stages)
    assert found.is_empty
    assert (found.verdict, found.risk) == (Verdict.PASS, Level.NONE)


def test_a6_a_stage_that_goes_leaves_its_stacks_behind(tmp_path: Path) -> None:
    found = both(tmp_path, {"dev": {"one": plain()}, "qa": {"one": plain()}}, {"dev": {"one": plain()}})
    assert rules(found) == {"Review-StackOrphaned": Level.CRITICAL, "Review-StageRemoved": Level.CRITICAL}
    assert [stack.outcome for stack in found.stacks] == [ResourceOutcome.ORPHAN]
    assert not found.changes


def pipeline_with(*actions: str) -> Json:
    """The template of a pipeline whose stage dev has these builds."""
    builds = [{"Name": name, "ActionTypeId": {"Category": "Build", "Provider": "CodeBuild"}} for name in actions]
    return template({"P": resource("CodePipeline::Pipeline", {"Stages": [{"Name": "dev", "Actions": builds}]})})


def removal(folder: Path, stack: StackOf, *actions: str) -> Review:
    """The review of a change that takes service `two` out of dev, where the pipeline then has these steps.

    They bear a removal's name alone: test_removals.py has those that run what one runs.
    """
    base = write(folder / "base", {"dev": {"one": plain(), "two": stack}}, pipeline=pipeline_with())
    return review(base, write(folder / "head", {"dev": {"one": plain()}}, pipeline=pipeline_with(*actions)))


def test_a_stack_with_a_tombstone_is_deleted_and_what_it_keeps_is_named(tmp_path: Path) -> None:
    kept = StackOf(template=template({"A": {**table(), "DeletionPolicy": "Retain"}, **TOPIC}))
    found = removal(tmp_path, kept, "Remove-dev-two")
    assert rules(found) == {"Review-StackRemoved": Level.MEDIUM, "Review-PipelineControl": Level.HIGH}
    assert [stack.outcome for stack in found.stacks] == [ResourceOutcome.DESTROY]
    assert "no longer anybody's: A" in evidence(found, "Review-StackRemoved")
    assert found.irreversible == (
        "two in dev: the stack dev-two is deleted: made again, it has others beside A, and empty ones",
    )


def test_review_finds_data_lost_with_a_deleted_stack(tmp_path: Path) -> None:
    found = removal(tmp_path, StackOf(template=template({"A": {**table(), **DELETED}, **TOPIC})), "Remove-dev-two")
    assert rules(found)["Review-DataLoss"] is Level.CRITICAL
    assert "The data in A are deleted with the stack dev-two" in evidence(found, "Review-DataLoss")
    assert found.irreversible == ("two in dev: the stack dev-two is deleted, and with it the data in A",)


@pytest.mark.parametrize(
    ("type_", "rule", "level"),
    [
        ("SecretsManager::Secret", "Review-SecretLost", Level.HIGH),
        ("SQS::Queue", "Review-MessagesLost", Level.MEDIUM),
        ("Glue::Registry", "Review-UnknownData", Level.HIGH),
    ],
)
def test_review_finds_what_else_is_lost_with_a_deleted_stack(
    type_: str, rule: str, level: Level, tmp_path: Path
) -> None:
    found = removal(tmp_path, StackOf(template=template({"A": resource(type_), **TOPIC})), "Remove-dev-two")
    assert rules(found)[rule] is level
    assert rules(found).keys() <= {rule, "Review-StackRemoved", "Review-PipelineControl"}
    (reason,) = found.irreversible
    assert f"A/Resource (AWS::{type_}) goes, and" in reason or f"A (AWS::{type_}) goes, and" in reason


def test_review_finds_data_lost_with_a_deleted_stack_in_its_nested_one(tmp_path: Path) -> None:
    nested = resource("CloudFormation::Stack", {"TemplateURL": "u"}, Metadata={"aws:asset:path": "inner.json"})
    stack = StackOf(template=template({"N": nested}), nested={"inner.json": template({"A": {**table(), **DELETED}})})
    assert rules(removal(tmp_path, stack, "Remove-dev-two"))["Review-DataLoss"] is Level.CRITICAL


def test_a_tombstone_of_another_stack_covers_nothing(tmp_path: Path) -> None:
    found = removal(tmp_path, plain(), "Remove-dev-three")
    assert rules(found)["Review-StackOrphaned"] is Level.CRITICAL
    assert "docs/remove.md" in next(each.advice for each in found.findings if each.rule == "Review-StackOrphaned")


def handler(account: str) -> StackOf:
    settings = {"Handler": "h", "Environment": {"Variables": {"TOPIC": f"arn:aws:sns:eu-west-1:{account}:t"}}}
    return StackOf(template=template({"F": resource("Lambda::Function", settings)}))


def test_a7_a_change_in_production_that_points_at_dev_is_a_row_and_a_warning_of_its_own(tmp_path: Path) -> None:
    base = {stage: {"one": handler("x")} for stage in ("dev", "prod")}
    own = {stage: {"one": handler(ACCOUNTS[stage])} for stage in ("dev", "prod")}
    astray = {**own, "prod": {"one": handler(ACCOUNTS["dev"])}}
    assert len(group_rows.group_rows(both(tmp_path / "own", base, own).changes)) == 1
    found = both(tmp_path / "astray", base, astray)
    assert [row.stages for row in group_rows.group_rows(found.changes)] == [("dev",), ("prod",)]
    (warning,) = [finding for finding in found.findings if finding.rule == "Review-CrossEnvironment"]
    assert (warning.stages, warning.level) == (("prod",), Level.HIGH)
    assert "dev" in warning.evidence


def code(key: str) -> StackOf:
    settings = {"Code": {"S3Bucket": "assets", "S3Key": f"{digest(key)}.zip"}, "Handler": "h"}
    return StackOf(template=template({"F": resource("Lambda::Function", settings)}))


def test_a8_other_code_alone_is_one_folded_row_without_risk(tmp_path: Path) -> None:
    assets = [digest("one"), digest("two")]
    found = both(
        tmp_path,
        {stage: {"one": code("one")} for stage in ACCOUNTS},
        {stage: {"one": code("two")} for stage in ACCOUNTS},
        assets=assets,
    )
    assert [row.first.noise for row in group_rows.group_rows(found.changes)] == ["code changed"]
    assert (found.verdict, found.risk, found.findings) == (Verdict.PASS, Level.NONE, ())
    assert {(asset.kind, asset.old, asset.new) for asset in found.assets} == {("code", *assets)}


def outer(file: str, key: str, **parameters: Json) -> StackOf:
    body = {"TemplateURL": f"https://s3/{digest(key)}.json", "Parameters": parameters}
    nested = {**resource("CloudFormation::Stack", body), "Metadata": {"aws:asset:path": file}}
    inner = template({"Inner": table(key, **DELETED)})
    return StackOf(template=template({"N": nested, **TOPIC}), nested={file: inner})


def test_a9_review_finds_a_replacement_inside_a_nested_stack(tmp_path: Path) -> None:
    found = both(
        tmp_path,
        {"dev": {"one": outer("one.nested.template.json", "id")}},
        {"dev": {"one": outer("two.nested.template.json", "tenant")}},
        assets=[digest("id"), digest("tenant")],
    )
    rows = {row.logical_id: row for row in found.changes}
    assert (rows["Inner"].outcome, rows["Inner"].data_loss) == (ResourceOutcome.REPLACE, True)
    assert (rows["Inner"].service, rows["Inner"].stack) == ("one", "dev-one/N")
    assert rows["N"].noise == "nested template"
    assert rules(found) == {"Review-DataLoss": Level.CRITICAL}


def foreign(key: str) -> StackOf:
    """A stack with a nested one whose template the assembly does not have."""
    return StackOf(template=outer("elsewhere.template.json", key).template)


@pytest.mark.parametrize("side", ["base", "head", "both", "inner"])
def test_a9_review_is_incomplete_if_a_nested_stack_changes_whose_template_it_does_not_have(
    side: str, tmp_path: Path
) -> None:
    old, new = outer("n.template.json", "id"), outer("n.template.json", "tenant")
    if side == "inner":
        sides = [replace(each, nested={"n.template.json": foreign(f"{each is old}").template}) for each in (old, new)]
    else:
        sides = [foreign("id") if side != "head" else old, foreign("tenant") if side != "base" else new]
    found = both(tmp_path, *({"dev": {"one": each}} for each in sides), assets=[digest("id"), digest("tenant")])
    place = "dev-one/N" if side == "inner" else "dev-one"
    assert found.incomplete == (
        f"The template of N, a nested stack of {place}, is not at hand: what it changes is not known.",
    )
    assert found.verdict in (Verdict.INCOMPLETE, Verdict.BLOCKED)


def test_a9_review_is_incomplete_if_a_nested_stack_is_new_whose_template_it_does_not_have(tmp_path: Path) -> None:
    found = both(tmp_path, {"dev": {"one": StackOf(template=template(TOPIC))}}, {"dev": {"one": foreign("id")}})
    assert found.verdict is Verdict.INCOMPLETE


def test_a9_review_is_complete_if_a_nested_stack_stays_whose_template_it_does_not_have(tmp_path: Path) -> None:
    more = {**foreign("id").template["Resources"], "More": resource("SNS::Topic", {"DisplayName": "more"})}
    found = both(tmp_path, {"dev": {"one": foreign("id")}}, {"dev": {"one": StackOf(template=template(more))}})
    assert (found.verdict, found.incomplete) == (Verdict.PASS, ())


def test_a9_a_replacement_outside_reaches_into_a_nested_stack_and_out_of_it(tmp_path: Path) -> None:
    def side(cidr: str) -> Json:
        inner = template(
            {"Net": resource("EC2::Subnet", {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.0.0/24"})},
            Parameters={"Vpc": {"Type": "String"}},
            Outputs={"Net": {"Value": {"Ref": "Net"}}},
        )
        nested = {
            **resource("CloudFormation::Stack", {"TemplateURL": "u", "Parameters": {"Vpc": {"Ref": "V"}}}),
            "Metadata": {"aws:asset:path": "n.template.json"},
        }
        instance = {"SubnetId": {"Fn::GetAtt": ["N", "Outputs.Net"]}}
        stack = template(
            {"V": resource("EC2::VPC", {"CidrBlock": cidr}), "N": nested, "I": resource("EC2::Instance", instance)}
        )
        return {"dev": {"one": StackOf(template=stack, nested={"n.template.json": inner})}}

    found = both(tmp_path, side("10.0.0.0/16"), side("10.1.0.0/16"))
    outcomes = {row.logical_id: row.outcome for row in found.changes}
    assert outcomes["Net"] in {ResourceOutcome.REPLACE, ResourceOutcome.MAY_REPLACE}
    assert outcomes["I"] is ResourceOutcome.MAY_REPLACE


def test_a11_a_new_environment_is_counted_and_not_listed(tmp_path: Path) -> None:
    found = both(tmp_path, {"dev": {"one": plain()}}, {"dev": {"one": plain()}, "qa": {"one": plain()}})
    assert not found.changes
    assert evidence(found, "Review-StageAdded") == "New environment qa: 1 stack with 2 resources."
    assert found.verdict is Verdict.PASS


def test_a14_other_values_in_each_environment_are_one_row_with_both(tmp_path: Path) -> None:
    def side(*sizes: int) -> Json:
        return {
            stage: {"one": StackOf(template=template({"F": resource("Lambda::Function", {"MemorySize": size})}))}
            for stage, size in zip(("dev", "prod"), sizes, strict=True)
        }

    (row,) = group_rows.group_rows(both(tmp_path, side(5, 20), side(10, 40)).changes)
    (property_,) = row.properties
    assert [(each.stages, each.old, each.new) for each in property_.values] == [(("dev",), 5, 10), (("prod",), 20, 40)]


def test_a18_a_lookup_without_an_answer_makes_the_review_incomplete(tmp_path: Path) -> None:
    stages = {"dev": {"one": plain()}}
    found = review(write(tmp_path / "base", stages), write(tmp_path / "head", stages, missing=["vpc-provider"]))
    assert (found.verdict, found.verdict.exit_code) == (Verdict.INCOMPLETE, 2)
    assert "vpc-provider" in found.incomplete[0]


def test_a17_a_base_that_cannot_be_synthesised_shows_everything_as_new_and_is_never_green(tmp_path: Path) -> None:
    head = assembly.read(write(tmp_path / "head", {"dev": {"one": plain()}}))
    base = assembly.Assembly(label="main", unread=("main cannot be synthesised.",))
    found = engine.review(base, head, ReviewBaseline(today=TODAY))
    assert found.verdict is Verdict.INCOMPLETE
    assert [stack.outcome for stack in found.stacks] == [ResourceOutcome.CREATE]
    assert found.incomplete == ("main cannot be synthesised.",)


def test_a21_review_has_no_secrets(tmp_path: Path) -> None:
    def side(secret: str, echo: str) -> Json:
        variables = {
            "DB_PASSWORD": secret,
            "NOTE": f"postgres://user:{secret}@host/db",
            "AWS_KEY": f"AKIA{secret.upper():X<16}",
            "HIDDEN": {"Ref": "P"},
            "PLAIN": echo,
        }
        function = resource("Lambda::Function", {"Environment": {"Variables": variables}})
        parameters = {"P": {"Type": "String", "NoEcho": True, "Default": f"{secret}-noecho"}}
        return {"dev": {"one": StackOf(template=template({"F": function}, Parameters=parameters))}}

    found = both(tmp_path, side("first7secret", "one"), side("second7secret", "two"))
    text = str(found.to_json())
    assert "7secret" not in text.lower()
    assert text.count("(redacted)") >= 8
    assert "'two'" in text


def resolved_stacks(before: Json, after: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many sides of a stack a review resolves whose template is written otherwise on one of them."""
    grow, grown = trees.grow, []

    def growing(stack: assembly.Stack, *like: trees.Tree) -> trees.Tree:
        grown.append(stack)
        return grow(stack, *like)

    monkeypatch.setattr(trees, "grow", growing)
    sides = {"base": before, "head": after}
    base, head = (write(tmp_path / name, {"prod": {"one": StackOf(template=side)}}) for name, side in sides.items())
    (file,) = head.glob("assembly-Pipeline-prod/*one.template.json")
    written = json.loads(file.read_text())
    file.write_text(json.dumps({key: written[key] for key in reversed(written)}, indent=1))
    review(base, head)
    return len(grown)


def test_review_resolves_no_template_that_is_the_same_written_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = template({"Q": resource("SQS::Queue", {"DelaySeconds": 1})})
    assert resolved_stacks(same, same, tmp_path, monkeypatch) == 0


@pytest.mark.parametrize("value", [2, "1", True, 1.0])
def test_review_resolves_a_template_with_another_value(
    value: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = (template({"Q": resource("SQS::Queue", {"DelaySeconds": each})}) for each in (1, value))
    assert resolved_stacks(before, after, tmp_path, monkeypatch) == 2


def test_review_resolves_a_template_whose_nested_ones_may_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = template({"N": resource("CloudFormation::Stack", {"TemplateURL": "elsewhere"})})
    assert resolved_stacks(same, same, tmp_path, monkeypatch) == 2
