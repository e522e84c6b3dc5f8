"""The prod stage. A team ships here by adding its service to the list."""

from pipeline.catalogue.model import Stage
from services.enrichment.service import Enrichment
from services.ingest.service import Ingest
from services.intake.service import Intake
from services.library.contract.environment import Environment, Tier
from services.library.contract.release import Canary, Release
from services.records.service import Records
from stages import accounts

PROD = Stage(
    environment=Environment(name="prod", tier=Tier.PRODUCTION, account=accounts.PROD, region=accounts.SECOND_REGION),
    services=(
        Records(),
        Ingest(shards=4, records=True),
        Intake(claim_check=True),
        Enrichment(),
    ),
    # Alarms, a bake of an hour and a way back are the tier's defaults; `penstock explain` lists them.
    release=Release(traffic=Canary(percent=10, minutes=10)),
)
