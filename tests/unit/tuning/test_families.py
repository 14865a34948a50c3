"""Families of models."""

from __future__ import annotations

import pytest

from logicnet.errors import TuningError
from logicnet.tuning.families import family_of, family_of_spec
from logicnet.tuning.spec import TrainSpec


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("unsloth/Llama-3.2-3B-Instruct", "llama"),
        ("codellama/CodeLlama-7b-hf", "llama"),
        ("TinyLlama/TinyLlama_v1.1", "llama"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "qwen"),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "llama"),
        ("mistralai/Mixtral-8x7B-v0.1", "mistral"),
        ("HuggingFaceH4/zephyr-7b-beta", "mistral"),
        ("microsoft/phi-2", "phi"),
        ("microsoft/Phi-3-mini-4k-instruct", "phi"),
        ("philschmid/dolphin-x", "other"),
        ("Qwen/QwQ-32B", "qwen"),
        ("google/gemma-2-2b-it", "gemma"),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "smollm"),
        ("stabilityai/stable-diffusion-xl-base-1.0", "sdxl"),
        ("dataautogpt3/ProteusV0.4-SDXL", "sdxl"),
        ("stable-diffusion-v1-5/stable-diffusion-v1-5", "sd"),
        ("x/sd-v1-4", "sd"),
        ("black-forest-labs/FLUX.1-dev", "flux"),
        ("/models/qwen2.5-7b/", "qwen"),
        ("gpt2", "other"),
        ("", "other"),
    ],
)
def test_by_name(name, family):
    assert family_of(name, None) == family


@pytest.mark.parametrize(
    ("name", "config", "family"),
    [
        ("maker/my-tune", {"model_type": "llama"}, "llama"),
        ("maker/better-than-llama", {"model_type": "qwen2"}, "qwen"),
        ("maker/x", {"model_type": "qwen3_moe"}, "qwen"),
        ("maker/x", {"model_type": "mixtral"}, "mistral"),
        ("maker/x", {"model_type": "phi3"}, "phi"),
        ("maker/x", {"model_type": "gemma3_text"}, "gemma"),
        ("HuggingFaceTB/SmolLM2-135M", {"model_type": "llama"}, "smollm"),
        ("HuggingFaceTB/SmolLM3-3B", {"model_type": "smollm3"}, "smollm"),
        ("maker/llama-like", {"model_type": "mamba"}, "other"),
        ("maker/llama", {"model_type": None}, "llama"),
        ("maker/x", {"_class_name": "StableDiffusionXLPipeline"}, "sdxl"),
        ("maker/flux", {"_class_name": "StableDiffusionPipeline"}, "sd"),
        ("maker/x", {"_class_name": "FluxPipeline"}, "flux"),
        ("maker/flux", {"_class_name": "KandinskyPipeline"}, "other"),
    ],
)
def test_the_architecture_counts_before_the_name(name, config, family):
    assert family_of(name, config) == family


def test_a_request_for_pictures_names_its_kind():
    given = {"dataset": "x", "model": "maker/llama", "file_format": "s3"}
    pictures = TrainSpec.model_validate(given | {"dataset_type": {"image_family": "flux"}})
    assert family_of_spec(pictures, None) == "flux"
    assert family_of_spec(TrainSpec.model_validate(given | {"dataset_type": "alpaca"}), None) == "llama"


@pytest.mark.parametrize(
    ("kind", "config", "says"),
    [
        (
            {"image_family": "sdxl"},
            {"model_type": "llama"},
            "is a llama, .*take one of StableDiffusionPipeline",
        ),
        ({"image_family": "sdxl"}, {"architectures": ["X"]}, "is a model without model_index.json, "),
        ({"image_family": "sdxl"}, {"_class_name": "KandinskyPipeline"}, "is a KandinskyPipeline, "),
        (
            {"image_family": "sdxl"},
            {"_class_name": "FluxPipeline"},
            "of family flux, not sdxl: set image_family f",
        ),
        ("alpaca", {"_class_name": "FluxPipeline"}, "is a FluxPipeline, which learns from pictures: "),
        ({"image_family": "sdxl"}, {"_class_name": ["x"]}, r"is a \[.x.\], "),
    ],
)
def test_a_model_that_is_known_to_be_of_another_kind_is_refused(kind, config, says):
    given = {"dataset": "x", "model": "maker/sdxl", "file_format": "s3", "dataset_type": kind}
    with pytest.raises(TuningError, match=says):
        family_of_spec(TrainSpec.model_validate(given), config)


def test_a_model_that_is_what_its_request_says_is_taken():
    given = {
        "dataset": "x",
        "model": "maker/x",
        "file_format": "s3",
        "dataset_type": {"image_family": "sdxl"},
    }
    config = {"_class_name": "StableDiffusionXLPipeline"}
    assert family_of_spec(TrainSpec.model_validate(given), config) == "sdxl"
