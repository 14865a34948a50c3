"""The loop: practice, lessons, proof, and the swap of what was proven into the running model server."""
