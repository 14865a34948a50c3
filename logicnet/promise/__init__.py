"""How much volume to promise: what a machine keeps, what follows from that, and when it is about to break."""
