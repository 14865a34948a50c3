"""Make a small LoRA of a model with PEFT, in the trainer's environment: python FILE BASE OUT.

It is not trained: its weights are random, so small that the model still ends its texts, and so large that it
says other things than its base. What it says is written down as a trainer does.
"""

import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from logicnet.tuning.train.expected import write_expected

QUESTIONS = ("What is 2 + 3?", "Name one animal.", "Which is larger, 7 or 9?")


def main(base: str, out: Path) -> None:
    torch.manual_seed(1)
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16, local_files_only=True)
    targets = ["q_proj", "v_proj", "down_proj"]
    tuned = get_peft_model(
        model, LoraConfig(r=4, lora_alpha=8, target_modules=targets, task_type="CAUSAL_LM")
    )
    for name, weights in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=0.15)
    tuned.save_pretrained(out / "adapter")
    asked = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": one}], add_generation_prompt=True, tokenize=True, return_dict=False
        )
        for one in QUESTIONS
    ]
    write_expected(tuned, tokenizer, [{"prompt_ids": ids} for ids in asked], out / "expected.json")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
