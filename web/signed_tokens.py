"""JSON Web Tokens (RFC 7519), checked against a set of public keys (RFC 7517) in a file."""

from __future__ import annotations

import json
from pathlib import Path

import jwt

from web.access import SCOPES, AccessError, Identity, Unauthorized

ALGORITHMS = ("EdDSA", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
"""Signatures with a public key only: `none`, and HMAC keyed with a public key, are no signatures."""
LEEWAY_S = 30
"""Seconds by which clocks may differ."""


class SignedTokens:
    """Tokens that somebody else issues; the claims `exp`, `aud`, `iss` and `sub` must be there, `scope` says what."""

    def __init__(self, keys: Path, *, audience: str, issuer: str) -> None:
        """Raises AccessError for a file that is no key set, or holds a secret key that only its owner should have."""
        self._audience, self._issuer = audience, issuer
        try:
            known = jwt.PyJWKSet.from_dict(json.loads(keys.read_text())).keys
            self._keys = {key.key_id: key for key in known}
        except (OSError, ValueError, TypeError, KeyError, AttributeError, jwt.PyJWTError) as error:
            raise AccessError(f"the key set {keys} cannot be used: {error}") from error
        for key in known:
            if key.algorithm_name not in ALGORITHMS:
                raise AccessError(
                    f"the key set {keys} cannot be used: its key {key.key_id or 'without kid'} is for "
                    f"{key.algorithm_name}; use public keys for one of {', '.join(ALGORITHMS)}"
                )

    def identify(self, token: str) -> Identity | None:
        """By its signature and claims; None for what is no JWT at all."""
        if token.count(".") != 2:
            return None
        try:
            header = jwt.get_unverified_header(token)
            key = self._keys.get(header.get("kid"))
            if key is None and len(self._keys) == 1 and "kid" not in header:
                (key,) = self._keys.values()
            if key is None:
                raise Unauthorized("the token is signed with a key that is not in the key set")
            claims = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "aud", "iss", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise Unauthorized(f"the token is not accepted: {error}") from error
        given = str(claims.get("scope", "")).split()
        scopes = [scope for scope in SCOPES if scope in given]
        if not scopes:
            raise Unauthorized(f"the token's claim scope has none of {', '.join(SCOPES)}")
        return Identity(str(claims["sub"]), scopes[-1])
