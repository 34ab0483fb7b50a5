"""The checks that `eks-audit verify` sends to CloudWatch: filter patterns, each with the lines to try it on."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from eks_audit_constructs.catalog import Detection
from eks_audit_constructs.catalog.samples import Sample, parsed, samples
from eks_audit_constructs.conditions import pattern_parser
from eks_audit_constructs.conditions.evaluation import predicate
from eks_audit_constructs.templates.items import MetricFilter, Template

__all__ = ["Check", "Kind", "Line", "doubts", "of_detections", "of_template", "probes", "skipped"]


class Kind(Enum):
    """The source of a pattern."""

    DETECTION = "detection"
    FILTER = "filter"
    PROBE = "probe"


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A log line and its description."""

    text: str
    says: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """A filter pattern and the lines to try it on."""

    kind: Kind
    id: str
    """The id of the detection or probe, or the metric filter's logical id, after its template if there are several."""
    about: str
    """The detection's title, the metric filter's name, or the question that the probe answers."""
    pattern: str
    lines: tuple[Line, ...]

    def expected(self) -> tuple[bool, ...]:
        """Return whether each line matches, by our own evaluation."""
        matches = predicate(pattern_parser.parse(self.pattern, where=self.id))
        return tuple(matches(line.text.encode(), parsed(line.text)) for line in self.lines)


def of_detections(detections: Iterable[Detection]) -> Iterator[Check]:
    """Yield a check for each detection, on its own samples; silence has no pattern to check."""
    for detection in detections:
        if detection.pattern is not None:
            lines = tuple(map(_line, (*samples(detection.id), *detection.samples)))
            yield Check(
                kind=Kind.DETECTION, id=detection.id, about=detection.title, pattern=detection.pattern, lines=lines
            )


def of_template(template: Template, detections: Iterable[Detection]) -> Iterator[Check]:
    """Yield a check for each metric filter of a template, on the samples of these detections."""
    lines = {line.text: line for detection in detections for line in map(_line, samples(detection.id))}
    for item in template.filters:
        if item.condition is not None:
            yield Check(
                kind=Kind.FILTER,
                id=_id(item, template),
                about=item.filter_name,
                pattern=item.pattern,
                lines=tuple(lines.values()),
            )


def skipped(template: Template) -> dict[str, str]:
    """Return the metric filters of a template that cannot be checked, by id, and the reasons."""
    return {_id(item, template): item.error for item in template.filters if item.error is not None}


def doubts(template: Template) -> dict[str, tuple[str, ...]]:
    """Return what in the metric filters of a template matches no audit event, or likely none, by id.

    CloudWatch and this library agree on such a pattern: neither finds anything.
    """
    return {_id(item, template): tuple(map(str, item.never)) for item in template.filters if item.never}


def _id(item: MetricFilter, template: Template) -> str:
    """Return the logical id, after its template if there are several."""
    return f"{item.template}/{item.logical_id}" if template.several else item.logical_id


def probes() -> Iterator[Check]:
    """Yield checks that answer what the documentation leaves open."""
    table = tomllib.loads(Path(__file__).with_name("probes.toml").read_text(encoding="utf-8"))
    for probe in table["probe"]:
        lines = tuple(Line(text=text, says=text) for text in (*probe["hits"], *probe["misses"]))
        yield Check(kind=Kind.PROBE, id=probe["id"], about=probe["question"], pattern=probe["pattern"], lines=lines)


def _line(sample: Sample) -> Line:
    return Line(text=sample.line, says=sample.says)
