"""OpenAI's Responses API as bytes and dicts: requests (`encode`), streams (`decode`). No I/O."""

from axio_transport_openai.responses.decode import ResponsesDecoder
from axio_transport_openai.responses.encode import encode_input, encode_tools, text_format

__all__ = ("ResponsesDecoder", "encode_input", "encode_tools", "text_format")
