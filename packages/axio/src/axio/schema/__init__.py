"""From a signature to a JSON Schema, and from a call's JSON to checked and converted arguments.

`describe` makes the schema of an annotation, `convert` the value; both read it by `hints`. `values`
is the way back from Python to JSON.
`arguments` puts the two together for a tool, or takes a schema that is `given`. `streaming`, which
is imported by itself, reads arguments that are still coming.
"""

from axio.schema.arguments import Validator, compile_signature
from axio.schema.convert import converter
from axio.schema.describe import (
    SCHEMA_JSON_TYPE_MAP,
    AutomaticSchema,
    JSONSchema,
    arguments_schema,
    build_tool_schema,
    hint_from_json_schema,
    property_schema,
    value_schema,
)
from axio.schema.values import json_value

__all__ = (
    "SCHEMA_JSON_TYPE_MAP",
    "AutomaticSchema",
    "JSONSchema",
    "Validator",
    "arguments_schema",
    "build_tool_schema",
    "compile_signature",
    "converter",
    "hint_from_json_schema",
    "json_value",
    "property_schema",
    "value_schema",
)
