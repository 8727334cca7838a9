"""Whom to trust and what to show where a store is reached by ``https``."""

from __future__ import annotations

import ssl

from otel_bridge.stores.options import StoreOptions
from otel_bridge.stores.protocol import StoreError


def context(options: StoreOptions) -> ssl.SSLContext:
    """The certificate authorities and the client's certificate that ``options`` name.

    Raises:
        StoreError: a file is none, cannot be read, or holds something else.
    """
    try:
        made = ssl.create_default_context(cafile=options.ca_file)
    except (OSError, ValueError) as error:
        raise StoreError(f"CA file {options.ca_file}: {_reason(error, 'certificates')}") from error
    if options.cert_file is not None:
        try:
            made.load_cert_chain(options.cert_file, options.key_file, password=_no_password)
        except (OSError, ValueError) as error:
            files = " and key ".join(filter(None, (options.cert_file, options.key_file)))
            what = "a certificate and its key, without a pass phrase"
            raise StoreError(f"client certificate {files}: {_reason(error, what)}") from error
    elif options.key_file is not None:
        raise StoreError(f"client key {options.key_file}: a client certificate belongs to it, name that too")
    return made


def _no_password() -> str:
    """Instead of a question on the terminal, which nobody may be sitting at."""
    raise ValueError("it has a pass phrase")


def _reason(error: Exception, wanted: str) -> str:
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        return f"cannot be read ({error.strerror})"
    return f"does not hold {wanted}, as PEM"
