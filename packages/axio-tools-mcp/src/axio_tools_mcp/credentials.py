"""A program that signs in for itself, with a secret or a key of its own (client credentials)."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from mcp.client.auth import OAuthClientProvider, TokenStorage
from mcp.client.auth.extensions.client_credentials import (
    ClientCredentialsOAuthProvider,
    PrivateKeyJWTOAuthProvider,
    SignedJWTParameters,
)

from axio_tools_mcp.config import MCPServerConfig
from axio_tools_mcp.errors import ConfigError

__all__ = ("algorithm_of", "credentials_provider")

_OF_CURVES = {256: "ES256", 384: "ES384", 521: "ES512"}


def credentials_provider(config: MCPServerConfig, storage: TokenStorage) -> OAuthClientProvider:
    """The library's part for the configuration. Raises `ConfigError`."""
    url, client, issuer = config.url, config.oauth_client_id, config.oauth_issuer
    assert url is not None and client is not None
    if config.oauth_private_key is None:
        assert config.oauth_client_secret is not None
        return ClientCredentialsOAuthProvider(
            url,
            storage,
            client,
            config.oauth_client_secret,
            scope=config.oauth_scope,
            issuer=issuer,
        )
    signed = SignedJWTParameters(
        issuer=client,
        subject=client,
        signing_key=config.oauth_private_key,
        signing_algorithm=algorithm_of(config),
    )
    return PrivateKeyJWTOAuthProvider(
        url,
        storage,
        client,
        signed.create_assertion_provider(),
        scope=config.oauth_scope,
        issuer=issuer,
    )


def algorithm_of(config: MCPServerConfig) -> str:
    """The name of the signatures that the key makes: each kind of key has one.

    Raises `ConfigError` for a key that is none.
    """
    assert config.oauth_private_key is not None
    try:
        key = load_pem_private_key(config.oauth_private_key.encode(), None)
    except (TypeError, ValueError):
        # The error of the library may quote the key.
        raise ConfigError(
            f"MCP server {config.name!r}: its private_key is no key as PEM text, or has a password"
        ) from None
    match key:
        case EllipticCurvePrivateKey() if key.key_size in _OF_CURVES:
            return _OF_CURVES[key.key_size]
        case RSAPrivateKey():
            return "RS256"
        case Ed25519PrivateKey():
            return "EdDSA"
    raise ConfigError(f"MCP server {config.name!r}: its private_key is of a kind that is not used")
