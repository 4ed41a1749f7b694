"""A language model of SmolLM2-135M's shape that reads a prompt and writes on, token by token."""
