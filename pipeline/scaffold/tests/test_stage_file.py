"""A stage with one service more or less: the file stays what it was but for that, or is left alone with a sentence."""

import ast
import io
import textwrap
import tokenize
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.scaffold.draft import Draft
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.names import StageName
from pipeline.scaffold.stage_file import Entry, Setting, StageFile, new_stage
from pipeline.scaffold.tidy import tidy

DEV, QA = Path("stages/dev.py"), Path("stages/qa.py")
PAYMENTS = Entry(module="payments", class_name="Payments")
HEAD = '''"""The {name} stage."""

from services.orders.service import Orders
from services.parcels.service import Parcels
from services.library.contract.environment import Environment, Tier
from stages import accounts
from pipeline.catalogue.model import Stage

'''
STAGE = """{constant} = Stage(
    environment=Environment(name="{name}", tier=Tier.SANDBOX, account=accounts.DEV, region=accounts.FIRST_REGION),
    services={services},
)
"""


def text(services: str, name: str = "dev", before: str = "") -> str:
    """A stage's file; what the services do not need of the imports is used before it."""
    used = "".join(f"print({each})\n" for each in ("Orders", "Parcels") if each not in services + before)
    return HEAD.format(name=name) + before + used + STAGE.format(constant=name.upper(), name=name, services=services)


def write(draft: Draft, content: str, file: Path = DEV) -> str:
    """Put a file there as ruff would have it."""
    content = tidy(draft.root, file, content)
    (draft.root / file).write_text(content)
    return content


