"""Who may ask a policy server: the token that clients show, and addresses that only this machine reaches."""

from __future__ import annotations

import hmac
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

from energyflow.core.errors import UserError

TOKEN = "ENERGYFLOW_TOKEN"  # environment variable
SCHEMES = ("bearer", "api-key")  # the second is openpi's


def read_token(file: Path | None) -> str | None:
    """The token that clients must show: of a file, else of the environment; never of a command line, for all to see.

    Raises:
        UserError: the file cannot be read, or there is no token in it or in the variable.
    """
    try:
        token = os.environ.get(TOKEN) if file is None else file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: no token could be read ({error})") from None
    if token is None:
        return None
    if not token or not token.isascii() or any(each.isspace() for each in token):
        raise UserError(f"{file or TOKEN}: expected one token of ASCII characters, without spaces")
    return token


def shows(headers: Sequence[str], token: str | None) -> bool:
    """Whether the one `Authorization` header holds the token; it takes as long for each wrong one."""
    if token is None:
        return True
    scheme, _, shown = (headers[0] if len(headers) == 1 else "").partition(" ")
    same = hmac.compare_digest(shown.strip().encode(errors="surrogateescape"), token.encode())
    return same and scheme.lower() in SCHEMES


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
