"""Bases as functions of arrays and tensors: wavelets, bandlets, Fourier."""
