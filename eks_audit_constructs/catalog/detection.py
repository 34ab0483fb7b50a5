"""What a detection is."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum

from eks_audit_constructs.catalog.query import SavedQuery
from eks_audit_constructs.conditions import filter_pattern
from eks_audit_constructs.conditions.expression import Expression
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["Detection", "Severity", "Silence"]

_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TECHNIQUE = re.compile(r"T\d{4}(\.\d{3})?")
_PERIODS = (1, 5, 15, 60)


class Severity(Enum):
    """How soon a person should look. It decides which topic is told."""

    HIGH = "high"
    """Now, at night too."""
    MEDIUM = "medium"
    """Today."""
    LOW = "low"
    """When reviewing the week."""


@dataclass(frozen=True, slots=True)
class Silence:
    """No log event arrives at the log group at all, as its own metric `IncomingLogEvents` tells.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class Detection:
    """One thing to look for in a cluster's audit log, and all there is to know when it is found.

    Args:
        id: Stable name in lower case with hyphens. Logical ids, metric names and alarm names come from it.
        title: What happened, as a headline.
        severity: How soon to look.
        condition: Which events count; or `Silence`.
        what: What happened, in a sentence or two.
        why: Why that matters.
        next_steps: What to do when it goes off.
        query: The saved query that shows who did it, from where and with what.
        techniques: MITRE ATT&CK technique ids. https://attack.mitre.org/matrices/enterprise/containers/
        threshold: Events within the period that set the alarm off.
        period: Minutes over which events are counted: 1, 5, 15 or 60.
        evaluation_periods: How many periods back CloudWatch looks.
        datapoints_to_alarm: How many of those must be at the threshold. The default, one of two, still sees events
            that EKS delivers some minutes late.
        grounds: Why this threshold.
        false_positives: What sets it off without harm.
        tags: Words to select detections by.

    Raises:
        AuditConfigurationError: CloudWatch would refuse the pattern or the alarm.
    """

    id: str
    title: str
    severity: Severity
    condition: Expression | Silence
    what: str
    why: str
    next_steps: str
    query: SavedQuery
    techniques: tuple[str, ...] = ()
    threshold: int = 1
    period: int = 5
    evaluation_periods: int = 2
    datapoints_to_alarm: int = 1
    grounds: str = "One is enough: this is rare in ordinary operation."
    false_positives: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        where = f"detection {self.id!r}"
        checks: list[tuple[bool, object, str, str]] = [
            (
                bool(_ID.fullmatch(self.id)) and len(self.id) <= 64,
                self.id,
                "an id is at most 64 lower-case letters, digits and single hyphens",
                "Rename it, as in 'secret-access-denied'.",
            ),
            (
                isinstance(self.condition, (Expression, Silence)),
                self.condition,
                "a condition is an expression",
                'Build one: field("verb") == "delete".',
            ),
            (
                type(self.threshold) is int and self.threshold >= 1,
                self.threshold,
                "a threshold is a whole number of events, at least 1",
                "Disable the detection instead of tuning it to nothing.",
            ),
            (
                self.period in _PERIODS,
                self.period,
                f"a period is one of {_PERIODS} minutes",
                "Choose one of them.",
            ),
            (
                1 <= self.datapoints_to_alarm <= self.evaluation_periods
                and self.period * self.evaluation_periods <= 24 * 60,
                (self.datapoints_to_alarm, self.evaluation_periods),
                "M of N periods: M is at most N, and N periods are at most one day",
                "Lower datapoints_to_alarm or evaluation_periods.",
            ),
            (
                all(_TECHNIQUE.fullmatch(technique) for technique in self.techniques),
                self.techniques,
                "a MITRE ATT&CK technique looks like T1078 or T1078.004",
                "Correct the id.",
            ),
        ]
        for holds, value, limit, way_out in checks:
            if not holds:
                raise AuditConfigurationError(where, value=value, limit=limit, way_out=way_out)
        if isinstance(self.condition, Expression) and not self.pattern:
            raise AuditConfigurationError(
                where,
                value=self.pattern,
                limit="an empty pattern counts every log line",
                way_out="Give the detection a condition.",
            )

    @property
    def pattern(self) -> str | None:
        """The CloudWatch Logs filter pattern; none for `Silence`."""
        if isinstance(self.condition, Silence):
            return None
        return filter_pattern.render(self.condition, where=f"detection {self.id!r}")

    @property
    def metric_name(self) -> str:
        """The metric its events are counted in: the id in Pascal case."""
        return "".join(word.capitalize() for word in self.id.split("-"))

    def tuned(
        self,
        *,
        threshold: int | None = None,
        period: int | None = None,
        evaluation_periods: int | None = None,
        datapoints_to_alarm: int | None = None,
        severity: Severity | None = None,
    ) -> Detection:
        """A copy with other numbers; what is not given stays."""
        return replace(
            self,
            threshold=self.threshold if threshold is None else threshold,
            period=self.period if period is None else period,
            evaluation_periods=self.evaluation_periods if evaluation_periods is None else evaluation_periods,
            datapoints_to_alarm=self.datapoints_to_alarm if datapoints_to_alarm is None else datapoints_to_alarm,
            severity=self.severity if severity is None else severity,
        )

    def excluding(self, condition: Expression) -> Detection:
        """A copy that does not count events of this condition; those without its fields still count.

        The saved query leaves them out too.

        Raises:
            AuditConfigurationError: The pattern grows past CloudWatch's limit, or the detection has no condition.
        """
        if isinstance(self.condition, Silence):
            raise AuditConfigurationError(
                f"detection {self.id!r}",
                value=condition,
                limit="silence has no events to leave out",
                way_out="Tune its periods instead.",
            )
        return replace(self, condition=self.condition & ~condition, query=self.query.excluding(condition))
