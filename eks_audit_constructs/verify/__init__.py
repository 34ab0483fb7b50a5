"""Verify: does CloudWatch match what our evaluation of a filter pattern matches?

verification = verify([*checks.of_detections(catalog.ALL), *checks.probes()], aws.client("logs"))
assert verification.agrees

It calls `TestMetricFilter` only, which is free of charge and neither reads nor writes anything in the account.
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TestMetricFilter.html
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eks_audit_constructs.aws import asking
from eks_audit_constructs.errors import AwsError
from eks_audit_constructs.verify.checks import Check, Kind, Line

__all__ = ["Difference", "Verdict", "Verification", "verify"]

_MAX_LINES = 50
"""Log event messages in a call."""
_MAX_BYTES = 1024 * 1024
"""Bytes in a call. The documentation names no limit; this is that of PutLogEvents."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A line on which CloudWatch and we disagree."""

    line: Line
    ours: bool
    """We say that the pattern matches it; CloudWatch says the opposite."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What CloudWatch says about one pattern."""

    check: Check
    differences: tuple[Difference, ...] = ()
    refused: str | None = None
    """Why CloudWatch does not take the pattern."""

    @property
    def agrees(self) -> bool:
        return not self.differences and self.refused is None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """What CloudWatch says about all of them."""

    region: str
    verdicts: tuple[Verdict, ...]

    @property
    def agrees(self) -> bool:
        """CloudWatch and we agree on everything."""
        return all(verdict.agrees for verdict in self.verdicts)

    @property
    def differences(self) -> tuple[Verdict, ...]:
        """Detections and metric filters that CloudWatch reads otherwise."""
        return tuple(item for item in self.verdicts if not item.agrees and item.check.kind is not Kind.PROBE)

    @property
    def facts(self) -> tuple[Verdict, ...]:
        """What the documentation leaves open and CloudWatch does otherwise than we read it."""
        return tuple(item for item in self.verdicts if not item.agrees and item.check.kind is Kind.PROBE)


def verify(checks: Sequence[Check], client: Any, *, progress: Callable[[float], None] | None = None) -> Verification:
    """Ask CloudWatch about each check.

    Args:
        checks: What to ask. A call takes up to 50 lines; an account may make some 5 calls a second.
        client: A boto3 client for CloudWatch Logs, which should retry adaptively.
        progress: Called with the share that is done, 0 to 1.

    Raises:
        AwsError: CloudWatch gave no answer: credentials, permission, throttled for good.
    """
    verdicts = []
    for number, check in enumerate(checks, start=1):
        verdicts.append(_verdict(check, client))
        if progress is not None:
            progress(number / len(checks))
    return Verification(region=str(client.meta.region_name), verdicts=tuple(verdicts))


def _verdict(check: Check, client: Any) -> Verdict:
    differences: list[Difference] = []
    expected = dict(zip(check.lines, check.expected(), strict=True))
    where = f"{check.kind.value} {check.id!r}"
    for lines in _calls(check.lines):
        texts = [line.text for line in lines]
        with asking(where, permission="logs:TestMetricFilter"):
            try:
                answer = client.test_metric_filter(filterPattern=check.pattern, logEventMessages=texts)
            except client.exceptions.InvalidParameterException as error:
                return Verdict(check=check, refused=str(error.response["Error"].get("Message") or error))
        matched = _matched(answer["matches"], texts, where)
        differences += [
            Difference(line=line, ours=expected[line]) for line in lines if (line.text in matched) is not expected[line]
        ]
    return Verdict(check=check, differences=tuple(differences))


def _calls(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """The lines in as many parts as calls are needed."""
    part: list[Line] = []
    size = 0
    for line in lines:
        length = len(line.text.encode())
        if part and (len(part) == _MAX_LINES or size + length > _MAX_BYTES):
            yield part
            part, size = [], 0
        part.append(line)
        size += length
    if part:
        yield part


def _matched(matches: Sequence[Mapping[str, Any]], asked: Collection[str], where: str) -> set[str]:
    """The lines that match. They are told by their content: how AWS numbers them is not documented."""
    matched = {str(match.get("eventMessage")) for match in matches}
    if strange := matched.difference(asked):
        raise AwsError(
            where,
            value=strange.pop(),
            limit="CloudWatch answers with a line that it was not asked about",
            way_out="See whether something between you and AWS changes what passes",
        )
    return matched
