"""fastla's pool, as threadpoolctl sees it. Imported where threadpoolctl is installed."""

import threadpoolctl

import fastla
from fastla import _validate
from fastla._core import core


class FastlaController(threadpoolctl.LibController):
    """threadpool_info() lists the pool, threadpool_limits() sets its threads for the process."""

    user_api = "blas"           # what the products stand in for: whoever limits BLAS means them too
    internal_api = "fastla"
    filename_prefixes = ("fastla",)
    check_symbols = ("PyInit_fastla_core",)

    def get_num_threads(self) -> int:
        """Threads that a call may use."""
        return core.get_threads()[0]

    def set_num_threads(self, num_threads: int) -> None:
        """For the process."""
        core.set_threads(min(num_threads, _validate.MAX_THREADS), -1)

    def get_version(self) -> str:
        """Of fastla."""
        return fastla.__version__


threadpoolctl.register(FastlaController)
