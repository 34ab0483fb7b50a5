"""AWS clients, and one-line errors for their failures.

boto3 comes with the extra `aws`. boto3 finds the credentials as usual; they are never shown.
https://docs.aws.amazon.com/boto3/latest/guide/retries.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eks_audit_constructs.errors import AwsError

__all__ = ["asking", "client"]

_ATTEMPTS = 10
"""Maximum attempts of a call, with backoff; after that, throttling is an error."""
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AllAccessDisabled"}
_THROTTLED = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown"}
_REFUSED = {
    "ExpiredToken": "the credentials have expired",
    "ExpiredTokenException": "the credentials have expired",
    "IncompleteSignature": "the credentials are malformed",
    "InvalidAccessKeyId": "AWS does not know these credentials",
    "InvalidClientTokenId": "AWS does not know these credentials",
    "InvalidSignatureException": "the secret key or this machine's clock is wrong",
    "RequestExpired": "this machine's clock is wrong",
    "RequestTimeTooSkewed": "this machine's clock is wrong",
    "SignatureDoesNotMatch": "the secret key or this machine's clock is wrong",
    "UnrecognizedClientException": "AWS does not know these credentials, or the Region is not enabled",
}
"""Errors whose message is not shown: some contain the request, including the session token."""


def client(service: str, *, profile: str | None = None, region: str | None = None) -> Any:
    """Create a boto3 client that slows down when it is throttled.

    Args:
        service: The boto3 name of the service, such as `logs`.
        profile: A profile of the AWS configuration. Default: the default profile.
        region: A Region. Default: the Region of the profile.

    Raises:
        AwsError: boto3 is not installed, the profile does not exist, or there is no Region.
    """
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ModuleNotFoundError as error:
        raise AwsError(
            "aws",
            value=error.name or "boto3",
            limit="access to AWS needs this module, which is not installed",
            way_out="pip install 'eks-audit-constructs[aws]'",
        ) from error
    retries = {"mode": "adaptive", "total_max_attempts": _ATTEMPTS}
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        return session.client(service, config=Config(retries=retries, connect_timeout=10, read_timeout=60))
    except (BotoCoreError, ValueError) as error:
        raise AwsError(
            "aws",
            value=profile or region or service,
            limit=_sentence(error),
            way_out="Name a --profile of your AWS configuration and a --region.",
        ) from error


@contextmanager
def asking(what: str, *, permission: str) -> Iterator[None]:
    """Turn a failed call into a one-line error.

    Args:
        what: The subject of the error, such as the log group.
        permission: The IAM action that the call requires.

    Raises:
        AwsError: AWS did not answer: credentials, permission, throttling, the network, or the service itself.
    """
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
    from botocore.exceptions import ConnectionError as NoConnectionError

    try:
        yield
    except ClientError as error:
        raise _refusal(what, permission, error) from error
    except (HTTPClientError, NoConnectionError, IncompleteReadError) as error:
        raise _no_answer(what, type(error).__name__, _sentence(error), "Check the network and try again") from error
    except (BotoCoreError, Boto3Error) as error:
        way_out = "Sign in (aws sso login, or name a --profile), then try again"
        raise _no_answer(what, type(error).__name__, _sentence(error), way_out) from error


def _refusal(what: str, permission: str, error: Any) -> AwsError:
    code, message = str(error.response["Error"].get("Code")), _sentence(error.response["Error"].get("Message") or "")
    if code in _DENIED or code == "403":
        return _no_answer(what, permission, f"not permitted: {message}", f"Allow {permission}")
    if code in _THROTTLED:
        limit = f"still throttled after {_ATTEMPTS} attempts"
        return _no_answer(what, code, limit, "Try again later; what was fetched is not fetched again")
    if code in _REFUSED:
        return _no_answer(what, code, _REFUSED[code], "Sign in again, or name another --profile")
    return _no_answer(what, code, message or "AWS rejected the request", "Correct the request, or try again later")


def _no_answer(what: str, value: str, limit: str, way_out: str) -> AwsError:
    return AwsError(what, value=value, limit=limit.removesuffix("."), way_out=f"{way_out}.")


def _sentence(text: object) -> str:
    """Return the first line of a message from elsewhere, without its final dot."""
    return next(iter(str(text).strip().splitlines()), "").removesuffix(".")
