"""Which backend runs: on the CPU the native one where it can, else NumPy's; on a GPU the CUDA
one, with cuDNN or without; and why."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, cast

from .plan import Algorithm
from .refusal import NoBackend

if TYPE_CHECKING:
    from .cuda.arrays import Dtype
    from .cuda.device import Device

__all__ = ["Engine", "NoBackend", "choose_backend"]

Engine = Literal["auto", "native", "numpy", "cudnn"]


def choose_backend(
    engine: Engine,
    algorithm: Algorithm,
    device: str = "cpu",
    dtype: str = "float32",
    *,
    run: bool = True,
) -> tuple[Any, list[str]]:
    """A backend (see `plan.Backend`), and what there is to say of the choice.

    ``device``: cpu, cuda, cuda:1 or auto, which is CUDA where there is a device, else the CPU.
    With ``run`` False a plan for CUDA is made without a device, too. Raises NoBackend.
    """
    if device == "cpu" or (device == "auto" and engine == "numpy"):
        return on_cpu(engine, algorithm, dtype)
    if engine == "numpy":
        raise NoBackend("NumPy's kernels run on the CPU", "--device cpu, or --engine native")
    try:
        return on_cuda(engine, int(device.partition(":")[2] or 0), cast("Dtype", dtype), run)
    except NoBackend as missing:
        if device != "auto":
            raise
        reason, hint = str(missing), missing.hint
    if dtype != "float32" or engine == "cudnn":
        raise NoBackend(reason, hint)
    backend, said = on_cpu(engine, algorithm, dtype)
    return backend, [f"on the CPU: {reason}", *said]


def on_cpu(engine: Engine, algorithm: Algorithm, dtype: str) -> tuple[Any, list[str]]:
    """The native backend, or NumPy's."""
    if engine == "cudnn":
        raise NoBackend("cuDNN runs on CUDA devices", "--device cuda, or another --engine")
    if dtype != "float32":
        raise NoBackend(f"the CPU computes in float32, not in {dtype}", "--device cuda")
    from .cpu.numpy_backend import NumpyBackend

    if engine == "numpy":
        return NumpyBackend(), []
    reason = missing()
    if not reason:
        from .cpu.native import NativeBackend, Unsupported

        try:
            return NativeBackend(algorithm), []
        except Unsupported as unsupported:
            reason = str(unsupported)
    if engine == "native":
        raise NoBackend(reason, "--engine numpy")
    return NumpyBackend(), [
        f"{reason}: NumPy's kernels (im2col + BLAS) run everything, without Winograd and several "
        "times slower than native ones"
    ]


def missing() -> str:
    """Why native kernels cannot even be tried; empty if they can."""
    absent = [name for name in ("numba", "llvmlite") if find_spec(name) is None]
    if not absent:
        return ""
    return "Numba is not installed (pip install 'cnncalc[numba]')"


def on_cuda(engine: Engine, number: int, dtype: "Dtype", run: bool) -> tuple[Any, list[str]]:
    """The CUDA backend on a device, or on none, only to plan."""
    from .cuda.device import H200, open_device, pip

    module, said = None, list[str]()
    try:
        module, device = open_device(number)
    except NoBackend as missing:
        if run:
            raise
        device = H200
        said.append(f"planned for {device.name}, which is not here, and nothing can run: {missing}")
    if engine != "native" and module is not None and find_spec("cudnn") is None:
        if engine == "cudnn":
            raise NoBackend("cuDNN's frontend is not installed", pip(device.driver))
        engine = "native"
        said.append(
            f"cuDNN's frontend is not installed ({pip(device.driver)}): kernels of our own run "
            "everything, convolutions many times slower"
        )
    return cuda_backend(module, device, dtype, engine), said


def cuda_backend(module: Any, device: "Device", dtype: "Dtype", engine: Engine) -> Any:
    from .cuda.arrays import DeviceArrays
    from .cuda.backend import CudaBackend

    xp = None if device.number is None else DeviceArrays(dtype, module, device.number)
    return CudaBackend(device, xp, dtype, cast("Any", engine))
