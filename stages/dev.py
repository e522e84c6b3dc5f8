"""The dev stage. A team ships here by adding its service to the list."""

from pipeline.catalogue.model import Stage
from services.enrichment.service import Enrichment
from services.ingest.service import Ingest
from services.intake.service import Intake
from services.library.contract.environment import Environment, Tier
from stages import accounts

DEV = Stage(
    environment=Environment(name="dev", tier=Tier.SANDBOX, account=accounts.DEV, region=accounts.FIRST_REGION),
    services=(Ingest(), Intake(claim_check=True), Enrichment()),
)
