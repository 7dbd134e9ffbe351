"""Posterior means: exact for finite sets of images, and by sampling for disks."""
