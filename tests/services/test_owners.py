"""Who answers for the catalogue's services: as their text says it, and as Python reads it."""

from pipeline.catalogue.model import stages_of
from pipeline.scaffold import owners
from pipeline.scaffold.draft import Draft
from stages.catalogue import STAGES
from tests.conftest import ROOT


def test_owners_match_what_the_services_declare() -> None:
    declared = {
        type(each).__module__.split(".")[1]: each.owner for stage in stages_of(STAGES) for each in stage.services
    }
    assert declared.items() <= owners.read(Draft(root=ROOT)).items()
