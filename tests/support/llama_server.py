"""A real model server for the transports' tests: llama.cpp with SmolLM2-135M, on loopback.

Run as a program it loads the model, prints `READY http://127.0.0.1:PORT` and serves until it is
told to stop or its standard input closes, so that it never outlives the tests that started it.
It speaks /v1/chat/completions, /v1/responses and /v1/messages, all streaming.

Two styles, because a model of this size does not call tools by itself reliably:

forced   for `tool_choice` required (any): every answer to a user is a schema-valid call, and an
         answer to a tool result is text. Requests with tools and without that tool_choice mostly
         end in a real error inside the stream.
natural  for `tool_choice` auto: the model decides. `chat_template_kwargs {"enable_thinking":
         true}` makes it reason first.
"""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import threading
from pathlib import Path

HERE = Path(__file__).parent
TOKENS_PER_SLOT = 8192


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="serve the offline model over HTTP")
    parser.add_argument("weights", help="a GGUF file")
    parser.add_argument("--style", choices=["forced", "natural"], default="forced")
    parser.add_argument("--api-key", default="", help="refuse every other key with 401")
    parser.add_argument("--parallel", type=int, default=1, help="requests served at once")
    parser.add_argument("--several", action="store_true", help="make it ask for two calls a turn")
    return parser.parse_args()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    import xllamacpp

    options = arguments()
    params = xllamacpp.CommonParams()
    params.model.path = options.weights
    params.model_alias = {"smollm2-135m"}
    params.hostnames = ["127.0.0.1"]
    params.port = free_port()
    params.n_parallel = options.parallel
    params.n_ctx = TOKENS_PER_SLOT * options.parallel
    params.cpuparams.n_threads = 1  # two threads on a busy machine are much slower than one
    params.sampling.temp = 0.0
    params.use_jinja = True
    params.enable_reasoning = 0  # only a request may switch it on
    params.ui = False
    params.chat_template = (HERE / f"llama_{options.style}.jinja").read_text("utf-8")
    if options.several:
        params.default_template_kwargs = {"several": "true"}
    if options.api_key:
        params.api_keys = [options.api_key]
    server = xllamacpp.Server(params)  # returns when the model is loaded and the port is open
    print(f"READY http://127.0.0.1:{params.port}", flush=True)

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def wait_for_the_parent() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=wait_for_the_parent, daemon=True).start()
    stop.wait()
    del server


if __name__ == "__main__":
    main()