def comments(content: str) -> list[str]:
    tokens = tokenize.generate_tokens(io.StringIO(content).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


def listed(content: str, name: str = "dev") -> list[str]:
    """The entries of a stage, as Python reads them."""
    (call,) = (
        node
        for node in ast.walk(ast.parse(content))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Stage" and f"name='{name}'" in ast.unparse(node)
    )
    (value,) = (each.value for each in call.keywords if each.arg == "services")
    if isinstance(value, ast.Name):
        (value,) = (
            node.value
            for node in ast.walk(ast.parse(content))
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == value.id
        )
    assert isinstance(value, ast.Tuple)
    return [ast.unparse(each) for each in value.elts]


SHAPES = {
    "one line": text("(Orders(), Parcels(claim_check=True))"),
    "one service": text("(Orders(),)"),
    "none": text("()"),
    "a line each": text("(\n        Orders(),\n        Parcels(),\n    )"),
    "comments": text(
        "(  # in the order of the teams' names\n        # first\n        Orders(),  # of streams\n"
        "        # second\n        Parcels(\n            # of payloads\n            rate_limit=5,\n        ),  # äöü\n"
        "        # last\n    )"
    ),
    "only a comment": text("(\n        # nothing yet\n    )"),
    "unpacked": text("(*COMMON, Parcels())", before="COMMON = (Orders(),)\n"),
    "elsewhere in the file": text("SERVICES", before="SERVICES = (Orders(), Parcels())\n"),
    "two stages in a file": text("(Orders(),)", name="other").replace("\nprint(Parcels)", "")
    + STAGE.format(constant="DEV", name="dev", services="(Parcels(),)"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_service_is_listed_behind_the_others_and_nothing_else_changes(shape: str, draft: Draft) -> None:
    before = write(draft, SHAPES[shape])
    StageFile(draft, "dev").add(PAYMENTS)
    after = draft.read(DEV)
    assert listed(after) == [*listed(before), "Payments()"]
    assert comments(after) == comments(before)
    assert tidy(draft.root, DEV, after) == after
    added = [line for line in after.splitlines() if line not in before.splitlines()]
    assert added[0] == "from services.payments.service import Payments"
    assert len(added) == 2
    StageFile(draft, "dev").add(PAYMENTS)
    assert draft.read(DEV) == after
    StageFile(draft, "dev").remove("payments")
    assert draft.read(DEV) == before
    assert (draft.root / DEV).read_text() == before  # nothing is written before it is asked for


def test_a_line_that_gets_too_long_becomes_a_line_each(draft: Draft) -> None:
    long = ", ".join(f"Parcels(rate_limit={number})" for number in range(100, 104))
    before = write(draft, text(f"({long})"))
    StageFile(draft, "dev").add(PAYMENTS)
    after = draft.read(DEV)
    assert listed(after) == [*listed(before), "Payments()"]
    assert "\n        Payments(),\n    ),\n" in after
    assert tidy(draft.root, DEV, after) == after


NAMES = st.sampled_from(
    ["Orders()", "Parcels()", "Parcels(claim_check=True)", "Orders(shards=4)", "Parcels(rate_limit=500)"]
)
COMMENT = st.sampled_from(["", "  # a comment", "  # ünïcödé"])
ABOVE = st.sampled_from(["", "        # above\n", "\n        # after a gap\n"])
MANY_LINES = st.lists(st.tuples(ABOVE, NAMES, COMMENT), max_size=6).map(
    lambda rows: "(\n" + "".join(f"{above}        {entry},{comment}\n" for above, entry, comment in rows) + "    )"
)
ONE_LINE = st.lists(NAMES, max_size=6).map(
    lambda entries: "(" + ", ".join(entries) + ("," if len(entries) == 1 else "") + ")"
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(services=st.one_of(MANY_LINES, ONE_LINE))
def test_however_a_stage_is_laid_out_it_gains_and_loses_one_service_and_no_comment(services: str, draft: Draft) -> None:
    before = write(draft, text(services))
    fresh = Draft(root=draft.root)
    StageFile(fresh, "dev").add(PAYMENTS)
    after = fresh.read(DEV)
    assert listed(after) == [*listed(before), "Payments()"]
    assert comments(after) == comments(before)
    assert tidy(fresh.root, DEV, after) == after
    StageFile(fresh, "dev").remove("payments")
    back = fresh.read(DEV)
    assert (listed(back), comments(back)) == (listed(before), comments(before))
    broken_up = after.count("\n") > before.count("\n") + 2  # it got too long for one line, and stays as it is then
    assert back == before or broken_up


def test_an_entry_goes_with_the_comment_in_its_line_and_with_the_imports_that_only_it_used(draft: Draft) -> None:
    entry = "Payments(\n            rate_limit=5,  # for now\n            override=louder,\n        ),  # the newest"
    more = "from services.payments.overrides import louder\nfrom services.payments.service import Payments\n"
    content = text(f"(\n        Orders(),\n        # about payments\n        {entry}\n        Parcels(),\n    )")
    write(draft, content.replace("from stages import", f"{more}from stages import"))
    StageFile(draft, "dev").remove("payments")
    after = draft.read(DEV)
    assert listed(after) == ["Orders()", "Parcels()"]
    assert comments(after) == ["# about payments"]
    assert "payments." not in after


REFUSED = {
    "a sum": ("(Orders(),) + (Parcels(),)", "", "is no tuple in parentheses"),
    "made by a function": ("tuple(Orders() for _ in ())", "", "is no tuple in parentheses"),
    "shared by two stages": ("SHARED", "SHARED = (Orders(),)\nOTHER = SHARED\n", "that this stage has for itself"),
    "another thing of that name": ("(Orders(),)", "Payments = Parcels\n", "calls something else Payments"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_file_that_cannot_be_edited_safely_says_what_to_add_by_hand(kind: str, draft: Draft) -> None:
    services, before, said = REFUSED[kind]
    content = write(draft, text(services, before=before))
    with pytest.raises(ScaffoldError) as refused:
        StageFile(draft, "dev").add(PAYMENTS)
    assert str(refused.value).startswith("stages/dev.py")
    assert said in str(refused.value)
    assert "`Payments()` to `services` of DEV" in str(refused.value)
    assert "by hand" in str(refused.value)
    assert (draft.root / DEV).read_text() == content
    assert draft.changes() == []


def test_a_file_that_is_not_formatted_is_left_alone_and_one_that_is_no_python_has_its_line(draft: Draft) -> None:
    (draft.root / DEV).write_text(text("(Orders(), Parcels( ))"))
    with pytest.raises(ScaffoldError, match=r"`\.venv/bin/ruff format stages/dev\.py` first"):
        StageFile(draft, "dev").add(PAYMENTS)
    (draft.root / DEV).write_text("DEV = Stage(\n    services=(,),\n)\n")
    with pytest.raises(ScaffoldError, match=r"stages/dev\.py:2: "):
        StageFile(draft, "dev")
    (draft.root / DEV).unlink()
    with pytest.raises(ScaffoldError, match=r"makes a stage as NAME = Stage\(environment=Environment\(name='qa'"):
        StageFile(draft, "qa")


def test_a_service_that_is_listed_in_another_way_is_taken_out_by_hand(draft: Draft) -> None:
    write(draft, text("(*COMMON, Parcels())", before="COMMON = (Orders(),)\n"))
    with pytest.raises(ScaffoldError, match=r"take the entry of services/orders out of `services` of DEV by hand"):
        StageFile(draft, "dev").remove("orders")


def test_what_a_service_is_set_to_goes_on_with_its_imports_and_what_is_for_one_stage_stays(draft: Draft) -> None:
    content = text(
        "(\n        Orders(),\n        Parcels(\n            variant=Variant.EXPRESS,\n            rate_limit=5 * 10,\n"
        "            burst_limit=BURST,\n            override=louder,\n            after=(),\n        ),\n    )",
        before="BURST = 7\n",
    ).replace("import Parcels\n", "import Parcels, Variant\n")
    content = content.replace(
        "from services.orders", "from services.parcels.overrides import louder\nfrom services.orders"
    )
    write(draft, content)
    write(draft, text("(Orders(),)", name="qa").replace("print(Parcels)\n", ""), QA)
    entry = StageFile(draft, "dev").entry("parcels")
    assert entry == Entry(
        module="parcels",
        class_name="Parcels",
        settings=(
            Setting(name="variant", value="Variant.EXPRESS", imports=(("services.parcels.service", "Variant"),)),
            Setting(name="rate_limit", value="5 * 10"),
        ),
    )
    assert entry.left_out == ("burst_limit=BURST", "override=louder", "after=()")
    StageFile(draft, "qa").add(entry)
    after = draft.read(QA)
    assert listed(after, "qa") == ["Orders()", "Parcels(variant=Variant.EXPRESS, rate_limit=5 * 10)"]
    assert "from services.parcels.service import Parcels, Variant\n" in after
    assert textwrap.dedent(after) == tidy(draft.root, QA, after)


@pytest.mark.parametrize(("tier", "shifts"), [("SANDBOX", False), ("PRE_PRODUCTION", False), ("PRODUCTION", True)])
def test_new_stage_of_production_begins_with_a_canary(tier: str, shifts: bool, draft: Draft) -> None:
    stage = StageName(name="prod-eu")
    content = new_stage(stage, tier=tier, account="PROD", region="FIRST_REGION")
    assert ("    release=Release(traffic=Canary(percent=10, minutes=10)),\n" in content) == shifts
    assert content.count("Canary") == (2 if shifts else 0)
    compile(content, str(stage.file), "exec")
