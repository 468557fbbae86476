"""Exchange with other libraries, by files: torch_weights reads and writes PyTorch's weights."""
