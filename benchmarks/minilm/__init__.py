"""A real model, the sentence encoder all-MiniLM-L6-v2, as something to measure products on."""
