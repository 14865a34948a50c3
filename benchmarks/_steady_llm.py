"""A model server that is always equally fast, for measuring what is around it.

    python benchmarks/_steady_llm.py PORT

Speaks the OpenAI protocol's `/v1/models` and streamed `/v1/chat/completions`: the first token after
20 ms, one more each 5 ms, in events of the size that vLLM sends. Nothing else is answered.
"""

from __future__ import annotations

import asyncio
import json
import sys

import uvloop

FIRST_S = 0.020
NEXT_S = 0.005
_MODELS = {"object": "list", "data": [{"id": "steady", "object": "model", "max_model_len": 2048}]}


def _event(**choice: object) -> bytes:
    event = {
        "id": "chatcmpl-0123456789abcdef",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "steady",
    }
    choices = [{"index": 0, "logprobs": None, "finish_reason": None, **choice}]
    return b"data: " + json.dumps(event | {"choices": choices}).encode() + b"\n\n"


async def _answer(writer: asyncio.StreamWriter, tokens: int) -> None:
    def write(data: bytes) -> None:
        writer.write(b"%x\r\n%s\r\n" % (len(data), data))

    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    for number in range(tokens):
        await asyncio.sleep(NEXT_S if number else FIRST_S)
        write(_event(delta={"role": "assistant", "content": f" {number}"}))
    write(_event(delta={}, finish_reason="length") + b"data: [DONE]\n\n")
    writer.write(b"0\r\n\r\n")


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            lines = head.decode().lower().split("\r\n")
            length = next((int(line[16:]) for line in lines if line.startswith("content-length: ")), 0)
            body = await reader.readexactly(length)
            if lines[0].startswith("post /v1/chat/completions "):
                await _answer(writer, json.loads(body)["max_tokens"])
            else:
                found = lines[0].startswith("get /v1/models ")
                content = json.dumps(_MODELS).encode() if found else b"{}"
                writer.write(b"HTTP/1.1 %d \r\ncontent-type: application/json\r\n" % (200 if found else 404))
                writer.write(b"content-length: %d\r\n\r\n%s" % (len(content), content))
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def _main(port: int) -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_main(int(sys.argv[1])))
