"""The staging stage. A team ships here by adding its service to the list."""

from pipeline.catalogue.model import Stage
from services.enrichment.service import Enrichment
from services.ingest.service import Ingest
from services.intake.service import Intake
from services.library.contract.environment import Environment, Tier
from services.records.service import Records
from stages import accounts

STAGING = Stage(
    environment=Environment(
        name="staging", tier=Tier.PRE_PRODUCTION, account=accounts.STAGING, region=accounts.SECOND_REGION
    ),
    services=(Records(), Ingest(records=True), Intake(claim_check=True), Enrichment()),
)
