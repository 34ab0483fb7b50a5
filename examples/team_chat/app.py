#!/usr/bin/env python3
"""Alarms where a team works: a detection of its own, a pager, a Slack channel, and word when an alarm has ended.

cdk deploy --app "python3 examples/team_chat/app.py"

`audit.yml`, beside this file, is the job that replays a pull request's template over the team's own logs.
"""

from __future__ import annotations

from aws_cdk import App, BootstraplessSynthesizer, SecretValue, Stack
from aws_cdk import aws_chatbot as chatbot
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from eks_audit_constructs import AlarmTopic, Detection, EksAudit, Severity, catalog, field

BREAK_GLASS = Detection(
    id="break-glass-used",
    title="The break-glass role was used",
    severity=Severity.HIGH,
    condition=(field("user.username") == "break-glass") & (field("stage") == "ResponseComplete"),
    what="A request by the user to which the break-glass role is mapped.",
    why="It may do everything, and is for emergencies only.",
    next_steps="Ask whoever is on call for the incident's number.",
    techniques=("T1078",),
)


class Audit(Stack):
    """Audits one existing cluster. High severity goes to the pager and the channel, the rest to the channel."""

    def __init__(self, scope: Construct, id: str, *, cluster: str) -> None:
        super().__init__(scope, id, synthesizer=BootstraplessSynthesizer())
        urgent, other = AlarmTopic(self, "Urgent"), AlarmTopic(self, "Other")
        # The pager's URL lets anybody who has it open incidents, so it is a secret, and not in the template.
        pager = SecretValue.secrets_manager("audit/pager-url").unsafe_unwrap()
        urgent.topic.add_subscription(subscriptions.UrlSubscription(pager, protocol=sns.SubscriptionProtocol.HTTPS))
        chatbot.SlackChannelConfiguration(
            self,
            "Channel",
            slack_channel_configuration_name=f"eks-audit-{cluster}",
            slack_workspace_id="T0123456789",
            slack_channel_id="C0123456789",
            notification_topics=[urgent.topic, other.topic],
            # Without guardrails of its own, a channel may do what its members' roles may do.
            guardrail_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("CloudWatchReadOnlyAccess")],
        )
        self.audit = EksAudit(
            self,
            "Audit",
            cluster=cluster,
            detections=catalog.DEFAULT.adding(BREAK_GLASS),
            alarm_topic={"high": urgent, "medium": other, "low": other},
            ok_actions=True,
            runbook_url="https://wiki.example.com/eks-audit/{id}",
        )


def build(app: App) -> list[Stack]:
    return [Audit(app, "TeamAudit", cluster="prod")]


if __name__ == "__main__":
    app = App(analytics_reporting=False)
    build(app)
    app.synth()
