"""`logicnet serve`: the miner's solver behind OpenAI's protocol, for harnesses, scripts and other miners."""
