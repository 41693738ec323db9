"""The lab's secrets, made anew for each lab: its CA, the registry's certificate, ssh keys."""

from __future__ import annotations

import datetime
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sparkctl.lab import addresses
from sparkctl.lab.places import Places

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.x509 import Certificate, KeyUsage

_DAYS = 365
_BEFORE = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SshKey:
    """A private key in OpenSSH's format, and its public line."""

    private: bytes
    public: str


def make(where: Places) -> None:
    """CA, registry certificate and the controller's ssh key, unless this lab has them."""
    if (where.keys / "registry.crt").exists():
        return
    where.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = ssh_key("sparkctl-lab")
    write(where.ssh_key, key.private, 0o600)
    write(where.ssh_key.with_suffix(".pub"), (key.public + "\n").encode(), 0o644)
    _make_certificates(where)


def write(path: Path, content: bytes, mode: int, owner: int = 0) -> None:
    """Write a file with its mode from the first byte on."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)
        os.fchown(file.fileno(), owner, owner)
        file.write(content)
    part.replace(path)


def ssh_key(comment: str, kind: str = "ed25519") -> SshKey:
    """A new key pair, `ed25519` or `ecdsa` (P-256)."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
    key = ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return SshKey(private, f"{public.decode()} {comment}")


def _make_certificates(where: Places) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    ca_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("sparkctl lab CA", ca_key, ca_key, None)
    server = _certificate(addresses.REGISTRY_NAME, server_key, ca_key, ca)
    pem = serialization.Encoding.PEM
    write(where.ca, ca.public_bytes(pem), 0o644)
    private = server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write(where.keys / "registry.key", private, 0o600)
    write(where.keys / "registry.crt", server.public_bytes(pem), 0o644)


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer_key: ec.EllipticCurvePrivateKey, issuer: Certificate | None
) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if issuer:
        names = [x509.DNSName(addresses.REGISTRY_NAME), x509.IPAddress(ipaddress.ip_address(addresses.SERVICES))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    else:
        builder = builder.add_extension(_ca_usage(), critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def _ca_usage() -> KeyUsage:
    from cryptography import x509

    allowed = dict.fromkeys(("key_cert_sign", "crl_sign", "digital_signature"), True)
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only")
    return x509.KeyUsage(**allowed, **dict.fromkeys((*others, "decipher_only"), False))
