"""The catalogue as a template is what the constructs synthesize, but for what takes a cluster or CDK to name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from eks_audit_constructs import catalog, demo
from eks_audit_constructs.cdk.stack import EksAuditStack
from eks_audit_constructs.replay import replay
from eks_audit_constructs.templates.from_catalog import from_catalog
from eks_audit_constructs.templates.template import Alarm, Metric, MetricFilter, Template, read_template


@pytest.fixture(scope="module")
def path(default_template: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("synthesized") / "template.json"
    path.write_text(json.dumps(default_template))
    return path


@pytest.fixture(scope="module")
def synthesized(path: Path) -> Template:
    return read_template(path)


def bare(name: str) -> str:
    return name.replace("EKS audit/demo/", "").replace("eks-audit/demo/", "")


def without_cluster(metric: Metric | None) -> Metric | None:
    """The metric, its namespace without the cluster, and its log group's name the catalogue's."""
    if metric is None or metric.namespace == "AWS/Logs":
        return metric and replace(metric, dimensions=tuple((key, "") for key, _ in metric.dimensions))
    return replace(metric, namespace=metric.namespace.removesuffix("/demo"))


def bare_filter(item: MetricFilter) -> MetricFilter:
    return replace(item, logical_id="", template="", log_group="", metric=without_cluster(item.metric))


def bare_alarm(alarm: Alarm) -> Alarm:
    return replace(
        alarm,
        logical_id="",
        template="",
        alarm_name=bare(alarm.alarm_name),
        description=bare(alarm.description),
        watched=tuple(replace(each, metric=without_cluster(each.metric)) for each in alarm.watched),
    )


def test_filters(synthesized: Template) -> None:
    made = {item.filter_name: bare_filter(item) for item in from_catalog().filters}
    assert made == {item.filter_name: bare_filter(item) for item in synthesized.filters}
    assert len(made) == len(catalog.DEFAULT)


def test_alarms(synthesized: Template) -> None:
    made = {alarm.alarm_name: bare_alarm(alarm) for alarm in from_catalog().alarms}
    assert made == {bare(alarm.alarm_name): bare_alarm(alarm) for alarm in synthesized.alarms}
    assert made.keys() == {detection.id for detection in catalog.DEFAULT}


def test_the_alarm_on_silence_watches_the_log_group_that_the_filters_read(tmp_path: Path) -> None:
    detections = [catalog.AUDIT_LOG_SILENT, catalog.ROLE_CHANGED]
    app = App()
    EksAuditStack(app, "S", cluster="demo", detections=detections)
    path = tmp_path / "template.json"
    path.write_text(json.dumps(app.synth().get_stack_by_name("S").template))
    for template in (from_catalog(detections), read_template(path)):
        [silence] = [alarm for alarm in template.alarms if alarm.metric and alarm.metric.namespace == "AWS/Logs"]
        assert silence.metric is not None
        assert {item.log_group for item in template.filters} == {value for _, value in silence.metric.dimensions}


def test_queries(synthesized: Template) -> None:
    made = {query.name: query.query for query in from_catalog().queries}
    assert made == {bare(query.name): query.query for query in synthesized.queries}
    assert [query.logical_id for query in from_catalog().queries] == [query.id for query in catalog.DEFAULT_QUERIES]


def test_it_is_replayed_alike(path: Path) -> None:
    def story(template: Path | Template) -> list[tuple[object, ...]]:
        alarms = replay(template, [demo.ATTACK]).alarms
        return sorted((bare(item.alarm.alarm_name), item.transitions, item.error) for item in alarms)

    assert story(from_catalog()) == story(path)
    assert any(transitions for _, transitions, _ in story(path))


def test_any_detections_and_queries() -> None:
    template = from_catalog([catalog.get("pod-exec")], queries=[])
    assert [item.filter_name for item in template.filters] == ["pod-exec"]
    assert [alarm.alarm_name for alarm in template.alarms] == ["pod-exec"]
    assert [query.name for query in template.queries] == [catalog.get("pod-exec").saved_query.title]


def test_all_of_the_catalogue_can_be_made() -> None:
    template = from_catalog(catalog.ALL, catalog.QUERIES)
    assert len(template.filters) == len(catalog.ALL) - 1
    assert len(template.queries) == len(catalog.QUERIES)
    ids = [item.logical_id for item in (*template.filters, *template.alarms, *template.queries)]
    assert len(set(ids)) == len(ids), "a replay tells filters and alarms apart by their logical ids"
