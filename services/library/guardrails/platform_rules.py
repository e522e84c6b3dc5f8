"""The platform's own rules over a template, each with the function that checks it."""

from collections.abc import Iterator

from services.library.cloudformation.template import Template
from services.library.guardrails.acknowledgement import review_rules
from services.library.guardrails.baseline import guard
from services.library.guardrails.finding import AcceptedBy, Check, DeploymentLocation, Finding, Rule, base_rule
from services.library.guardrails.rules import (
    baseline,
    datastores,
    deployment,
    functions,
    log_policies,
    lookups,
    passed_roles,
    privileged_builds,
    queues,
    quotas,
    retained,
    retained_names,
    shifted_calls,
    sizes,
    streams,
    wildcard_actions,
)

CHECKS: tuple[Check, ...] = (
    retained.check,
    retained_names.check,
    privileged_builds.check,
    wildcard_actions.check,
    queues.check,
    streams.check,
    functions.check,
    shifted_calls.check,
    datastores.check,
    quotas.check,
    sizes.check,
    deployment.check,
    passed_roles.check,
    baseline.check,
)

RULES: tuple[Rule, ...] = (
    retained.RULE,
    retained_names.RULE,
    privileged_builds.RULE,
    wildcard_actions.WILDCARD,
    wildcard_actions.ADMINISTRATOR,
    queues.DEAD_LETTERS,
    queues.VISIBILITY,
    queues.ENCRYPTION,
    streams.CONSUMER,
    streams.RETENTION,
    streams.ENCRYPTION,
    functions.LOGS,
    functions.ARCHITECTURE,
    functions.RUNTIME,
    functions.TRACING,
    functions.SECRET,
    shifted_calls.RULE,
    datastores.KEY,
    datastores.VERSION,
    datastores.SAMPLES,
    quotas.PIPELINE,
    quotas.CONFIGURATION,
    quotas.TEMPLATE,
    sizes.POLICY,
    sizes.ALARM_RULE,
    deployment.REFUSED,
    deployment.UNKNOWN,
    passed_roles.RULE,
    lookups.RULE,
    log_policies.RULE,
    *guard.RULES,
)

_BY_ID = {rule.id: rule for rule in RULES}


def findings(template: Template, place: DeploymentLocation) -> Iterator[Finding]:
    """List what our own rules find in one template."""
    for check in CHECKS:
        yield from check(template, place)


def accepted_by(rule: str) -> AcceptedBy:
    """Say who may accept a finding of this id. cdk-nag's are for the service that has them."""
    if review_rules.is_review_rule(rule):
        return review_rules.ACCEPTED_BY.get(rule, AcceptedBy.NOBODY)
    own = _BY_ID.get(base_rule(rule))
    return own.accepted_by if own else AcceptedBy.SERVICE
