"""`eks-audit` and `python -m eks_audit_constructs`: the command line, which needs the extra `cli`."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line, or print how to install it."""
    try:
        from eks_audit_constructs.cli import main as run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("eks_audit_constructs"):
            raise
        print(f"eks-audit: {error.name} is not installed: pip install 'eks-audit-constructs[cli]'", file=sys.stderr)
        sys.exit(2)  # BAD_INPUT in cli/exit_codes.py, which cannot be imported without click
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
