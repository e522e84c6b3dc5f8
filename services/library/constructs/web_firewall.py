"""An AWS WAF web ACL with managed rules, in front of an API."""

import aws_cdk as cdk
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from services.library.constructs.log_group import LogGroup
from services.library.constructs.mappings.request_name import IDEMPOTENCY_HEADER
from services.library.contract.environment import Environment

GROUPS = ("AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet")


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
            rules=[_managed(group, priority) for priority, group in enumerate(GROUPS)],
        )
        wafv2.CfnWebACLAssociation(self, "Association", resource_arn=stage_arn, web_acl_arn=acl.attr_arn)
        # WAF delivers to log groups of such names alone: the construct's own address makes it unique.
        log = LogGroup(
            self, "Logs", environment=environment, name=f"aws-waf-logs-{cdk.Names.unique_resource_name(self)}"
        )
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


def _managed(group: str, priority: int) -> wafv2.CfnWebACL.RuleProperty:
    # The common rule set refuses bodies over 8 KB; ours may be up to 256 KB and are JSON by contract.
    counted = wafv2.CfnWebACL.RuleActionOverrideProperty(
        name="SizeRestrictions_BODY", action_to_use=wafv2.CfnWebACL.RuleActionProperty(count={})
    )
    return wafv2.CfnWebACL.RuleProperty(
        name=group,
        priority=priority,
        override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}),
        statement=wafv2.CfnWebACL.StatementProperty(
            managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
                vendor_name="AWS",
                name=group,
                rule_action_overrides=[counted] if group == GROUPS[0] else None,
            )
        ),
        visibility_config=_visibility(group),
    )


def _visibility(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        metric_name=name, cloud_watch_metrics_enabled=True, sampled_requests_enabled=False
    )
