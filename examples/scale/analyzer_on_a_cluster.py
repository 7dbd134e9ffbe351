"""
===========================================
Run a generalization analyzer on a cluster
===========================================

The analyzer runs its fits as joblib tasks. Any joblib backend can therefore run the
analyzer: processes on this machine, Dask, or Ray. All backends give the same numbers.

.. code-block:: console

   $ python analyzer_on_a_cluster.py loky
   $ python analyzer_on_a_cluster.py dask tcp://10.0.0.1:8786
   $ python analyzer_on_a_cluster.py ray auto

The second argument is the address of a running cluster. Without an address, Dask and
Ray start a cluster on this machine. This package must be installed on every machine of
the cluster. If you set `checkpoint_dir`, every machine must have access to that folder.
"""

# sphinx_gallery_thumbnail_path = '_static/cluster.png'
import sys
from contextlib import contextmanager

import joblib

from sklearn_gahb import DNNDenoiser, GeneralizationAnalyzer
from sklearn_gahb.datasets import make_disk_images


@contextmanager
def connected(backend, address):
    """Connect joblib to a backend for the duration of the block."""
    if backend == "dask":
        from distributed import Client

        with Client(address) if address else Client(n_workers=2):
            yield
    elif backend == "ray":
        import ray
        from ray.util.joblib import register_ray

        register_ray()
        with ray.init(address):
            yield
    else:
        yield


def main(backend="loky", address=None):
    X = make_disk_images(260, 16, random_state=0)
    analyzer = GeneralizationAnalyzer(
        DNNDenoiser(width=4, depth=1, max_steps=30, learning_rate=5e-3),
        train_sizes=(1, 10, 100),
        noise_std=[0.1, 0.3],
        duplicates="ignore",
        n_jobs=-1,
        random_state=0,
    )
    with connected(backend, address), joblib.parallel_config(backend=backend):
        analyzer.fit(X[:200], X_test=X[200:])
    for size, agreement in zip(
        analyzer.train_sizes_, analyzer.agreement_.mean(axis=-1), strict=True
    ):
        print(
            f"{size:4} images: the two networks agree with a PSNR of {agreement:.4f} dB"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
