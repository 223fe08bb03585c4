"""The engine on a CPU: NumPy kernels for everything, native ones for what matters."""
