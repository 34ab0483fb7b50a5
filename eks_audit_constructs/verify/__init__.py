"""Verify that CloudWatch matches what our evaluation of a filter pattern matches.

verification = verify([*checks.of_detections(catalog.ALL), *checks.probes()], aws.client("logs"))
assert verification.agrees

This only calls `TestMetricFilter`, which is free of charge and neither reads nor writes anything in the account.
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
"""Maximum log event messages in a call."""
_MAX_BYTES = 1024 * 1024
"""Maximum bytes in a call. The documentation names no limit; this is the limit of PutLogEvents."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A line on which CloudWatch and our evaluation disagree."""

    line: Line
    ours: bool
    """Whether the pattern matches by our evaluation; by CloudWatch's, it is the opposite."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The result of one check."""

    check: Check
    differences: tuple[Difference, ...] = ()
    refused: str | None = None
    """Why CloudWatch rejects the pattern; None if it accepts it."""

    @property
    def agrees(self) -> bool:
        return not self.differences and self.refused is None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """The results of all checks."""

    region: str
    verdicts: tuple[Verdict, ...]

    @property
    def agrees(self) -> bool:
        """Whether CloudWatch and our evaluation agree on everything."""
        return all(verdict.agrees for verdict in self.verdicts)

    @property
    def differences(self) -> tuple[Verdict, ...]:
        """Detections and metric filters on which CloudWatch disagrees."""
        return tuple(item for item in self.verdicts if not item.agrees and item.check.kind is not Kind.PROBE)

    @property
    def facts(self) -> tuple[Verdict, ...]:
        """Probes on which CloudWatch disagrees: the documentation leaves them open."""
        return tuple(item for item in self.verdicts if not item.agrees and item.check.kind is Kind.PROBE)


def verify(checks: Sequence[Check], client: Any, *, progress: Callable[[float], None] | None = None) -> Verification:
    """Ask CloudWatch about each check.

    Args:
        checks: The checks. A call takes up to 50 lines, and an account can make some 5 calls per second.
        client: A boto3 client for CloudWatch Logs, with adaptive retries.
        progress: Called with the fraction that is done, 0 to 1.

    Raises:
        AwsError: CloudWatch did not answer (credentials, permission, throttling), or its answer makes no sense.
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
    """Yield the lines in batches that fit into a call."""
    batch: list[Line] = []
    size = 0
    for line in lines:
        length = len(line.text.encode())
        if batch and (len(batch) == _MAX_LINES or size + length > _MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += length
    if batch:
        yield batch


def _matched(matches: Sequence[Mapping[str, Any]], asked: Collection[str], where: str) -> set[str]:
    """Return the lines that match, identified by content: how AWS numbers them is not documented."""
    matched = {str(match.get("eventMessage")) for match in matches}
    if strange := matched.difference(asked):
        raise AwsError(
            where,
            value=strange.pop(),
            limit="CloudWatch answered with a line that was not sent",
            way_out="Check whether a proxy between you and AWS alters the traffic",
        )
    return matched
