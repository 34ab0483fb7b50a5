"""Values checked when the app is synthesized, with the rule that EKS, CloudWatch or SNS would apply at deploy time.

A token has no value yet: it passes unjudged.
"""

from __future__ import annotations

import re
from bisect import bisect

from aws_cdk import Token
from aws_cdk import aws_logs as logs

from eks_audit_constructs.errors import AuditConfigurationError

__all__ = [
    "RETENTIONS",
    "class_of",
    "cluster_name",
    "email_address",
    "refuse_class_without_filters",
    "retention_days",
]

_CLUSTER_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")

# The dot-atom of RFC 5322 before the @, host names after it: what a person types, and what SNS takes.
_EMAIL_ADDRESS = re.compile(
    r"(?=.{1,254}$)(?=[^@]{1,64}@)[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*"
    r"@([0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?\.)+[A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])",
    re.ASCII,
)

RETENTIONS = {
    1: logs.RetentionDays.ONE_DAY,
    3: logs.RetentionDays.THREE_DAYS,
    5: logs.RetentionDays.FIVE_DAYS,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    120: logs.RetentionDays.FOUR_MONTHS,
    150: logs.RetentionDays.FIVE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
    400: logs.RetentionDays.THIRTEEN_MONTHS,
    545: logs.RetentionDays.EIGHTEEN_MONTHS,
    731: logs.RetentionDays.TWO_YEARS,
    1096: logs.RetentionDays.THREE_YEARS,
    1827: logs.RetentionDays.FIVE_YEARS,
    2192: logs.RetentionDays.SIX_YEARS,
    2557: logs.RetentionDays.SEVEN_YEARS,
    2922: logs.RetentionDays.EIGHT_YEARS,
    3288: logs.RetentionDays.NINE_YEARS,
    3653: logs.RetentionDays.TEN_YEARS,
}


def cluster_name(value: object, where: str) -> str:
    """A cluster name that EKS takes: 1 to 100 letters, digits, `-` and `_`, beginning with a letter or a digit.

    https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html

    Raises:
        AuditConfigurationError: EKS would refuse the name.
    """
    if not isinstance(value, str) or not (Token.is_unresolved(value) or _CLUSTER_NAME.fullmatch(value)):
        raise AuditConfigurationError(
            where,
            value=value,
            limit="an EKS cluster name is 1 to 100 letters, digits, hyphens and underscores, "
            "and begins with a letter or a digit",
            way_out="Give the cluster's name, not its ARN or endpoint; `aws eks list-clusters` prints the names",
        )
    return value


def email_address(value: object, where: str) -> str:
    """An e-mail address that SNS can subscribe.

    Raises:
        AuditConfigurationError: It is none.
    """
    if not isinstance(value, str) or not (Token.is_unresolved(value) or _EMAIL_ADDRESS.fullmatch(value)):
        raise AuditConfigurationError(
            where,
            value=value,
            limit="this is no e-mail address",
            way_out="Give one address an entry, like security@example.com, without a display name",
        )
    return value


def retention_days(value: object, where: str) -> logs.RetentionDays:
    """The retention CDK knows for a number of days.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html

    Raises:
        AuditConfigurationError: CloudWatch Logs keeps no log group for that number of days.
    """
    number = value if isinstance(value, int) and not isinstance(value, bool) else None
    if number not in RETENTIONS:
        near = list(RETENTIONS)
        if number is not None:
            place = bisect(near, number)
            near = near[max(place - 1, 0) : place + 1]
        raise AuditConfigurationError(
            where,
            value=value,
            limit="CloudWatch Logs does not know this retention",
            way_out=f"Give {' or '.join(map(str, near))} (days)",
        )
    return RETENTIONS[number]


def class_of(log_group: logs.ILogGroup) -> logs.LogGroupClass | None:
    """The class of a log group that this app defines; None when it cannot be known here."""
    resource = log_group.node.default_child
    if not isinstance(resource, logs.CfnLogGroup):
        return None
    name = resource.log_group_class or logs.LogGroupClass.STANDARD.name
    return None if Token.is_unresolved(name) else logs.LogGroupClass[name]


def refuse_class_without_filters(log_group_class: logs.LogGroupClass | None, where: str) -> None:
    """Refuse a log group of a class on which CloudWatch Logs makes no metric filter.

    Raises:
        AuditConfigurationError: It is of the class INFREQUENT_ACCESS.
    """
    if log_group_class is logs.LogGroupClass.INFREQUENT_ACCESS:
        raise AuditConfigurationError(
            where,
            value=log_group_class.name,
            limit="log groups of this class have no metric filters, so no detection could count",
            way_out="Use LogGroupClass.STANDARD, or pass detections=[]",
        )
