"""What the API offers, in FHIR's own words: https://hl7.org/fhir/R4/capabilitystatement.html"""

import json
from functools import cache

from pipeline.local.cloud.healthlake.values import parameters, resource_types

INTERACTIONS = ("create", "read", "vread", "update", "delete", "history-instance", "search-type")


@cache
def statement(endpoint: str) -> str:
    """Return the capability statement of one datastore."""
    resources = [
        {
            "type": kind,
            "interaction": [{"code": code} for code in INTERACTIONS],
            "versioning": "versioned-update",
            "updateCreate": True,
            "searchParam": [{"name": each.name, "type": each.type} for each in parameters(kind).values()],
        }
        for kind in sorted(resource_types())
    ]
    return json.dumps(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": "2026-11-24",
            "kind": "instance",
            "implementation": {"description": "The local cloud's stand-in for HealthLake", "url": endpoint},
            "fhirVersion": "4.0.1",
            "format": ["json"],
            "rest": [
                {
                    "mode": "server",
                    "security": {"service": [{"text": "AWS Signature Version 4"}]},
                    "resource": resources,
                }
            ],
        }
    )
