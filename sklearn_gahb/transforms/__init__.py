"""Wavelet, bandlet and Fourier transforms of arrays and tensors."""
