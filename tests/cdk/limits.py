"""What CloudWatch, CloudWatch Logs and SNS take, asked of a synthesized template.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutQueryDefinition.html
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

__all__ = ["broken"]

_RETENTIONS = {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
_FILTER = re.compile(r"[^:*]{1,512}")
_METRIC = re.compile(r"[^:*$]{1,255}")
_LINE = re.compile(r"[^\x00-\x1f\x7f]*")


def broken(template: dict[str, Any]) -> list[str]:
    """The limits that the template breaks, each with the logical id."""
    found = template.get("Resources", {})
    of_each = [f"{id}: {what}" for id, one in found.items() for what in _broken(one["Type"], one.get("Properties", {}))]
    return [*of_each, *_twice(found), *_too_many(found)]


def _broken(kind: str, has: dict[str, Any]) -> Iterator[str]:
    checks: dict[str, bool] = {}
    if kind == "AWS::CloudWatch::Alarm":
        # An alarm of one metric without math may look back a day, or a week if its period is an hour or more.
        reach = 7 * 86400 if has["Period"] >= 3600 else 86400
        checks = {
            "its name has 1 to 255 characters of one line": _named(has["AlarmName"], 255),
            "its description has at most 1,024 characters": len(_text(has["AlarmDescription"])) <= 1024,
            "a period is 10, 20 or 30 seconds, or minutes": type(has["Period"]) is int and has["Period"] % 60 == 0,
            "periods are whole numbers": type(has["EvaluationPeriods"]) is int and has["EvaluationPeriods"] >= 1,
            "M of N": 1 <= has.get("DatapointsToAlarm", 1) <= has["EvaluationPeriods"],
            "it looks back at most a day, or a week": has["Period"] * has["EvaluationPeriods"] <= reach,
            "a threshold is a number": type(has["Threshold"]) in (int, float),
        }
    elif kind == "AWS::Logs::MetricFilter":
        [metric] = has["MetricTransformations"]
        checks = {
            "its pattern has 1 to 1,024 characters": 1 <= len(has["FilterPattern"]) <= 1024,
            "its name has no : and no *": bool(_FILTER.fullmatch(_text(has["FilterName"]))),
            "its metric has a name": bool(_METRIC.fullmatch(_text(metric["MetricName"]))),
            "its metric has a namespace": bool(_METRIC.fullmatch(_text(metric["MetricNamespace"]))),
            "a pattern has at most two regular expressions": _regexes(has["FilterPattern"]) <= 2,
        }
    elif kind == "AWS::Logs::QueryDefinition":
        checks = {
            "its name has 1 to 255 characters of one line": _named(has["Name"], 255),
            "its name has no : and no *": not set(_text(has["Name"])) & set(":*"),
            "its text has 1 to 10,000 characters": 1 <= len(has["QueryString"]) <= 10_000,
            "no command is empty": all(part.strip() for part in has["QueryString"].split("\n| ")),
        }
    elif kind == "AWS::Logs::LogGroup":
        checks = {"its retention is known": has.get("RetentionInDays", 1) in _RETENTIONS}
    elif kind == "AWS::SNS::Subscription":
        checks = {"its endpoint is an address": "@" in _text(has["Endpoint"]) or isinstance(has["Endpoint"], dict)}
    yield from (what for what, holds in checks.items() if not holds)


def _twice(resources: dict[str, Any]) -> Iterator[str]:
    names = Counter(
        json.dumps([one["Type"], one["Properties"].get("LogGroupName"), one["Properties"][key]])
        for one in resources.values()
        for key in ("AlarmName", "FilterName", "Name")
        if one["Type"].split("::")[1] in ("CloudWatch", "Logs") and key in one.get("Properties", {})
    )
    yield from (f"{name} is there {number} times" for name, number in names.items() if number > 1)


def _too_many(resources: dict[str, Any]) -> Iterator[str]:
    filters = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::Logs::MetricFilter"]
    for group, number in Counter(json.dumps(one["LogGroupName"]) for one in filters).items():
        with_regex = [
            one for one in filters if json.dumps(one["LogGroupName"]) == group and _regexes(one["FilterPattern"])
        ]
        if number > 100 or len(with_regex) > 5:
            yield f"{group}: {number} metric filters, {len(with_regex)} with a regular expression"


def _regexes(pattern: str) -> int:
    return len(re.findall(r"%[^%\"]+%", re.sub(r'"(\\.|[^"\\])*"', '""', pattern)))


def _named(name: Any, limit: int) -> bool:
    text = _text(name)
    return 1 <= len(text) <= limit and bool(_LINE.fullmatch(text))


def _text(value: Any) -> str:
    """A value's text, as short as a deployment could make it."""
    match value:
        case str():
            return value
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(map(_text, parts))
    return "x"
