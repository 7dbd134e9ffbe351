"""Closed-form posterior means, for finite sets of images and for disks."""
