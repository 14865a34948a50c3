"""A vLLM's /metrics, as a test writes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{{engine="0",model_name="{model}"}} 3.0
vllm:num_requests_running{{engine="1",model_name="{model}"}} 1.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{{engine="0",model_name="{model}"}} {waiting}.0
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{{engine="0",model_name="{model}"}} 0.25
vllm:kv_cache_usage_perc{{engine="1",model_name="{model}"}} 0.5
# TYPE vllm:prefix_cache_queries counter
vllm:prefix_cache_queries_total{{engine="0",model_name="{model}"}} {prompts}.0
# TYPE vllm:prefix_cache_hits counter
vllm:prefix_cache_hits_total{{engine="0",model_name="{model}"}} {hits}.0
# TYPE vllm:generation_tokens counter
vllm:generation_tokens_total{{engine="0",model_name="{model}"}} {tokens}.0
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{{engine="0",le="+Inf",model_name="{model}"}} {first}.0
vllm:time_to_first_token_seconds_count{{engine="0",model_name="{model}"}} {first}.0
vllm:time_to_first_token_seconds_sum{{engine="0",model_name="{model}"}} {first_s}
"""


def page(
    model: str = "org/model",
    *,
    tokens: int = 0,
    waiting: int = 0,
    first: int = 0,
    first_s: float = 0.0,
    prompts: int = 0,
    hits: int = 0,
) -> str:
    return PAGE.format(
        model=model, tokens=tokens, waiting=waiting, first=first, first_s=first_s, prompts=prompts, hits=hits
    )


class MetricsServer:
    """`text` is its page; while that is None it replies 404."""

    def __init__(self) -> None:
        self.text: str | None = page()
        self.asked: list[str] = []
        self.drips = False  # it goes on with its page for ever
        self.answers = threading.Event()  # until it is set, it keeps who asks waiting
        self.answers.set()
        self.place = ""


@contextmanager
def metrics_server() -> Iterator[MetricsServer]:
    made = MetricsServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            made.answers.wait(30)
            body = (made.text or "no").encode()
            self.send_response(404 if made.text is None else 200)
            if not made.drips:
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            with suppress(OSError):  # the reader left
                while made.drips:
                    self.wfile.write(b"#")
                    time.sleep(0.05)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        made.place = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join(5)
