"""The network model, its state and its stores."""
