"""The validator's side: a task of a user's dataset, the miners that train on it, and who of them wins."""
