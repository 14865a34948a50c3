"""What runs in the training environment: torch, transformers, TRL, PEFT, datasets, diffusers.

Started as `python -m logicnet.tuning.train JOBFOLDER`. Nothing here imports a dependency of the miner.
"""
