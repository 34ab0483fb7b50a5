"""AWS clients, and one-line errors for their failures.

boto3 comes with the extra `aws`. boto3 finds the credentials as usual; they are never shown.
https://docs.aws.amazon.com/boto3/latest/guide/retries.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from eks_audit_constructs.errors import AwsError

__all__ = ["asking", "client"]

_ATTEMPTS = 10
"""Maximum attempts of a call, with backoff; after that, throttling is an error."""
_REQUEST_IDS = {"x-amzn-requestid", "x-amz-request-id", "x-amz-id-2"}
_RETRIED = {500, 502, 503, 504}
_TITLE = re.compile(r"<title[^>]*>(.{1,100}?)</title", re.IGNORECASE | re.DOTALL)
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
        made = session.client(service, config=Config(retries=retries, connect_timeout=10, read_timeout=60))
    except (BotoCoreError, ValueError) as error:
        raise AwsError(
            "aws",
            value=profile or region or service,
            limit=_sentence(error),
            way_out="Name a --profile of your AWS configuration and a --region.",
        ) from error
    # Two wildcards come before botocore's own handler for S3, which would try a page again ten times.
    made.meta.events.register_first("before-parse.*.*", _refuse_page)
    return made


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
    except _PageError as error:
        raise _not_from_aws(what, str(error)) from error
    except ClientError as error:
        raise _refusal(what, permission, error) from error
    except (HTTPClientError, NoConnectionError, IncompleteReadError) as error:
        raise _no_answer(what, type(error).__name__, _sentence(error), "Check the network and try again") from error
    except (BotoCoreError, Boto3Error) as error:
        way_out = "Sign in (aws sso login, or name a --profile), then try again"
        raise _no_answer(what, type(error).__name__, _sentence(error), way_out) from error


def _refusal(what: str, permission: str, error: Any) -> AwsError:
    metadata, refused = error.response.get("ResponseMetadata", {}), error.response.get("Error", {})
    if page := _page(metadata.get("HTTPStatusCode", 0), metadata.get("HTTPHeaders", {}), refused.get("Message")):
        return _not_from_aws(what, page)
    code, message = str(refused.get("Code")), _sentence(refused.get("Message") or "")
    if code in _DENIED or code == "403":
        return _no_answer(what, permission, f"not permitted: {message}", f"Allow {permission}")
    if code in _THROTTLED:
        limit = f"still throttled after {_ATTEMPTS} attempts"
        return _no_answer(what, code, limit, "Try again later; what was fetched is not fetched again")
    if code in _REFUSED:
        return _no_answer(what, code, _REFUSED[code], "Sign in again, or name another --profile")
    return _no_answer(what, code, message or "AWS rejected the request", "Correct the request, or try again later")


class _PageError(Exception):
    """Something between this machine and AWS answered with a page; the text describes it."""


def _refuse_page(response_dict: dict[str, Any], **_: Any) -> None:
    """Refuse an answer that is not AWS's, which botocore would read as an empty one, or fail to parse."""
    status = response_dict["status_code"]
    page = _page(status, response_dict["headers"], response_dict["body"])
    if page and status not in _RETRIED:
        raise _PageError(page)
    if page:
        response_dict["body"] = b"<Error/>"  # can be parsed, so botocore tries again; its headers tell what it was


def _page(status: int, headers: Mapping[str, str], body: object) -> str | None:
    """Describe an answer that is not AWS's: text or a redirection, without the id that AWS gives each request.

    Args:
        status: The HTTP status.
        headers: The headers.
        body: The page, unless it was not read.
    """
    sent = {name.lower(): value for name, value in headers.items()}
    kind = sent.get("content-type", "").partition(";")[0].strip().lower()
    page = kind.startswith("text/") and kind != "text/xml"
    if not _REQUEST_IDS.isdisjoint(sent) or not (page or ("location" in sent and 300 <= status < 400)):
        return None
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body or "")
    title = _TITLE.search(text)
    by = sent.get("server") or sent.get("via")
    told = [
        f"status {status}",
        kind,
        f"titled {' '.join(title[1].split())!r}" if title else "",
        f"by {by}" if by else "",
    ]
    return ", ".join(part for part in told if part)


def _not_from_aws(what: str, page: str) -> AwsError:
    limit = "this answer is a page of a proxy or of a network that wants you to sign in, not of AWS"
    return _no_answer(what, page, limit, "Sign in to the network, or check HTTPS_PROXY, NO_PROXY and AWS_ENDPOINT_URL")


def _no_answer(what: str, value: str, limit: str, way_out: str) -> AwsError:
    return AwsError(what, value=value, limit=limit.removesuffix("."), way_out=f"{way_out}.")


def _sentence(text: object) -> str:
    """Return the first line of a message from elsewhere, without its final dot."""
    return next(iter(str(text).strip().splitlines()), "").removesuffix(".")
