"""Posterior means in closed form: finite sets of images, and disks."""
