"""The HTTP service: jobs in, states and evaluations out. FastAPI; endpoints run in its threads.

A refusal is `{"detail": what failed and what mends it, "reason": its word in /metrics}`. A job
or task that is not found is no refusal, and has no reason.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from fastapi import FastAPI, HTTPException, Query, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import ValidationError

from logicnet import __version__
from logicnet.axon import wire as axon_wire
from logicnet.errors import Refusal, TuningError
from logicnet.tuning.callers import Callers
from logicnet.tuning.control import ControlRoom, Declined, answer_to
from logicnet.tuning.jobs import JobState
from logicnet.tuning.metrics import CONTENT_TYPE, metrics
from logicnet.tuning.wire import (
    EvaluateRequest,
    MinerTaskOffer,
    MinerTaskResponse,
    StartTraining,
    StartTrainingImage,
    TrainingRepo,
    TrainRequest,
)

MOST_BYTES = 2**20
"""Of a body."""

BODY_S = 30.0
"""For all of a body: callers that are not known yet could else hold every connection."""

RETRY_AFTER_S = 600
"""For a full queue: a job takes minutes at least."""


def service(room: ControlRoom, callers: Callers) -> Callable[..., Awaitable[None]]:
    """The ASGI application."""
    app = FastAPI(title="logicnet tune", version=__version__, redoc_url=None)

    @app.post("/train/")
    def train(request: TrainRequest) -> dict[str, str]:
        """Queue a training job; the same task with the same content is the same job."""
        if not request.dataset.strip() or not request.model.strip():
            raise Declined("request", "Dataset and model are required.", 400)
        job = room.submit(request.spec(), request.task_id, local=callers.local, rank=request.priority)
        return {"message": "Training job enqueued.", "job_id": job.id}

    @app.get("/status/{job_id}")
    def status(job_id: str) -> dict[str, Any]:
        """Where a job stands; also by the task's name."""
        found = room.status(job_id)
        if found is None:
            raise HTTPException(404, "Job ID not found")
        return found

    @app.post("/cancel/{job_id}")
    def cancel(job_id: str) -> dict[str, str]:
        """End a job that is not over. Validators may not: a task's name is no secret among them."""
        if not callers.local:
            raise Declined("operator_only", "Jobs are cancelled by the operator only.", 403)
        if not room.cancel(job_id):
            raise HTTPException(404, "Job ID not found, or the job is over")
        return {"message": "The job is being stopped."}

    @app.post("/evaluate/")
    def evaluate(request: EvaluateRequest, *, wait: bool = Query(True)) -> dict[str, Any]:
        """Loss and perplexity of a model, and whether it is a fine-tune of `original_model`."""
        if not request.dataset.strip() or not request.model.strip() or not request.original_model.strip():
            raise Declined("request", "Dataset, model and original_model are required.", 400)
        return room.evaluate(request, local=callers.local, wait=wait)

    _routes_of_god(app, room, callers)

    @app.get("/health")
    def health() -> dict[str, Any]:
        """Alive, and how many jobs wait and run."""
        return {"status": "ok", "version": __version__, **room.totals()}

    @app.get("/metrics")
    def scrape() -> PlainTextResponse:
        """For Prometheus."""
        return PlainTextResponse(metrics(room), media_type=CONTENT_TYPE)

    @app.exception_handler(RequestValidationError)
    @app.exception_handler(ValidationError)
    def invalid(_: object, error: ValidationError | RequestValidationError) -> Response:
        # Without what was given: NaN and half a surrogate pair cannot be sent back.
        found = [{name: one[name] for name in ("loc", "msg", "type")} for one in error.errors()]
        room.refused("invalid")
        body = json.dumps({"detail": found, "reason": "invalid"})
        return Response(body, 422, media_type="application/json")

    @app.exception_handler(TuningError)
    def fault(_: object, error: TuningError) -> JSONResponse:
        status, reason = answer_to(error)
        room.refused(reason)
        headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 429 else None
        return JSONResponse({"detail": str(error), "reason": reason}, status, headers)

    return Gate(app, callers, room.refused)


