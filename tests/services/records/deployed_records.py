"""records and ingest as they run in a local cloud."""

from pathlib import Path

import aws_cdk as cdk

from pipeline.local.lifecycle import LocalCloud
from services.ingest.service import Ingest
from services.records.service import Records
from tests.services.ingest.deployed_ingest import DeployedIngest
from tests.testbed.records import Datastore
from tests.testbed.signed import SignedApi
from tests.testbed.stacks import deploy, environment

HERE = environment("whole")


class DeployedRecords:
    """Both services, and the datastore between them, whose searches lag behind nothing."""

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        def build(stage: cdk.Stage) -> None:
            records = Records(rate_limit=10_000, burst_limit=5_000).deploy(stage, HERE)
            Ingest(records=True).deploy(stage, HERE).add_stack_dependency(records)

        stacks = deploy(cloud, folder, build, environment=HERE)
        self.api = SignedApi(cloud=cloud, url=stacks["records"].outputs["Url"])
        self.ingest = DeployedIngest(stack=stacks["ingest"])
        (id_,) = stacks["records"].ids("AWS::HealthLake::FHIRDatastore")
        self.store = Datastore(cloud=cloud, id=id_, url=f"{cloud.endpoint}/datastore/{id_}/r4/")
        self.store.faults(lag_seconds=0)
