"""What a command works on: detections of the catalogue, or a template."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import click

from eks_audit_constructs.cli.options import Command, decorated, severity
from eks_audit_constructs.errors import AuditConfigurationError

if TYPE_CHECKING:
    from eks_audit_constructs.catalog import Detections
    from eks_audit_constructs.templates.items import Template

__all__ = ["Selection", "Tier", "parameters", "parsed_parameters", "selection", "template"]

Tier: TypeAlias = Literal["default", "extended", "all"]

template = click.option(
    "--template",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Use this CloudFormation template (JSON or YAML) or cdk.out folder instead of the catalogue.",
)
parameters = click.option(
    "--parameter",
    "parameters",
    metavar="KEY=VALUE",
    multiple=True,
    help="A value that only a deployment knows: a parameter of the template, AWS::Region or AWS::AccountId.",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """A template, or a choice of detections of the catalogue."""

    template: Path | None
    parameters: Mapping[str, str]
    tier: Tier
    only: tuple[str, ...]
    severity: str | None

    def detections(self) -> Detections:
        """Return the detections chosen from the catalogue.

        Raises:
            AuditConfigurationError: There is no such detection, or none is left.
        """
        from eks_audit_constructs import catalog

        tiers = {"default": catalog.DEFAULT, "extended": catalog.DEFAULT.adding(*catalog.EXTENDED), "all": catalog.ALL}
        chosen = tiers[self.tier]
        if self.only:
            named = catalog.Detections({id: catalog.get(id) for id in self.only}.values())
            if others := [one.id for one in named if one.id not in chosen]:
                raise AuditConfigurationError(
                    "--tier, --only",
                    value=", ".join(others),
                    limit=f"not among the detections of --tier {self.tier}",
                    way_out="Leave --tier out: --only takes any detection of the catalogue",
                )
            chosen = named
        if self.severity is not None:
            chosen = chosen.select(severity=catalog.Severity(self.severity))
        if not chosen:
            raise AuditConfigurationError(
                "--only, --severity",
                value=f"{', '.join(self.only)}: {self.severity}",
                limit="no detection is left",
                way_out="List the detections: eks-audit detections",
            )
        return chosen

    def read(self) -> Template:
        """Return the template, or one made of the detections chosen.

        Raises:
            TemplateError: The template cannot be read.
            AuditConfigurationError: There is no such detection, or none is left.
        """
        if self.template is None:
            from eks_audit_constructs.templates.from_catalog import from_catalog  # loads the catalogue

            return from_catalog(self.detections())
        from eks_audit_constructs.templates.template import read_template

        return read_template(self.template, self.parameters)


def selection(default: Tier) -> Callable[[Command], Command]:
    """Add --template and the options that choose from the catalogue to a command, which takes them as `selected`.

    Args:
        default: The tier without --tier and --only.
    """
    options = (
        template,
        parameters,
        click.option(
            "--tier",
            type=click.Choice(["default", "extended", "all"]),
            help="Detections of the catalogue: those that are on by default, these and the extended ones, or all. "
            f"Default: {default}.",
        ),
        click.option(
            "--only",
            metavar="IDS",
            multiple=True,
            help="Only these detections of any tier: ids, separated by commas.",
        ),
        severity,
    )

    def decorator(command: Command) -> Command:
        @functools.wraps(command)
        def wrapped(
            *,
            template: Path | None,
            parameters: tuple[str, ...],
            tier: Tier | None,
            only: tuple[str, ...],
            severity: str | None,
            **others: Any,
        ) -> int | None:
            ids = tuple(id.strip() for ids in only for id in ids.split(","))
            _check(template, {"--tier": tier, "--only": ", ".join(ids) if only else None, "--severity": severity})
            selected = Selection(
                template=template,
                parameters=parsed_parameters(parameters, template),
                tier=tier or ("all" if ids else default),
                only=ids,
                severity=severity,
            )
            return command(selected=selected, **others)

        return decorated(wrapped, options)

    return decorator


def parsed_parameters(given: Sequence[str], template: Path | None) -> dict[str, str]:
    """Return the values of --parameter.

    Raises:
        AuditConfigurationError: One is not KEY=VALUE, one is given twice, or there is no template.
    """
    values: dict[str, str] = {}
    for item in given:
        key, sign, value = item.partition("=")
        if template is None:
            raise _refused(item, "only a template has parameters", "Give --template too")
        if not key or not sign:
            raise _refused(item, "this is not KEY=VALUE", "Write it as in --parameter Environment=prod")
        if key in values:
            raise _refused(item, "this parameter is given twice", "Give it once")
        values[key] = value
    return values


def _refused(item: str, limit: str, way_out: str) -> AuditConfigurationError:
    return AuditConfigurationError("--parameter", value=item, limit=limit, way_out=way_out)


def _check(template: Path | None, given: dict[str, str | None]) -> None:
    """Refuse to choose from the catalogue and to name a template."""
    choosing = {option: value for option, value in given.items() if value is not None}
    if template is not None and choosing:
        raise AuditConfigurationError(
            ", ".join(choosing),
            value=", ".join(choosing.values()),
            limit="this chooses from the catalogue, and --template replaces the catalogue",
            way_out="Give one or the other",
        )
