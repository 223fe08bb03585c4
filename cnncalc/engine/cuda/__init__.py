"""Running plans on NVIDIA GPUs. Nothing here is imported before ``--device`` asks for it."""
