"""Other engines on the same network: each built from our graph, in a process of its own."""
