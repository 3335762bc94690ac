"""A certificate authority for one stack: created if missing, valid for loopback, for tests only."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from clawback_local.ports import LOOPBACK

VALID = timedelta(days=30)
CLOCKS_APART = timedelta(hours=1)
HOSTS = (LOOPBACK, "localhost")


@dataclass(frozen=True)
class Certificate:
    """The files of a certificate and its key, as PEM; the chain ends at the authority."""

    certfile: Path
    keyfile: Path

    @property
    def store(self) -> Path:
        """Key and chain in one file, as Kafka reads it."""
        return self.certfile.with_suffix(".store.pem")


class Authority:
    """Signs certificates in one folder, whose files only their owner can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.cafile = folder / "ca.crt"
        self._keyfile = folder / "ca.key"
        if not self.cafile.exists():
            self._begin()

    def certificate(self, name: str, hosts: Sequence[str] = HOSTS) -> Certificate:
        """Returns a certificate for these hosts; an existing one is reused unless it expires soon."""
        made = Certificate(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        if not (made.store.exists() and _lasts(made.certfile)):
            self._sign(made, name, hosts)
        return made

    def _begin(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Clawback local stack")
        certificate = (
            _builder(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        _write(self._keyfile, _pem(key))
        _write(self.cafile, certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(self, made: Certificate, name: str, hosts: Sequence[str]) -> None:
        authority = x509.load_pem_x509_certificate(self.cafile.read_bytes())
        signer = serialization.load_pem_private_key(self._keyfile.read_bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)  # noqa: S101 - created here
        key = ec.generate_private_key(ec.SECP256R1())
        purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        certificate = (
            _builder(_name(name), authority.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(x509.SubjectAlternativeName([_alternative(one) for one in hosts]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
            )
            .sign(signer, hashes.SHA256())
        )
        chain = certificate.public_bytes(serialization.Encoding.PEM) + self.cafile.read_bytes()
        _write(made.keyfile, _pem(key))
        _write(made.certfile, chain)
        _write(made.store, _pem(key) + chain)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_APART)
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _lasts(certfile: Path) -> bool:
    certificate = x509.load_pem_x509_certificate(certfile.read_bytes())
    return certificate.not_valid_after_utc - datetime.now(UTC) > VALID / 2


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    """Writes atomically; others can never read the file."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - a descriptor
        file.write(content)
    partial.rename(path)
