"""The Look inside tab: the network that was just used, layer by layer."""
