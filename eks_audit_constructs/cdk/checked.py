"""The check of a construct's arguments, before it adds anything to the app."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from aws_cdk import CfnResource, Stage
from constructs import Construct, IConstruct

from eks_audit_constructs import arguments
from eks_audit_constructs.cdk.environment import refuse_elsewhere
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["checked"]

P = ParamSpec("P")
Self = TypeVar("Self", bound=Construct)
Init = Callable[Concatenate[Self, P], None]


def checked(
    *, leaving: tuple[str, ...] = (), of_any_account: tuple[str, ...] = ()
) -> Callable[[Init[Self, P]], Init[Self, P]]:
    """Check the arguments of a construct's `__init__` against its annotations, and where the constructs in them are.

    A construct that is passed must be in the same Region and Stage. It must be in the same account too, unless a
    policy can let another account in, as for keys. What CDK itself refuses becomes an error of ours.

    Args:
        leaving: Arguments that the construct checks itself, because it knows a better way out.
        of_any_account: Arguments that may be of another account.
    """

    def decorate(init: Init[Self, P]) -> Init[Self, P]:
        signature = inspect.signature(init)

        @functools.wraps(init)
        def checking(self: Self, /, *args: P.args, **kwargs: P.kwargs) -> None:
            bound = signature.bind(self, *args, **kwargs)
            scope, id, where = _place(bound.arguments["scope"], bound.arguments["id"])
            try:
                for name, value in bound.arguments.items():
                    parameter = signature.parameters[name]
                    if parameter.kind is parameter.KEYWORD_ONLY and name not in leaving:
                        expected = _resolved(init, parameter.annotation)
                        bound.arguments[name] = arguments.check(value, expected, name=name, where=where)
                        _refuse_elsewhere(scope, value, name, where, of_any_account=name in of_any_account)
                init(*bound.args, **bound.kwargs)
            except (RuntimeError, TypeError) as error:
                if not _is_of_cdk(error):
                    raise
                raise AuditConfigurationError(
                    where,
                    value=id,
                    limit=f"CDK refuses this: {str(error).splitlines()[0].rstrip('.')}",
                    way_out="Change the argument that it names",
                ) from None

        return cast(Init[Self, P], checking)

    return decorate


def _is_of_cdk(error: Exception) -> bool:
    """Whether an argument was refused by CDK, or by jsii on its behalf, and not by a mistake of ours."""
    return type(error.__cause__).__name__ == "JavaScriptError" or str(error).startswith("type of argument ")


def _place(scope: Any, id: Any) -> tuple[Construct, str, str]:
    """The construct's scope, its id and the path it will have."""
    arguments.check(id, str, name="id", where=repr(id))
    arguments.check(scope, IConstruct, name="scope", where=id)
    where = "/".join(filter(None, (scope.node.path, id)))
    if not id or scope.node.try_find_child(id) is not None:
        raise AuditConfigurationError(
            where,
            value=id,
            limit="an id is text, and each child of a construct has another one",
            way_out="Give this construct an id of its own",
        )
    return scope, id, where


@functools.cache
def _resolved(init: Callable[..., None], annotation: str) -> Any:
    return eval(annotation, inspect.unwrap(init).__globals__)  # as typing.get_type_hints does, but one at a time


def _refuse_elsewhere(scope: Construct, value: Any, name: str, where: str, *, of_any_account: bool) -> None:
    """Reject a construct of another Region, account or Stage, where both are known."""
    if not arguments.offers(value, ("env", "node")):
        return
    refuse_elsewhere(scope, value.env, where=where, what=value.node.path, name=name, of_any_account=of_any_account)
    resource = value if isinstance(value, CfnResource) else value.node.default_child
    if resource is not None and _stage(value) != _stage(scope):
        raise AuditConfigurationError(
            where,
            value=value.node.path,
            limit=f"{name} is in another Stage of the app, and stages are deployed one by one",
            way_out="Define both in one Stage, or refer to it by its name or ARN",
        )


def _stage(construct: Any) -> str | None:
    stage = Stage.of(construct)
    return None if stage is None else stage.node.path
