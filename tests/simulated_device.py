"""A device that every machine has. Its tensors are not on the CPU, but have values.

Torch treats the tensors as those of a GPU. The values are in tensors on the CPU, which
only this file reaches. Torch's own FakeTensorMode has no values, and without a GPU its
backward pass through tensors on "cuda" aborts the process.
"""

import copy
import sys
from pathlib import Path

import torch
from torch.testing import assert_close
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

import sklearn_gahb

NAME = "simulated"
PACKAGE = Path(sklearn_gahb.__file__).parent
aten = torch.ops.aten
# Operations that may have tensors of two devices, because they copy values.
COPIES = {aten.copy_.default, aten._to_copy.default}
# What an operation brings to the CPU.
NUMBER, ARRAY = "number", "array"


class SimulatedDevice(TorchDispatchMode):
    """Context in which torch has the device.

    An operation raises a RuntimeError if it mixes the devices, or if it brings values
    to the CPU in a function of the package that is not allowed to. Where the package
    catches the error, the end of the context raises it again.

    Torch lets some operations mix devices: indices of tensors on a GPU may be on the
    CPU. Here, they may not. Numbers, which have no axis, may be on the CPU.

    Parameters
    ----------
    allowed : dict of str to {"number", "array"}, default=None
        What functions bring to the CPU. The keys have the form "file.py:function". The
        end of the context raises an AssertionError if one of them does not do it.
    """

    def __init__(self, allowed=None):
        super().__init__()
        self.allowed, self.found, self.error = allowed or {}, {}, None

    @classmethod
    def _should_skip_dynamo(cls):
        # The alternative imports the compiler.
        return False

    def __enter__(self):
        Backend.is_in_use, torch.Generator = True, Generator
        return super().__enter__()

    def __exit__(self, kind, *exception):
        Backend.is_in_use, torch.Generator = False, Generator.__base__
        super().__exit__(kind, *exception)
        if kind is None and self.error is not None:
            raise self.error
        if kind is None:
            unused = self.allowed.keys() - self.found.keys()
            assert not unused, f"{unused} bring nothing to the CPU."

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        leaves = tree_leaves((args, kwargs))
        inside = [one for one in leaves if isinstance(one, SimulatedTensor)]
        if func is aten.copy_.default:
            is_result_inside = isinstance(args[0], SimulatedTensor)
        elif kwargs.get("device") is not None:
            is_result_inside = torch.device(kwargs["device"]).type == NAME
            kwargs["device"] = torch.device("cpu")
        else:
            is_result_inside = bool(inside)
        if func not in COPIES:
            self._check_devices(func, leaves, is_result_inside)
        if func is aten._local_scalar_dense.default and inside:
            self._check_allowed(NUMBER)
        elif inside and not is_result_inside:
            self._check_allowed(ARRAY)
        result = func(*tree_map(held_by, args), **tree_map(held_by, kwargs))
        if not is_result_inside:
            return result
        if torch.Tag.inplace_view in func.tags:
            # Change the shape of the tensor itself too.
            with no_dispatch():
                func(*args, **kwargs)
        # An operation in place returns a tensor that it received.
        received = {id(one.held): one for one in inside}
        return tree_map(lambda one: received.get(id(one), wrap(one)), result)

    def _check_devices(self, func, leaves, is_result_inside):
        """Raise an error if the tensors or the generator are not on one device."""
        tensors = [one for one in leaves if isinstance(one, torch.Tensor) and one.ndim]
        generators = [one for one in leaves if isinstance(one, torch.Generator)]
        devices = {isinstance(one, SimulatedTensor) for one in tensors}
        devices |= {one.device.type == NAME for one in generators}
        if devices - {is_result_inside}:
            self._fail(f"{func} mixes devices in {running_function()}.")

    def _check_allowed(self, kind):
        """Raise an error if the function that runs may not bring values to the CPU."""
        function = running_function()
        if self.allowed.get(function) not in (kind, ARRAY):
            self._fail(f"{function} brings values to the CPU ({kind}).")
        if self.found.get(function) != ARRAY:
            self.found[function] = kind

    def _fail(self, message):
        self.error = RuntimeError(message)
        raise self.error


class SimulatedTensor(torch.Tensor):
    """Tensor on the device. The CPU tensor `held` has its values."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held):
        self = torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=torch.device(NAME, 0),
        )
        self.held = held
        return self

    def __repr__(self):
        return f"SimulatedTensor(shape={tuple(self.shape)}, dtype={self.dtype})"

    def tolist(self):
        # Torch refuses this to subclasses.
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise RuntimeError(f"{func} is called outside of the context of the device.")


class Generator(torch.Generator):
    """CPU generator that claims to be on a device, because the device has none."""

    def __new__(cls, device="cpu"):
        self = super().__new__(cls)
        self.claimed = torch.device(device)
        return self

    @property
    def device(self):
        return self.claimed


class Backend:
    """What torch asks about the device."""

    # Outside of the context, device="auto" must not find the device.
    is_in_use = False

    def is_available(self):
        return self.is_in_use

    def is_initialized(self):
        return True

    def device_count(self):
        return 1

    def current_device(self):
        return 0

    def get_amp_supported_dtype(self):
        return [torch.bfloat16]

    def _is_in_bad_fork(self):
        return False

    def manual_seed_all(self, seed):
        pass


def put(value):
    """Move a tensor or an array to the device; a number stays a number."""
    is_number = value is None or isinstance(value, float)
    return value if is_number else torch.as_tensor(value).to(NAME)


def move(denoiser):
    """Return a copy of a denoiser whose network, if it has one, is on the device."""
    denoiser = copy.deepcopy(denoiser)
    if hasattr(denoiser, "network_"):
        denoiser.network_.to(NAME)
    return denoiser


def check(found, expected, **tolerances):
    """Check that a tensor is on the device, and that its values are as expected."""
    assert found.device.type == NAME
    assert_close(found.held.detach(), expected.detach(), **tolerances)


def held_by(value):
    return value.held if isinstance(value, SimulatedTensor) else value


def wrap(value):
    return SimulatedTensor(value) if isinstance(value, torch.Tensor) else value


def running_function():
    """Return the innermost function of the package that runs, as "file.py:function"."""
    frame = sys._getframe()
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(PACKAGE):
            function = frame.f_code.co_qualname.partition(".<locals>")[0]
            return f"{path.relative_to(PACKAGE).as_posix()}:{function}"
        frame = frame.f_back
    return "no function of the package"


def empty_strided(size, stride, device=None, **options):
    return SimulatedTensor(torch.empty_strided(size, stride, **options))


def empty(size, device=None, **options):
    return SimulatedTensor(torch.empty(size, **options))


def copy_from(source, target, non_blocking=False):
    return held_by(target).copy_(held_by(source))


# Nothing undoes this in a process, and it must come before the first backward pass.
_setup_privateuseone_for_python_backend(NAME, Backend())
# Where torch makes tensors from numbers, it does not ask the context.
KERNELS = torch.library.Library("aten", "IMPL")
KERNELS.impl("empty_strided", empty_strided, "PrivateUse1")
KERNELS.impl("empty.memory_format", empty, "PrivateUse1")
KERNELS.impl("_copy_from", copy_from, "PrivateUse1")
