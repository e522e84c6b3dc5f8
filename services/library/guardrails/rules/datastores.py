"""A FHIR datastore holds people's health: under a key of the service's own, in the version that is read, no samples.

That it is retained in production is `Penstock-Retained`, as for every store. No pack has a rule for HealthLake.
"""

from collections.abc import Iterator, Mapping

from services.library.cloudformation.intrinsics import possible_forms
from services.library.cloudformation.template import Json, Resource, Template, known
from services.library.guardrails.finding import AcceptedBy, DeploymentLocation, Finding, Rule

DATASTORE = "AWS::HealthLake::FHIRDatastore"
KEY = Rule(
    id="Penstock-DatastoreKey",
    accepted_by=AcceptedBy.PLATFORM,
    text="Without a key of its own nobody can take access to patients' data away; and it cannot be given one later.",
    fix="Set SseConfiguration to CUSTOMER_MANAGED_KMS_KEY with a key (in the CDK: the library's FhirDatastore).",
)
VERSION = Rule(
    id="Penstock-DatastoreVersion",
    accepted_by=AcceptedBy.PLATFORM,
    text="What reads and writes FHIR here does so in R4; another version is another, empty store.",
    fix="Set DatastoreTypeVersion to R4.",
)
SAMPLES = Rule(
    id="Penstock-DatastoreSamples",
    accepted_by=AcceptedBy.PLATFORM,
    text="Invented patients would lie among real ones, and nothing tells them apart.",
    fix="Leave PreloadDataConfig out where data are real.",
)


def check(template: Template, place: DeploymentLocation) -> Iterator[Finding]:
    """Every datastore, whichever way its conditions turn out; samples only where what is stored must be kept."""
    for store in template.resources(DATASTORE):
        forms = possible_forms([store], template)
        yield from dict.fromkeys(each for form in forms for each in _of(store, form, template, place))


def _of(store: Resource, form: Mapping[str, Json], template: Template, place: DeploymentLocation) -> Iterator[Finding]:
    if (properties := form.get(store.logical_id)) is None:
        return
    if not _has_own_key(properties.get("SseConfiguration")):
        yield KEY.broken_by(store, template, locations=("Properties.SseConfiguration",))
    version = properties.get("DatastoreTypeVersion")
    if version != "R4":
        what = f"It is {version}." if known(version) else "Which one is known only at deployment."
        yield VERSION.broken_by(store, template, what=what, locations=("Properties.DatastoreTypeVersion",))
    if place.keeps_data and properties.get("PreloadDataConfig"):
        yield SAMPLES.broken_by(store, template, locations=("Properties.PreloadDataConfig",))


def _has_own_key(configuration: object) -> bool:
    match configuration:
        case {"KmsEncryptionConfig": {"CmkType": "CUSTOMER_MANAGED_KMS_KEY", "KmsKeyId": key}}:
            # HealthLake's own key can be named by its alias, too.
            return bool(key) and "alias/aws/" not in str(key)
    return False
