"""Checks at synthesis for values that EKS, CloudWatch or SNS would reject at deployment.

A value that is not known yet passes: a token, or what a context lookup has not filled in.
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
    "is_known",
    "name_of",
    "refuse_class_without_filters",
    "retention_days",
    "shortest",
]

_CLUSTER_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")

# An RFC 5322 dot-atom, @ and a host name: the addresses that people use and SNS accepts.
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


def is_known(text: str) -> bool:
    """Return whether a text is final: neither a token nor CDK's place holder for a context lookup's first pass."""
    return not Token.is_unresolved(text) and not text.startswith("dummy-value-for-")


def shortest(text: str, name: str) -> int:
    """Return how many characters a text with a cluster's name has at least, where the name may not be known yet."""
    return len(text if is_known(name) else text.replace(name, "x"))


def cluster_name(value: object, where: str) -> str:
    """Return the value if it is a valid EKS cluster name, or not known yet.

    A name is 1 to 100 letters, digits, `-` and `_`, and starts with a letter or digit.

    https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html

    Raises:
        AuditConfigurationError: EKS would reject the name.
    """
    if not isinstance(value, str) or (is_known(value) and not _CLUSTER_NAME.fullmatch(value)):
        raise AuditConfigurationError(
            where,
            value=value,
            limit="an EKS cluster name is 1 to 100 letters, digits, hyphens and underscores, "
            "and starts with a letter or digit",
            way_out="Pass the cluster's name, not its ARN or endpoint; `aws eks list-clusters` lists the names",
        )
    return value


def email_address(value: object, where: str) -> str:
    """Return the value if it is an email address that SNS can subscribe, or not known yet.

    Raises:
        AuditConfigurationError: It is neither.
    """
    if not isinstance(value, str) or (is_known(value) and not _EMAIL_ADDRESS.fullmatch(value)):
        raise AuditConfigurationError(
            where,
            value=value,
            limit="not an email address",
            way_out="Pass one address per entry, without a display name: security@example.com",
        )
    return value


def retention_days(value: object, where: str) -> logs.RetentionDays:
    """Return the CDK retention for a number of days.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html

    Raises:
        AuditConfigurationError: CloudWatch Logs does not support that number of days.
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
            limit="CloudWatch Logs does not support this retention",
            way_out=f"Use {' or '.join(map(str, near))} (days)",
        )
    return RETENTIONS[number]


def name_of(log_group: logs.ILogGroup) -> str:
    """Return a log group's name: as a literal if this app gives it one, though references to it are tokens."""
    resource = log_group.node.default_child
    given = resource.log_group_name if isinstance(resource, logs.CfnLogGroup) else None
    return log_group.log_group_name if given is None or Token.is_unresolved(given) else given


def class_of(log_group: logs.ILogGroup) -> logs.LogGroupClass | None:
    """Return the class of a log group that this app defines, or None if it is not known at synthesis."""
    resource = log_group.node.default_child
    if not isinstance(resource, logs.CfnLogGroup):
        return None
    name = resource.log_group_class or logs.LogGroupClass.STANDARD.name
    return None if Token.is_unresolved(name) else logs.LogGroupClass[name]


def refuse_class_without_filters(log_group_class: logs.LogGroupClass | None, where: str) -> None:
    """Reject a log group class that does not support metric filters.

    Raises:
        AuditConfigurationError: The class is INFREQUENT_ACCESS.
    """
    if log_group_class is logs.LogGroupClass.INFREQUENT_ACCESS:
        raise AuditConfigurationError(
            where,
            value=log_group_class.name,
            limit="log groups of this class do not support metric filters, which detections need",
            way_out="Use LogGroupClass.STANDARD, or pass detections=[]",
        )
