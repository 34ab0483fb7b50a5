"""Run a Python file, and collect the faults of the detections that it makes.

The file is run in this process, as an import of it would: under its own name, not as `__main__`, with its folder (or
that of its outermost package) on `sys.path`, so that it may import its neighbours. What it prints goes to stderr.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import eks_audit_constructs
from eks_audit_constructs import catalog  # noqa: F401  # so that its own detections are not among those that are made
from eks_audit_constructs.audit_events.findings import Rule, collected
from eks_audit_constructs.check import Checked, Fault
from eks_audit_constructs.errors import AuditConfigurationError
from eks_audit_constructs.files import exists, is_folder

__all__ = ["check"]

_OURS = Path(eks_audit_constructs.__file__).parent


def check(path: Path) -> Checked:
    """Run a Python file and check what it makes; see `eks_audit_constructs.check.check`."""
    if not exists(path) or is_folder(path):
        raise _refused(str(path), path.name, "there is no such file", "Name a Python file or a template")
    unchecked = []
    with collected() as found:
        refused = _run(path)
    faults = [_fault(finding.rule, finding.error, finding.stack, path) for finding in found.findings]
    if refused is not None:
        faults.append(_fault(Rule.REFUSED, refused, traceback.extract_tb(refused.__traceback__), path))
        unchecked.append(f"{path.name} stops at its line {_line_in(path, refused)}, so what follows was not checked")
    if not found.asked and not faults:
        raise _refused(
            str(path),
            path.name,
            "running the file makes no detection, so there is nothing to check",
            "Make them at its top level, or check the template that it synthesizes",
        )
    asked = {where.partition(" ")[2] for where in found.asked}  # a detection and its query have one name
    ordered = sorted(_once(faults), key=lambda fault: (str(fault.file), fault.line))
    return Checked(path=path, asked=len(asked), faults=tuple(ordered), unchecked=tuple(unchecked))


def _run(path: Path) -> AuditConfigurationError | None:
    """Run the file; return the error of ours that stopped it.

    Raises:
        AuditConfigurationError: Another error stopped it.
    """
    try:
        with _importing(path) as (name, package), redirect_stdout(sys.stderr):
            if package:
                import_module(package)
            spec = spec_from_file_location(name, path)
            assert spec is not None and spec.loader is not None
            module = module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
    except AuditConfigurationError as error:
        return error
    except SystemExit as left:
        if left.code:
            raise _failed(path, left) from left
    except Exception as error:
        raise _failed(path, error) from error
    return None


@contextmanager
def _importing(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the name of the file's module and of its package; afterwards, forget what was imported from there."""
    folder = path.resolve().parent
    packages: list[str] = []
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        packages.insert(0, folder.name)
        folder = folder.parent
    package = ".".join(packages)
    modules, search, writes = dict(sys.modules), list(sys.path), sys.dont_write_bytecode
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    try:
        yield (f"{package}.{path.stem}" if package else path.stem), package
    finally:
        sys.path[:], sys.dont_write_bytecode = search, writes
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if modules.get(name) is not module and file is not None and _is_theirs(file, folder):
                del sys.modules[name]
                if name in modules:
                    sys.modules[name] = modules[name]


def _failed(path: Path, error: BaseException) -> AuditConfigurationError:
    said = " ".join(str(error).split())
    if isinstance(error, SyntaxError):
        place = f"{error.filename or path}:{error.lineno or 1}"
        said = error.msg
    else:
        frame = _frame(traceback.extract_tb(error.__traceback__), path)
        place = f"{frame.filename}:{frame.lineno}" if frame else str(path)
    return _refused(
        place,
        path.name,
        f"running the file failed: {type(error).__name__}{': ' if said else ''}{said}",
        f"`python {path.name}` shows where it comes from",
    )


def _fault(rule: Rule, error: AuditConfigurationError, stack: Iterable[traceback.FrameSummary], path: Path) -> Fault:
    frame = _frame(stack, path)
    file, line = (Path(frame.filename), frame.lineno or 1) if frame else (path, 1)
    return Fault(rule=rule, error=error, file=path if _same(file, path) else file, line=line)


def _line_in(path: Path, error: BaseException) -> int:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if _same(Path(frame.filename), path)]
    return lines[0] or 1 if lines else 1


def _frame(stack: Iterable[traceback.FrameSummary], path: Path) -> traceback.FrameSummary | None:
    """Return the innermost call in the file or its neighbours."""
    folders = (path.resolve().parent, Path.cwd())
    theirs = [frame for frame in stack if any(_is_theirs(frame.filename, folder) for folder in folders)]
    return theirs[-1] if theirs else None


def _is_theirs(name: str, folder: Path) -> bool:
    file = Path(name)
    return (
        file.is_absolute()
        and file.is_relative_to(folder)
        and not file.is_relative_to(_OURS)
        and "site-packages" not in file.parts
    )


def _same(file: Path, path: Path) -> bool:
    return file == path or file == path.resolve()


def _once(faults: Iterable[Fault]) -> list[Fault]:
    """Leave out what is told of a detection again for its query, for a tuned copy, and after an exclusion in vain."""
    told: dict[object, Fault] = {}
    for fault in faults:
        about = fault.error.where.partition(" ")[2]
        told.setdefault((about, fault.error.value, fault.error.limit), fault)
    refused = {(fault.file, fault.line) for fault in told.values() if fault.rule is Rule.NEVER}
    return [fault for fault in told.values() if fault.rule is not Rule.DOUBT or (fault.file, fault.line) not in refused]


def _refused(where: str, value: str, limit: str, way_out: str) -> AuditConfigurationError:
    return AuditConfigurationError(where, value=value, limit=limit, way_out=way_out)
