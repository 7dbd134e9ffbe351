"""Posterior means: exact for finite sets and Gaussians, and by sampling for disks."""
