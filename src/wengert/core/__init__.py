"""The tape: what ran, and the way back.  Read errors, modes, recorded, function, operation, backward, in this order."""
