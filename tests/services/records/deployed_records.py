"""intake, ingest and records as they run in a local cloud."""

from pathlib import Path

import aws_cdk as cdk

from pipeline.local.lifecycle import LocalCloud
from services.ingest.service import Ingest
from services.intake.service import Intake
from services.records.service import Records
from tests.services.ingest.deployed_ingest import DeployedIngest
from tests.testbed.records import Datastore
from tests.testbed.signed import SignedApi
from tests.testbed.stacks import deploy, environment

HERE = environment("whole")


class DeployedRecords:
    """The three services, and the datastore, whose searches lag behind nothing."""

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        def build(stage: cdk.Stage) -> None:
            records = Records(rate_limit=10_000, burst_limit=5_000).deploy(stage, HERE)
            ingest = Ingest(records=True).deploy(stage, HERE)
            ingest.add_stack_dependency(records)
            intake = Intake(claim_check=True, rate_limit=10_000, burst_limit=5_000).deploy(stage, HERE)
            intake.add_stack_dependency(ingest)

        stacks = deploy(cloud, folder, build, environment=HERE)
        self.api = SignedApi(cloud=cloud, url=stacks["records"].outputs["Url"])
        self.intake = SignedApi(cloud=cloud, url=stacks["intake"].outputs["Url"])
        self.ingest = DeployedIngest(stack=stacks["ingest"])
        (id_,) = stacks["records"].ids("AWS::HealthLake::FHIRDatastore")
        self.store = Datastore(cloud=cloud, id=id_, url=f"{cloud.endpoint}/datastore/{id_}/r4/")
        self.store.faults(lag_seconds=0)
