"""
=========================================
The analyzer on a cluster
=========================================

The fits of an analyzer are tasks of joblib, so that whatever runs those runs the
analyzer: processes of this machine, Dask, or Ray. The numbers are the same.

.. code-block:: console

   $ python analyzer_on_a_cluster.py loky
   $ python analyzer_on_a_cluster.py dask tcp://10.0.0.1:8786
   $ python analyzer_on_a_cluster.py ray auto

The second argument is the address of a running cluster; without it Dask and Ray start
one on this machine. Every machine of the cluster needs this package, and with
`checkpoint_dir` a folder that all of them see.
"""

import sys
from contextlib import contextmanager

import joblib

from sklearn_gahb import DNNDenoiser, GeneralizationAnalyzer
from sklearn_gahb.datasets import make_disk_images


@contextmanager
def connected(backend, address):
    """Make a backend known to joblib, for as long as the block lasts."""
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
        print(f"{size:4} images: the two networks agree to {agreement:.4f} dB")


if __name__ == "__main__":
    main(*sys.argv[1:])
