"""How the kernels are compiled: quickly, once, with a word about it, and wherever they may be kept.

Numba compiles every function by itself and optimises in each caller all that it calls once more;
with kernels that call each other six deep most of the time goes there.  Here only what Python calls
(`kernel`) is optimised and made into machine code; what kernels call (`inner`) is typed and handed
on as it is, for numbers and for constants alike.  Values do not depend on it: without ``fastmath``
the compiler may not change a sum.

Machine code is kept where numba keeps it (``NUMBA_CACHE_DIR``, beside the package, in the user's
cache).  Where none of these can be written it is kept in a temporary folder until this process
ends, for itself and its workers.  Processes that want the same kernel wait for the one that makes
it, so that another process can make a part of them meanwhile (`shared`).  The message goes through
the logger of this module, as a warning: raise its level for silence.
"""

from __future__ import annotations

import atexit
import gc
import hashlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from numba import _dynfunc, config, types  # type: ignore[attr-defined]
from numba.core import typed_passes
from numba.core.caching import FunctionCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, Flags
from numba.core.compiler_machinery import register_pass
from numba.core.registry import CPUDispatcher

from ..system.signals import deferred

_LOG = logging.getLogger(__name__)
_MESSAGE = "compiling the detailed simulation, once for this version; takes up to a minute"
_OPTIONS = {"nopython": True, "boundscheck": None, "no_cfunc_wrapper": True}


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function that Python calls, on its first call or from what is kept of it."""
    dispatcher = _Kernel(function, targetoptions=dict(_OPTIONS), pipeline_class=_KernelCompiler)
    dispatcher.enable_caching()
    return dispatcher


def inner(function: Callable[..., Any]) -> Any:
    """Compile a function for the kernels that call it; called by Python it is a kernel itself."""
    return _Inner(function, targetoptions=dict(_OPTIONS), pipeline_class=_InnerCompiler)


def inlined(function: Callable[..., Any]) -> Any:
    """An `inner` function that stands itself in each of its callers.

    For short ones in loops, and for those that are given many arrays: to count who holds them takes
    longer than a few operations on them.
    """
    options = {**_OPTIONS, "forceinline": True}
    return _Inner(function, targetoptions=options, pipeline_class=_InnerCompiler)


@contextmanager
def shared(module: str) -> Iterator[None]:
    """Where something has to be compiled inside, have another process compile a part of it.

    It starts with the first compilation, if this process may use more than one core and no other
    one has such a help, and ends with the block at the latest.  What it makes is found where
    compiled code is kept; without such a place there is no help.

    Args:
        module: calls its kernels when run by ``python -m``, those first that come last here.
    """
    helper = _Helper(module)
    before, _KernelCompiler.helper = _KernelCompiler.helper, helper
    try:
        yield
    finally:
        _KernelCompiler.helper = before
        helper.end()


class _Helper:
    """A process that compiles beside this one, once it is started."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = False
        self._held = ExitStack()

    def start(self, folder: str | None) -> None:
        """Start it, if another core and a folder for compiled code are there."""
        if self._asked or _cores() < 2 or not sys.executable:
            return
        self._asked = True
        if not self._held.enter_context(_alone(folder, self._module, wait=False)):
            return
        paths = os.pathsep.join(path for path in sys.path if path)
        with suppress(OSError), deferred():
            self._process = subprocess.Popen(
                (sys.executable, "-m", self._module),
                env={**os.environ, "PYTHONPATH": paths},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def end(self) -> None:
        """Stop it, should it still run: all that was wanted is compiled, or given up."""
        self._asked = True
        if self._process is not None:
            self._process.kill()  # deaf to all else
            self._process.wait()
        self._held.close()


def _cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not every system tells
        return os.cpu_count() or 1


class _Flags(Flags):
    """How a function is compiled.

    Numba looks up each call in it by them, and works out all of their values to compare two.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _Flags) and self._values == other._values:
            return True
        return bool(super().__eq__(other))

    def __hash__(self) -> int:
        return _HASH


_HASH = hash(Flags())
"""That of numba is the same for all flags."""


# --- what Python calls


class _KernelCompiler(Compiler):
    """The usual way, with a word before the first of them and no collection of garbage."""

    announced = False
    helper: _Helper | None = None

    def compile_extra(self, func: Any) -> Any:
        if not _KernelCompiler.announced:
            _KernelCompiler.announced = True
            _LOG.warning(_MESSAGE)
        if _KernelCompiler.helper is not None:
            _KernelCompiler.helper.start(_Kernel.folder)
        collects = gc.isenabled()
        gc.disable()  # a fifth of the time otherwise: there is hardly any
        try:
            return super().compile_extra(func)
        finally:
            if collects:
                gc.enable()


class _Dispatcher(CPUDispatcher):
    """A function compiled with `_Flags`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._compiler._customize_flags = _Flags  # type: ignore[attr-defined]


class _Kernel(_Dispatcher):
    """A compiled function that is kept."""

    def enable_caching(self) -> None:
        try:
            self._cache = _Cache(self.py_func)
        except RuntimeError:  # no folder that can be written
            with suppress(RuntimeError, OSError):
                config.CACHE_DIR = _temporary_folder()  # type: ignore[attr-defined]
                self._cache = _Cache(self.py_func)

    folder: str | None = None  # of what is being compiled
    _depth = 0

    def compile(self, sig: Any) -> Any:
        folder = None
        if _Kernel._depth == 0:
            _Kernel.folder = folder = self._cache.cache_path
        _Kernel._depth += 1
        try:
            # One lock a kernel: a helper compiles others of the same folder meanwhile.
            with _alone(folder, f"{self.py_func.__module__}.{self.py_func.__qualname__}"):
                return super().compile(sig)
        finally:
            _Kernel._depth -= 1


class _Cache(FunctionCache):
    """Kept machine code; what cannot be read is made anew, what cannot be written is not kept."""

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        # Numba looks at the file of the function alone, not at what it calls.
        return (*super()._index_key(sig, codegen), _sources())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # a damaged file raises many kinds
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(OSError):
            super().save_overload(sig, data)


@cache
def _sources() -> str:
    """Digest of all that is compiled, and of the constants of physics in it."""
    found = hashlib.sha256()
    here = Path(__file__).parent
    for room in (here, here.parent / "physics"):
        for path in sorted(room.rglob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()


@cache
def _temporary_folder() -> str:
    """A folder of this user alone, for this process and those that it starts."""
    folder = tempfile.mkdtemp(prefix="lamarr-like-")
    atexit.register(_remove, folder, os.getpid())
    os.environ["NUMBA_CACHE_DIR"] = folder
    return folder


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _alone(folder: str | None, name: str, wait: bool = True) -> Iterator[bool]:
    """Hold a lock in a folder, where the system can; gives whether it is held.

    Args:
        folder: of compiled code, None for none.
        name: of the lock.
        wait: for another process that holds it.
    """
    try:
        import fcntl

        if folder is None:
            raise OSError
        Path(folder).mkdir(parents=True, exist_ok=True)
        lock = os.open(Path(folder) / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except (ImportError, OSError):
        yield False
        return
    held = False
    try:
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            held = True
        yield held
    finally:
        os.close(lock)


# --- what kernels call


class _Fragment(JITCodeLibrary):
    """Code that is neither optimised nor made into machine code before a kernel takes it in."""

    def _optimize_functions(self, ll_module: Any) -> None:
        """Only what makes it shorter: it is optimised where it is taken in."""
        ll_module.data_layout = self._codegen._data_layout
        manager, builder = self._codegen._function_pass_manager(opt=1)
        for function in ll_module.functions:
            if not function.is_declaration:
                manager.run(function, builder)

    def finalize(self) -> None:
        self._raise_if_finalized()
        for library in dict.fromkeys(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            module = library._get_module_for_linking()
            self._final_module.link_in(module, preserve=True)
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class _InnerLowering(typed_passes.NativeLowering):
    """The usual lowering into a fragment."""

    _name = "inner_lowering"

    def run_pass(self, state: Any) -> bool:
        context = state.targetctx
        if state.library is None:
            state.library = _Fragment(context.codegen(), state.func_id.func_qualname)
        # Numba looks up what it knows of a call by the flags of the caller: they stay the same for
        # all functions and for the kernels.
        flags, state.flags = state.flags, state.flags.copy()
        state.flags.no_compile = state.flags.no_cpython_wrapper = True
        super().run_pass(state)
        state.flags = flags
        result = state["cr"]
        name = result.fndesc
        # A function without code stands for the fragment in the tables of numba.
        keep = (state.library,)
        stand_in = _dynfunc.make_function(
            *(name.lookup_module(), name.qualname, "", 0, result.env, keep)
        )
        context.insert_user_function(stand_in, name, [state.library])
        state["cr"] = result._replace(cfunc=stand_in)
        return True


class _InnerCompiler(Compiler):
    """The usual passes with the lowering of this module."""

    def define_pipelines(self) -> Any:
        managers = super().define_pipelines()
        for manager in managers:
            manager.passes = [
                (_InnerLowering if kind is typed_passes.NativeLowering else kind, name)
                for kind, name in manager.passes
            ]
            manager._finalized = False
            manager.finalize()
        return managers


class _Inner(_Dispatcher):
    """A function in kernels; a call by Python goes to a kernel of its own."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._for_python()(*args, **kwargs)

    def _for_python(self) -> Any:
        if not hasattr(self, "_twin"):
            self._twin = kernel(self.py_func)
        return self._twin

    def get_call_template(self, args: Any, kws: Any) -> Any:
        # One function for constants and numbers.
        plain = tuple(types.unliteral(a) for a in args)
        return super().get_call_template(plain, {k: types.unliteral(v) for k, v in kws.items()})
