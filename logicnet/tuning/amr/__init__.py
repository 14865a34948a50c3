"""Sentences to AMR graphs by two outputs of one answer: multi-task unified prompts (MTUP)."""
