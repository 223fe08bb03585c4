"""The engine: graph → plan → run → measurements, on real arrays.

``fusion`` rewrites a graph into fewer, fused nodes; ``plan`` gives each of them a kernel and a
place in one arena; a backend (``cpu``) binds the plan to arrays and runs it; ``measure`` times it.
Only the modules that run something import NumPy.
"""
