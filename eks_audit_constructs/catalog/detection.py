"""The `Detection` class: what to look for, and how."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import Enum

from eks_audit_constructs.arguments import check, check_fields, control_character
from eks_audit_constructs.audit_events import never
from eks_audit_constructs.catalog import samples
from eks_audit_constructs.catalog.guards import Guard, outside
from eks_audit_constructs.catalog.query import SavedQuery, as_title, listing
from eks_audit_constructs.catalog.samples import Sample
from eks_audit_constructs.conditions import filter_pattern
from eks_audit_constructs.conditions.expression import EVERYTHING, Expression
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["Detection", "Severity", "Silence"]

_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TECHNIQUE = re.compile(r"T\d{4}(\.\d{3})?")
PERIODS = (1, 5, 15, 60)
_ACRONYMS = {"Rbac": "RBAC"}


class Severity(Enum):
    """How soon a person should look. It decides which topic is notified."""

    HIGH = "high"
    """Now, at night too."""
    MEDIUM = "medium"
    """Today."""
    LOW = "low"
    """When reviewing the week."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Too few events arrive: fewer than the threshold, or none at all.

    Args:
        of: The events that are missed. Default: any log event of the log group, according to its own metric
            `IncomingLogEvents`.
            https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html
    """

    of: Expression | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Detection:
    """One thing to look for in a cluster's audit log, and what to know when it is found.

    Args:
        id: Stable name in lower case with hyphens, at most 64 characters. Logical ids, metric names and alarm names are
            made from it.
        title: What happened, as a headline.
        severity: How soon to look. Default: medium.
        condition: The events to look for, or `Silence`.
        guards: Whose events are not counted, and why.
        what: What happened, in a sentence or two.
        why: Why that matters.
        next_steps: What to do when it goes off.
        commands: What its saved query does with the events it counts; see `SavedQuery`. Default: show who did it, from
            where and with what.
        query: A saved query in place of one made from the above, such as one that several detections share.
        techniques: MITRE ATT&CK technique ids. https://attack.mitre.org/matrices/enterprise/containers/
        threshold: Events within the period that set the alarm off; with `Silence`, fewer do. Default: 1.
        period: Minutes over which events are counted: 1, 5 (the default), 15 or 60.
        evaluation_periods: How many periods back CloudWatch looks: 2 by default, at most one day.
        datapoints_to_alarm: How many of those must reach the threshold. The default, one of two, still sees events
            that EKS delivers some minutes late.
        grounds: Why this threshold.
        false_positives: Harmless causes of the alarm.
        blind_spots: What it cannot see, although its name suggests it.
        tags: Words to select detections by. The first is the theme, with which the name of the saved query begins.
        samples: Events that it must match, and events that it must not. They are tried when it is made.

    Raises:
        AuditConfigurationError: A value has the wrong type, CloudWatch would refuse the pattern or the alarm, a part of
            the condition matches no audit event of EKS, or a sample says otherwise.
    """

    id: str
    title: str
    severity: Severity = Severity.MEDIUM
    condition: Expression | Silence
    guards: tuple[Guard, ...] = ()
    what: str = ""
    why: str = ""
    next_steps: str = ""
    commands: tuple[str, ...] = listing()
    query: SavedQuery | None = None
    techniques: tuple[str, ...] = ()
    threshold: int = 1
    period: int = 5
    evaluation_periods: int = 2
    datapoints_to_alarm: int = 1
    grounds: str = "One is enough: this is rare in ordinary operation."
    false_positives: tuple[str, ...] = ()
    blind_spots: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    samples: tuple[Sample, ...] = field(default=(), repr=False, compare=False)
    _made: tuple[str | None, SavedQuery] = field(init=False, repr=False, compare=False)
    """The filter pattern and the saved query, made only once because they are needed often."""

    def __post_init__(self) -> None:
        where = f"detection {self.id!r}"
        check_fields(self, where)
        checks: list[tuple[bool, object, str, str]] = [
            (
                bool(_ID.fullmatch(self.id)) and len(self.id) <= 64,
                self.id,
                "an id is at most 64 lower-case letters, digits and single hyphens",
                "Rename it, as in 'secret-access-denied'.",
            ),
            (
                bool(self.title.strip()) and not control_character(self.title),
                self.title,
                "a title is what happened, as a headline",
                "Write it in a few words, on one line.",
            ),
            (
                not any(control_character(text, lines=True) for text in (self.what, self.why, self.next_steps)),
                (self.what, self.why, self.next_steps),
                "an alarm's description has no control characters",
                "Remove them.",
            ),
            (
                self.threshold >= 1,
                self.threshold,
                "a threshold is a whole number of events, at least 1",
                "Disable the detection instead of tuning it to nothing.",
            ),
            (
                self.period in PERIODS,
                self.period,
                f"a period is one of {PERIODS} minutes",
                "Choose one of them.",
            ),
            (
                1 <= self.datapoints_to_alarm <= self.evaluation_periods
                and self.period * self.evaluation_periods <= 24 * 60,
                (self.datapoints_to_alarm, self.evaluation_periods),
                "in M of N periods, M is at most N, and N periods are at most one day",
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
        object.__setattr__(self, "_made", (self._rendered(), self._queried()))
        samples.try_out(self.samples, self.counted, where)
        if isinstance(self.condition, Expression) and not self.pattern:
            raise AuditConfigurationError(
                where,
                value=self.pattern,
                limit="an empty pattern counts every log line",
                way_out="Give the detection a condition.",
            )

    @property
    def doubts(self) -> tuple[str, ...]:
        """What likely never matches in its condition, or leaves nothing out, a sentence each."""
        condition = self.condition.of if isinstance(self.condition, Silence) else self.condition
        return () if condition is None else tuple(map(str, never.doubts(condition)))

    @property
    def counted(self) -> Expression | None:
        """The events that its metric counts: those of the condition that no guard leaves out; None: all log events."""
        return self.condition.of if isinstance(self.condition, Silence) else outside(self.condition, self.guards)

    @property
    def pattern(self) -> str | None:
        """The CloudWatch Logs filter pattern; None if it counts all log events."""
        return self._made[0]

    @property
    def saved_query(self) -> SavedQuery:
        """The saved query that shows who did it, from where and with what."""
        return self._made[1]

    def _rendered(self) -> str | None:
        if self.counted is None:
            return None
        where = f"detection {self.id!r}"
        never.refuse(self.counted, where)
        return filter_pattern.render(self.counted, where=where)

    def _queried(self) -> SavedQuery:
        if self.query is not None:
            return self.query
        theme = self.tags[0].capitalize() if self.tags else "Own"
        return SavedQuery(
            id=self.id,
            title=as_title(f"{_ACRONYMS.get(theme, theme)} - {self.title}"),
            answers=f"Who did it, when, from where and with what: {self.title[0].lower()}{self.title[1:]}?",
            condition=EVERYTHING if isinstance(self.condition, Silence) or self.counted is None else self.counted,
            commands=self.commands,
        )

    @property
    def metric_name(self) -> str:
        """The name of the metric that counts its events: the id in Pascal case."""
        return "".join(word.capitalize() for word in self.id.split("-"))

    @property
    def evaluation(self) -> tuple[int, int]:
        """The minutes of a period and the number of periods with which CloudWatch evaluates the alarm.

        An alarm on a single event looks at each minute of the time that it looks back over by itself. That means the
        same, but in a log with gaps a longer period can make an old event set it off again: as its window slides, the
        event shares a period with other data at one minute, and has one to itself at another.
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
        """
        single = self.threshold == self.datapoints_to_alarm == 1 and not isinstance(self.condition, Silence)
        return (1, self.period * self.evaluation_periods) if single else (self.period, self.evaluation_periods)

    def tuned(
        self,
        *,
        threshold: int | None = None,
        period: int | None = None,
        evaluation_periods: int | None = None,
        datapoints_to_alarm: int | None = None,
        severity: Severity | None = None,
    ) -> Detection:
        """Return a copy with other numbers. Default: those of the original."""
        return replace(
            self,
            threshold=self.threshold if threshold is None else threshold,
            period=self.period if period is None else period,
            evaluation_periods=self.evaluation_periods if evaluation_periods is None else evaluation_periods,
            datapoints_to_alarm=self.datapoints_to_alarm if datapoints_to_alarm is None else datapoints_to_alarm,
            severity=self.severity if severity is None else severity,
        )

    def excluding(self, unwanted: Expression | Guard) -> Detection:
        """Return a copy that does not count these events. Events without the fields named still count.

        The saved query leaves them out too, and the copy has none of the samples that it no longer must match.

        Raises:
            AuditConfigurationError: The pattern exceeds CloudWatch's limits, the detection has no condition, or no
                audit event can be one of these.
        """
        check(unwanted, Expression | Guard, name="unwanted", where=f"detection {self.id!r}")
        if isinstance(self.condition, Silence):
            raise AuditConfigurationError(
                f"detection {self.id!r}",
                value=unwanted,
                limit="silence has no events to leave out",
                way_out="Tune its periods instead.",
            )
        covered = unwanted.covered if isinstance(unwanted, Guard) else unwanted
        if not isinstance(unwanted, Guard) and never.refuse(unwanted, f"detection {self.id!r}, excluding"):
            return self
        kept = tuple(sample for sample in self.samples if not (sample.matches and sample.meets(covered)))
        if isinstance(unwanted, Guard):
            query = (
                None if self.query is None else replace(self.query, condition=outside(self.query.condition, [unwanted]))
            )
            return replace(self, guards=(*self.guards, unwanted), query=query, samples=kept)
        query = None if self.query is None else self.query.excluding(unwanted)
        return replace(self, condition=self.condition & ~unwanted, query=query, samples=kept)