def _routes_of_god(app: FastAPI, room: ControlRoom, callers: Callers) -> None:
    """What validators of G.O.D. ask."""

    @app.post("/task_offer/")
    def task_offer(offer: MinerTaskOffer) -> MinerTaskResponse:
        """Whether such a text task would be accepted now."""
        return room.consider(offer, local=callers.local)

    @app.post("/task_offer_image/")
    def task_offer_image(offer: MinerTaskOffer) -> MinerTaskResponse:
        """Whether such an image task would be accepted now."""
        return room.consider(offer, local=callers.local)

    def start(request: StartTraining | StartTrainingImage) -> dict[str, str]:
        job = room.submit(request.spec(), request.task_id, local=callers.local)
        return {"message": "Training job enqueued.", "task_id": job.task_id}

    @app.post("/start_training/")
    def start_training(request: StartTraining) -> dict[str, str]:
        """Queue a text task that was offered."""
        return start(request)

    @app.post("/start_training_grpo/")
    def start_training_grpo(request: StartTraining) -> dict[str, str]:
        """Queue a GRPO task that was offered."""
        return start(request)

    @app.post("/start_training_image/")
    def start_training_image(request: StartTrainingImage) -> dict[str, str]:
        """Queue an image task that was offered."""
        return start(request)

    @app.get("/get_latest_model_submission/{task_id}")
    def submission(task_id: str, response: Response) -> dict[str, Any]:
        """The hash of a finished task's model, and why it has no repository; 202 while it is not done."""
        job = room.job(task_id)
        if job is None:
            raise HTTPException(404, "Task ID not found")
        if job.state is not JobState.COMPLETED:
            if job.state.over:
                raise HTTPException(404, f"The task ended without a model: {job.reason}")
            response.status_code = 202
            return {"repo": None, "model_hash": None, "state": job.state}
        return room.submission(job)

    @app.get("/training_repo/{task_type}")
    def training_repo(task_type: Literal["text", "image"]) -> TrainingRepo:
        """The repository whose docker file trains for us in a tournament."""
        found = room.training_repo(task_type)
        if found is None:
            raise HTTPException(404, f"No repository is set for {task_type}: --tuning.{task_type}_repo")
        return found


class Gate:
    """Reads a body of bounded size, and asks `callers` before the application sees anything."""

    def __init__(
        self, app: Callable[..., Awaitable[None]], callers: Callers, refused: Callable[[str], None]
    ) -> None:
        self._app = app
        self._callers = callers
        self._refused = refused

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_S):
                body = await _body(receive)
        except TimeoutError:
            await self._refuse(send, 408, f"The body was not there after {BODY_S:.0f} s.", "too_slow")
            return
        if body is None:
            return
        if len(body) > MOST_BYTES:
            await self._refuse(send, 413, f"A body has at most {MOST_BYTES} bytes.", "too_large")
            return
        target = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        if scope["query_string"]:
            target += f"?{scope['query_string'].decode('latin-1')}"
        try:
            headers = axon_wire.collect(scope["headers"])
            if scope["path"] != "/health":
                await self._callers.check(scope["method"], target, headers, body)
        except Refusal as refusal:
            await self._refuse(
                send, refusal.reason.status, refusal.message, refusal.reason, refusal.retry_after_s
            )
            return
        sent = False

        async def again() -> Any:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, again, send)

    async def _refuse(
        self, send: Any, status: int, detail: str, reason: str, retry_after_s: int | None = None
    ) -> None:
        self._refused(reason)
        body = json.dumps({"detail": detail, "reason": reason}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        if retry_after_s is not None:
            headers.append((b"retry-after", str(retry_after_s).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _body(receive: Any) -> bytes | None:
    """Whole, or as much of it as is too much; None if the caller went away."""
    parts = bytearray()
    more = True
    while more and len(parts) <= MOST_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(parts)
