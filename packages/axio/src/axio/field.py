"""Describe and bound the parameters of a tool. It lives in `axio.schema.field`."""

from axio.schema.field import (
    MISSING,
    PRIMITIVE_TYPES,
    Field,
    FieldInfo,
    MissingSentinel,
    StrictStr,
    bare_type,
    check_list_items,
    check_scalar,
    check_type,
    get_field_info,
    is_classvar,
    unwrap_hint,
)

__all__ = (
    "MISSING",
    "PRIMITIVE_TYPES",
    "Field",
    "FieldInfo",
    "MissingSentinel",
    "StrictStr",
    "bare_type",
    "check_list_items",
    "check_scalar",
    "check_type",
    "get_field_info",
    "is_classvar",
    "unwrap_hint",
)
