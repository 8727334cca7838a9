"""What must not leave the service: passwords, tokens, keys, hashes, SQL values.

Every function here is total: any ``str`` gives a ``str``, in time linear in its length. Where it is not
certain whether something is a secret, it is treated as one.

Attribute filters are plain callables ``(key, value) -> value`` that a pipeline calls one after the other;
:data:`DROP` as value removes the attribute. An operator's own rules are more filters, or further names that
stand for secrets (:func:`hide_further`).
"""

from __future__ import annotations

from otel_bridge.model.redaction.errors import MESSAGE_LIMIT, error_code, exception_message
from otel_bridge.model.redaction.filters import (
    DEFAULT_FILTERS,
    DROP,
    Filter,
    drop_keys,
    filtered,
    mask_keys,
    mask_secrets,
    redact_values,
    truncate,
    truncate_values,
)
from otel_bridge.model.redaction.keys import hide_further, is_secret_key, remembered
from otel_bridge.model.redaction.text import MASK, redact_text
from otel_bridge.model.redaction.urls import redact_path, redact_query, redact_url
from otel_bridge.model.sql import mask_sql

__all__ = [
    "DEFAULT_FILTERS",
    "DROP",
    "MASK",
    "MESSAGE_LIMIT",
    "Filter",
    "drop_keys",
    "error_code",
    "exception_message",
    "filtered",
    "hide_further",
    "is_secret_key",
    "mask_keys",
    "mask_secrets",
    "mask_sql",
    "redact_path",
    "redact_query",
    "redact_text",
    "redact_url",
    "redact_values",
    "remembered",
    "truncate",
    "truncate_values",
]
