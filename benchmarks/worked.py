"""A model server that answers questions of a file with the file's own worked solutions.

    python benchmarks/worked.py gsm8k.jsonl 8399 &
    logicnet bench --challenges gsm8k.jsonl --reference-url http://127.0.0.1:8399/v1 ...

A validator compares the reasoning with its own model's, which is larger than one that can be measured on two
cores. What it writes is nearer to the file's solution than to what the measured model would write, and such
references cost the measured model no time. Lines as GSM8K's: `question`, and an `answer` whose text before
`####` is the solution. It listens on the loopback alone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

MODEL = "worked"


def solutions(file: Path) -> dict[str, str]:
    rows = map(json.loads, file.read_text().splitlines())
    return {row["question"]: row["answer"].partition("####")[0].strip() for row in rows}


def app(worked: dict[str, str]) -> Starlette:
    async def models(_: Request) -> Response:
        return JSONResponse(
            {"object": "list", "data": [{"id": MODEL, "object": "model", "max_model_len": 8192}]}
        )

    async def chat(request: Request) -> Response:
        asked = await request.json()
        # The bench asks something of its own first, to see whether a model answers.
        text = worked.get(asked["messages"][-1]["content"], "It is not in the file.")
        if asked.get("stream"):
            return StreamingResponse(streamed(text), media_type="text/event-stream")
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
        }
        return JSONResponse(
            {"id": "1", "object": "chat.completion", "created": 1, "model": MODEL, "choices": [choice]}
        )

    return Starlette(
        routes=[Route("/v1/models", models), Route("/v1/chat/completions", chat, methods=["POST"])]
    )


def streamed(text: str) -> Iterator[str]:
    for delta, finish in (({"role": "assistant", "content": text}, None), ({}, "stop")):
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        event = {
            "id": "1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": MODEL,
            "choices": [choice],
        }
        yield f"data: {json.dumps(event)}\n\n"
    yield "data: [DONE]\n\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("questions", type=Path)
    parser.add_argument("port", type=int)
    args = parser.parse_args()
    uvicorn.run(app(solutions(args.questions)), host="127.0.0.1", port=args.port, log_level="warning")


if __name__ == "__main__":
    main()
