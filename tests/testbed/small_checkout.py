"""A copy of this checkout with two small services, in dev and in prod, in the place of those that it has."""

import shutil
from pathlib import Path

from pipeline.catalogue.ledger import shipped_by, text_of
from tests.testbed import small
from tests.testbed.checkout import copy_of_the_checkout

SERVICES = Path(__file__).with_name("small_services")
FIRST, SECOND = "services/first/acknowledgements.py", "services/second/acknowledgements.py"
"""Where their owners accept findings, until 2027-11-01."""
NO_LISTS = {"__init__.py", "accounts.py", "acknowledgements.py", "branches.py"}
"""The files of `stages/` that list no service."""
STAGE = '''"""The {name} stage."""

from pipeline.catalogue.model import Stage
from services.first.service import First
from services.library.contract.environment import Environment, Tier
from services.second.service import Second
from stages import accounts

{constant} = Stage(
    environment=Environment(name="{name}", tier=Tier.{tier}, account=accounts.{constant}, region=accounts.{region}),
    services=(First(), Second()),
)
'''
CATALOGUE = '''"""Every stage, in promotion order."""

from pipeline.catalogue.model import Catalogue
from stages.dev import DEV
from stages.prod import PROD

STAGES: Catalogue = (DEV, PROD)
'''
REMOVED = '''"""Nothing leaves a stage."""

from pipeline.catalogue.model import Tombstone

REMOVED: tuple[Tombstone, ...] = ()
'''


def make(target: Path) -> Path:
    """Copy this checkout, and replace its services and stages."""
    root = copy_of_the_checkout(target)
    replace_services(root)
    return root


def replace_services(root: Path) -> None:
    """Replace the services of a checkout but for the library, and the stages that list them."""
    for folder in (root / "services").iterdir():
        if folder.name != "library":
            shutil.rmtree(folder)
    for file in (root / "stages").iterdir():
        if file.is_file() and file.name not in NO_LISTS:
            file.unlink()
    for service in SERVICES.iterdir():
        shutil.copytree(service, root / "services" / service.name, ignore=shutil.ignore_patterns("__pycache__"))
        (root / "services" / service.name / "__init__.py").touch()
    for stage, region in ((small.DEV, "FIRST_REGION"), (small.PROD, "SECOND_REGION")):
        text = STAGE.format(
            name=stage.name, constant=stage.name.upper(), tier=stage.environment.tier.name, region=region
        )
        (root / f"stages/{stage.name}.py").write_text(text)
    (root / "stages/catalogue.py").write_text(CATALOGUE)
    (root / "stages/removed.py").write_text(REMOVED)
    shipped = [shipped_by(stage.environment, name) for stage in (small.DEV, small.PROD) for name in ("first", "second")]
    (root / "stages/deployed.json").write_text(text_of(shipped))
