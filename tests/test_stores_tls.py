"""Files of certificates that cannot be used."""

import ssl

import pytest
import trustme

from otel_bridge.stores import tls
from otel_bridge.stores.options import StoreOptions
from otel_bridge.stores.protocol import StoreError


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A CA, a certificate with and without its key, and other things."""
    directory = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("reader")
    authority.cert_pem.write_to_path(str(directory / "ca"))
    issued.private_key_and_cert_chain_pem.write_to_path(str(directory / "both"))
    issued.private_key_pem.write_to_path(str(directory / "key"))
    issued.cert_chain_pems[0].write_to_path(str(directory / "cert"))
    trustme.CA().issue_cert("other").private_key_pem.write_to_path(str(directory / "other"))
    (directory / "text").write_text("nothing of the kind")
    kind = "ENCRYPTED PRIVATE KEY"
    (directory / "locked").write_text(f"-----BEGIN {kind}-----\nMIIBvTBXBgkqhkiG9w0B\n-----END {kind}-----\n")
    return {path.name: str(path) for path in directory.iterdir()} | {"none": str(directory / "none")}


@pytest.mark.parametrize(
    "named",
    [{}, {"ca_file": "ca"}, {"cert_file": "both"}, {"cert_file": "cert", "key_file": "key", "ca_file": "ca"}],
)
def test_certificates_are_always_verified(files, named):
    context = tls.context(StoreOptions(**{name: files[file] for name, file in named.items()}))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert (context.cert_store_stats()["x509_ca"] == 1) is ("ca_file" in named)


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ({"ca_file": "none"}, "CA file {none}: cannot be read (No such file or directory)"),
        ({"ca_file": "text"}, "CA file {text}: does not hold certificates, as PEM"),
        ({"cert_file": "none"}, "client certificate {none}: cannot be read"),
        ({"cert_file": "cert"}, "client certificate {cert}: does not hold a certificate and its key"),
        ({"cert_file": "cert", "key_file": "other"}, "{cert} and key {other}: does not hold"),
        ({"cert_file": "cert", "key_file": "locked"}, "without a pass phrase"),
        ({"key_file": "key"}, "client key {key}: a client certificate belongs to it"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(files, named, says):
    with pytest.raises(StoreError) as caught:
        tls.context(StoreOptions(**{name: files[file] for name, file in named.items()}))
    assert says.format(**files) in str(caught.value)
