"""Read the metric filters, alarms and saved queries of CloudFormation templates.

Any template can be read, JSON or YAML, not only those of this library. Nothing is skipped silently: a metric filter or
an alarm that the replay cannot evaluate has the reason in its `error`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eks_audit_constructs.templates import macros
from eks_audit_constructs.templates.alarms import OTHER_ALARMS, composite_alarm, metric_alarm, other_alarm
from eks_audit_constructs.templates.assembly import Document, documents
from eks_audit_constructs.templates.deployment import Deployment
from eks_audit_constructs.templates.files import refusal
from eks_audit_constructs.templates.filters import metric_filter, within_limits
from eks_audit_constructs.templates.intrinsics import Resolver
from eks_audit_constructs.templates.items import COMPARISONS, Alarm, Key, Metric, MetricFilter, SavedQuery, Template
from eks_audit_constructs.templates.resource import Resource

__all__ = ["COMPARISONS", "Alarm", "Key", "Metric", "MetricFilter", "SavedQuery", "Template", "read_template"]

_QUERIES = ("AWS::Logs::QueryDefinition", "AWS::Logs::ScheduledQuery")
_STACK = "AWS::CloudFormation::Stack"
_STACK_SET = "AWS::CloudFormation::StackSet"


def read_template(path: Path, parameters: Mapping[str, str] | None = None) -> Template:
    """Read a template file, or the templates of a `cdk.out` folder, each with its nested stacks.

    Args:
        path: The file or folder.
        parameters: Values of what only a deployment knows: parameters, `AWS::Region`, `AWS::AccountId`.

    Raises:
        TemplateError: It cannot be read, or is not a CloudFormation template.
        AuditConfigurationError: No template asks for one of the parameters.
    """
    deployment = Deployment(parameters)
    try:
        template = _read(path, deployment)
    except RecursionError as error:
        raise refusal(
            path, path.name, "its values are nested too deeply, or in each other", "Name a template"
        ) from error
    deployment.check(str(path))
    return template


def _read(path: Path, deployment: Deployment) -> Template:
    stacks = [(document, _resolver(document, deployment)) for document in documents(path)]
    every = [pair for document, resolver in stacks for pair in _with_nested(document, resolver)]
    for _, resolver in every:
        resolver.others = [other for _, other in every]
    readers = [_Reader(document, resolver) for document, resolver in every]
    several = len(readers) > 1
    resources: dict[str, int] = {}
    for reader in readers:
        for kind, number in reader.resources.items():
            resources[kind] = resources.get(kind, 0) + number
    return Template(
        name=path.name,
        filters=tuple(sorted(_limited(readers), key=lambda item: item.key)),
        alarms=tuple(sorted((item for reader in readers for item in reader.alarms), key=lambda item: item.key)),
        queries=tuple(sorted((item for reader in readers for item in reader.queries), key=lambda item: item.key)),
        resources=dict(sorted(resources.items())),
        skipped=tuple(
            sorted(
                f"{name} ({reader.document.name})" if several else name for reader in readers for name in reader.skipped
            )
        ),
        unread=tuple(sorted(reason for reader in readers for reason in reader.unread)),
        macros=macros.note({reader.document.name: reader.macros for reader in readers}),
    )


def _resolver(document: Document, deployment: Deployment) -> Resolver:
    pseudo = {}
    if document.stack_name is not None:
        pseudo["AWS::StackName"] = document.stack_name
    if document.environment is not None:
        pseudo["AWS::AccountId"], pseudo["AWS::Region"] = document.environment
    return _nesting(document, Resolver(document.body, deployment, pseudo=pseudo))


def _nesting(document: Document, resolver: Resolver) -> Resolver:
    for logical_id, child in document.nested.items():
        _nesting(child, resolver.nest(logical_id, child.body))
    return resolver


def _with_nested(document: Document, resolver: Resolver) -> list[tuple[Document, Resolver]]:
    nested = [pair for id, child in document.nested.items() for pair in _with_nested(child, resolver.nested[id])]
    return [(document, resolver), *nested]


def _limited(readers: list[_Reader]) -> list[MetricFilter]:
    """Return the filters, with CloudWatch's limits on a log group: those of one account and Region count together."""
    together: dict[Any, list[MetricFilter]] = {}
    for reader in readers:
        root = reader.document.name.split("/")[0] if reader.resolver.is_nested else reader.document.name
        together.setdefault(reader.document.environment or root, []).extend(reader.filters)
    return [item for filters in together.values() for item in within_limits(filters)]


class _Reader:
    """Reads the resources of one template."""

    def __init__(self, document: Document, resolver: Resolver) -> None:
        self.document, self.resolver = document, resolver
        self.filters: list[MetricFilter] = []
        self.alarms: list[Alarm] = []
        self.queries: list[SavedQuery] = []
        self.resources: dict[str, int] = {}
        self.skipped: list[str] = list(resolver.skipped)
        self.unread: list[str] = [f"{name} is left out: {reason}" for name, reason in resolver.skipped.items()]
        self.macros = macros.macros(document.body)
        if macros.INCLUDE in self.macros:
            self.unread.append(f"what {macros.INCLUDE} inserts in {document.name} is not here, so it is not read")
        classes = self._log_classes()
        for logical_id, body in resolver.resources.items():
            kind = body.get("Type") if isinstance(body, Mapping) else None
            if not isinstance(kind, str):
                self.skipped.append(logical_id)
                continue
            self.resources[kind] = self.resources.get(kind, 0) + 1
            self._add(kind, Key(document.name, logical_id), body, classes)

    def _add(self, kind: str, key: Key, body: Mapping[str, Any], classes: Mapping[str, str]) -> None:
        if kind == "AWS::Logs::MetricFilter":
            self.filters.append(metric_filter(Resource(key, body, self.resolver), classes))
        elif kind == "AWS::CloudWatch::Alarm":
            self.alarms.append(metric_alarm(Resource(key, body, self.resolver)))
        elif kind == "AWS::CloudWatch::CompositeAlarm":
            self.alarms.append(composite_alarm(Resource(key, body, self.resolver)))
        elif kind in OTHER_ALARMS:
            self.alarms.append(other_alarm(Resource(key, body, self.resolver), kind))
        elif kind in _QUERIES:
            self._add_query(Resource(key, body, self.resolver))
        elif kind == _STACK and key.logical_id not in self.document.nested:
            self.unread.append(f"the template of the nested stack {key.logical_id} is not here, so it is not read")
        elif kind == _STACK_SET:
            self.unread.append(f"the template that the stack set {key.logical_id} deploys is not read")

    def _add_query(self, resource: Resource) -> None:
        if resource.absent:
            return
        name, query = resource.properties.name("Name"), resource.properties.name("QueryString")
        id, template = resource.key.logical_id, resource.key.template
        self.queries.append(
            SavedQuery(
                logical_id=id,
                template=template,
                name=name or id,
                query=query or "",
                language=resource.properties.name("QueryLanguage") or "CWLI",
                defaults={
                    parameter: part.name("DefaultValue")
                    for part in resource.properties.parts("Parameters")
                    if (parameter := part.name("Name"))
                },
            )
        )

    def _log_classes(self) -> dict[str, str]:
        """Return the classes of the log groups that the template defines, by name."""
        classes = {}
        for logical_id, body in self.resolver.resources.items():
            if isinstance(body, Mapping) and body.get("Type") == "AWS::Logs::LogGroup":
                properties = Resource(Key(self.document.name, logical_id), body, self.resolver).properties
                name = self.resolver.text({"Ref": logical_id}) or logical_id
                classes[name] = properties.name("LogGroupClass") or "STANDARD"
        return classes
