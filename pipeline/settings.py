"""What the pipeline follows, and where it is."""

from pipeline.pipeline_settings import Settings
from pipeline.source import ConnectionSource
from services.library.contract.names import Bootstrap
from stages import accounts

SETTINGS = Settings(
    name="penstock",
    account=accounts.TOOLS,
    region=accounts.TOOLS_REGION,
    source=ConnectionSource(
        repository="example/platform",
        branch="main",
        connection_arn=f"arn:aws:codeconnections:{accounts.TOOLS_REGION}:{accounts.TOOLS}:connection/00000000-0000-0000-0000-000000000000",
    ),
    bootstrap=Bootstrap(qualifier="penstock", toolkit_stack="PenstockToolkit"),
)
