"""An AWS WAF web ACL with managed rules, in front of an API."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import aws_cdk as cdk
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from services.library.constructs.log_group import LogGroup
from services.library.constructs.mappings.request_name import IDEMPOTENCY_HEADER
from services.library.contract import deployment
from services.library.contract.environment import Environment

COMMON, KNOWN_BAD_INPUTS = "AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet"
COUNTED: Mapping[str, str] = MappingProxyType(
    {
        "SizeRestrictions_BODY": "it refuses bodies over 8 KB; ours may be up to 256 KB",
        "CrossSiteScripting_BODY": "the narrative of a FHIR resource (`text.div`) is XHTML, and its tags match",
        "GenericLFI_BODY": "the links of a narrative may be relative, and `../` matches",
        "GenericRFI_BODY": "the links, the systems and the attachments of a resource are URLs, and one with an IPv4"
        " address for its host matches",
    }
)
"""Rules of the common rule set that count what they match in a body instead of refusing it, each with the reason.

Bodies are JSON by contract, checked by a schema, and rendered or opened by nobody here. Paths, queries, headers and
cookies are refused for all of it. https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
"""
GROUPS: Mapping[str, Sequence[str]] = MappingProxyType({COMMON: [*COUNTED], KNOWN_BAD_INPUTS: []})
"""Group of AWS's rules -> those of its rules that count."""


class WebFirewall(Construct):
    """Filters the requests to one API's stage, and logs what it refused."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, stage_arn: str) -> None:
        super().__init__(scope, id_)
        acl = wafv2.CfnWebACL(
            self,
            "Acl",
            scope="REGIONAL",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_visibility("Firewall"),
            rules=[_managed(group, counted, priority) for priority, (group, counted) in enumerate(GROUPS.items())],
        )
        wafv2.CfnWebACLAssociation(self, "Association", resource_arn=stage_arn, web_acl_arn=acl.attr_arn)
        # WAF delivers to log groups of such names alone: the construct's own address makes it unique.
        suffix = deployment.creation_suffix() if environment.keeps_data else ""
        name = f"aws-waf-logs-{cdk.Names.unique_resource_name(self)}{suffix}"
        log = LogGroup(self, "Logs", environment=environment, name=name)
        wafv2.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=acl.attr_arn,
            log_destination_configs=[
                # The group's own ARN ends in `:*`, which WAF does not take.
                cdk.Stack.of(self).format_arn(
                    service="logs",
                    resource="log-group",
                    resource_name=log.log_group_name,
                    arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                )
            ],
            # What may name a person or let somebody act as one.
            redacted_fields=[
                wafv2.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": "authorization"}),
                wafv2.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": IDEMPOTENCY_HEADER.lower()}),
                wafv2.CfnLoggingConfiguration.FieldToMatchProperty(query_string={}),
                wafv2.CfnLoggingConfiguration.FieldToMatchProperty(uri_path={}),
            ],
        )


def _managed(group: str, counted: Sequence[str], priority: int) -> wafv2.CfnWebACL.RuleProperty:
    overrides = [
        wafv2.CfnWebACL.RuleActionOverrideProperty(
            name=rule, action_to_use=wafv2.CfnWebACL.RuleActionProperty(count={})
        )
        for rule in counted
    ]
    return wafv2.CfnWebACL.RuleProperty(
        name=group,
        priority=priority,
        override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}),
        statement=wafv2.CfnWebACL.StatementProperty(
            managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
                vendor_name="AWS",
                name=group,
                rule_action_overrides=overrides or None,
            )
        ),
        visibility_config=_visibility(group),
    )


def _visibility(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        metric_name=name, cloud_watch_metrics_enabled=True, sampled_requests_enabled=False
    )
