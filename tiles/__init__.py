"""Vector tiles of a network in any state: from model and state to bytes."""
