"""The kernels for CUDA devices, compiled by Triton."""
