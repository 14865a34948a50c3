"""Run in the training environment: FOLDER. Random models of some 500,000 parameters: sd, sdxl, flux."""

import sys
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDPMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
)

FOLDER = Path(sys.argv[1])
WIDTH = 32


def clip_tokenizer(folder: Path) -> CLIPTokenizer:
    """Letters are its words."""
    letters = [*"abcdefghijklmnopqrstuvwxyz0123456789"]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={word: n for n, word in enumerate(words)}, merges=[], model_max_length=77)


def clip(kind: type[Any], vocabulary: int) -> Any:
    return kind(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=WIDTH,
            intermediate_size=37,
            projection_dim=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            bos_token_id=vocabulary - 2,
            eos_token_id=vocabulary - 1,
            pad_token_id=vocabulary - 1,
        )
    )


def vae(channels: int, **more: Any) -> AutoencoderKL:
    """Two blocks: pixels become a half in each direction."""
    return AutoencoderKL(
        block_out_channels=(32, 64),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=channels,
        norm_num_groups=8,
        sample_size=32,
        **more,
    )


def unet(cross: int, **more: Any) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        block_out_channels=(32, 64),
        layers_per_block=1,
        sample_size=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=cross,
        attention_head_dim=4,
        norm_num_groups=8,
        **more,
    )


torch.manual_seed(0)
tokenizer = clip_tokenizer(FOLDER)
size = len(tokenizer)
StableDiffusionPipeline(
    vae=vae(4),
    text_encoder=clip(CLIPTextModel, size),
    tokenizer=tokenizer,
    unet=unet(WIDTH),
    scheduler=DDPMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012),
    safety_checker=None,
    feature_extractor=None,
    requires_safety_checker=False,
).save_pretrained(FOLDER / "sd")
StableDiffusionXLPipeline(
    vae=vae(4),
    text_encoder=clip(CLIPTextModel, size),
    text_encoder_2=clip(CLIPTextModelWithProjection, size),
    tokenizer=tokenizer,
    tokenizer_2=tokenizer,
    unet=unet(
        2 * WIDTH,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + WIDTH,
        use_linear_projection=True,
    ),
    scheduler=EulerDiscreteScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012),
).save_pretrained(FOLDER / "sdxl")

words = Tokenizer(
    models.WordLevel({word: n for n, word in enumerate(["<pad>", "</s>", "<unk>", *"abcdefgh"])}, "<unk>")
)
words.pre_tokenizer = pre_tokenizers.Split("", "isolated")
words.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
t5_tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
)
FluxPipeline(
    vae=vae(4, shift_factor=0.1, scaling_factor=0.36),
    text_encoder=clip(CLIPTextModel, size),
    text_encoder_2=T5EncoderModel(
        T5Config(vocab_size=11, d_model=WIDTH, d_kv=8, d_ff=37, num_layers=2, num_heads=4)
    ),
    tokenizer=tokenizer,
    tokenizer_2=t5_tokenizer,
    transformer=FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=WIDTH,
        axes_dims_rope=[4, 4, 8],
        guidance_embeds=True,
    ),
    scheduler=FlowMatchEulerDiscreteScheduler(),
).save_pretrained(FOLDER / "flux")
