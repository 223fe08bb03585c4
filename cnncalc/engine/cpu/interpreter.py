"""The interpreter: every thread walks the same step table; no Python between layers.

A run is one sequence of units. A thread takes the next one by an atomic addition to a *ticket*
(generation of the run in the high half, number of the unit in the low half), waits until the
units that this one must come after are done, calls the kernels, and counts it as done. A unit only
waits for units with smaller numbers, and those are taken: no deadlock. A thread that comes late,
or sleeps, takes no unit and is waited for by nobody; tickets of an old run are recognised by
their generation. So nothing is ever reset while somebody may still look at it.

The words of the control record lie in cache lines of their own. No PAUSE while spinning: in a
virtual machine it leaves the guest. All addresses are data, so Numba's cache serves every process.
"""

from functools import cache
from typing import Any

import numba
from llvmlite import ir as llvm_ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .ir import JOB
from .table import DIMENSION_WORDS, DIMENSIONS_AT, HEADER, JOB_AT, MOVED, ROW_WORDS, UNIT

#: Bytes into the control record.
TICKET, DONE, GENERATION, TABLE, TOTAL, YIELD = 0, 64, 128, 136, 144, 152
CONTROL_WORDS = 24
#: Bytes of a thread's job record.
JOB_BYTES = 256
#: Looks at a word before the processor is offered to others (about 50 µs), and how often that is
#: done before a thread without work goes to sleep (after 1 to 3 ms).
SPINS, YIELDS = 30_000, 40

_FIRST, _AFTER, _TASKS, _UNITS = (8 * HEADER.index(n) for n in ("first", "after", "tasks", "units"))
_A_THREAD, _OUT_THREAD = 8 * HEADER.index("a_thread"), 8 * HEADER.index("out_thread")
_JOB, _JOB_FIELDS, _ROW = 8 * JOB_AT, len(JOB), 8 * ROW_WORDS
_A, _B, _BIAS, _OUT, _RESIDUAL, _ENTRIES = (8 * JOB.index(name) for name in MOVED)
_DIMENSIONS, _DIMENSION = 8 * DIMENSIONS_AT, 8 * DIMENSION_WORDS
_MOVED = len(MOVED)
_LOOPS = _DIMENSIONS + UNIT * _DIMENSION


OPTIONS = {"nogil": True, "error_model": "numpy"}


def _pointer(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, cgutils.intp_t.as_pointer())


@intrinsic
def word(typing: Any, address: Any) -> Any:
    """The word at an address."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_pointer(builder, arguments[0]))

    return types.int64(types.int64), emit


@intrinsic
def put(typing: Any, address: Any, value: Any) -> Any:
    """Write a word."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[1], _pointer(builder, arguments[0]))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), emit


@intrinsic
def atomic_word(typing: Any, address: Any) -> Any:
    """The word at an address, after all that was written before it was."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(_pointer(builder, arguments[0]), "seq_cst", 8)

    return types.int64(types.int64), emit


@intrinsic
def atomic_put(typing: Any, address: Any, value: Any) -> Any:
    """Write a word so that who reads it sees all that was written before."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store_atomic(arguments[1], _pointer(builder, arguments[0]), "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), emit


@intrinsic
def atomic_next(typing: Any, address: Any) -> Any:
    """Add 1 to a word; what it was."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        one = llvm_ir.Constant(cgutils.intp_t, 1)
        return builder.atomic_rmw("add", _pointer(builder, arguments[0]), one, "seq_cst")

    return types.int64(types.int64), emit


@intrinsic
def call(typing: Any, function: Any, argument: Any) -> Any:
    """Call the C function at an address with one word."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = llvm_ir.FunctionType(llvm_ir.VoidType(), [cgutils.intp_t])
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), [arguments[1]])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), emit


@numba.njit(**OPTIONS)
def move(job, dimension, positions):
    """Move the pointers of a job along a dimension."""
    for field in range(_MOVED):
        at = 8 * field
        put(job + at, word(job + at) + positions * word(dimension + 8 + at))


@numba.njit(**OPTIONS)
def execute(row, unit, thread, job):
    """Run one task's part of one unit."""
    for field in range(_JOB_FIELDS):
        put(job + 8 * field, word(row + _JOB + 8 * field))
    put(job + _A, word(job + _A) + thread * word(row + _A_THREAD))
    put(job + _OUT, word(job + _OUT) + thread * word(row + _OUT_THREAD))
    for dimension in range(UNIT - 1, -1, -1):
        at = row + _DIMENSIONS + dimension * _DIMENSION
        size = word(at)
        move(job, at, unit % size)
        unit //= size
    kernel = word(row)
    i, j, k, m = _LOOPS, _LOOPS + _DIMENSION, _LOOPS + 2 * _DIMENSION, _LOOPS + 3 * _DIMENSION
    for _i in range(word(row + i)):
        for _j in range(word(row + j)):
            for _k in range(word(row + k)):
                for _m in range(word(row + m)):
                    call(kernel, job)
                    move(job, row + m, 1)
                move(job, row + m, -word(row + m))
                move(job, row + k, 1)
            move(job, row + k, -word(row + k))
            move(job, row + j, 1)
        move(job, row + j, -word(row + j))
        move(job, row + i, 1)


@numba.njit(**OPTIONS)
def await_units(control, units):
    """Wait until so many units are done."""
    spins = 0
    while atomic_word(control + DONE) < units:
        spins += 1
        if spins % SPINS == 0:
            call(word(control + YIELD), 0)


@numba.njit(**OPTIONS)
def news(control, generation):
    """Look out for a run newer than ``generation``; False if none comes for a while."""
    for _ in range(YIELDS):
        for _ in range(SPINS):
            if atomic_word(control + TICKET) >> 32 != generation:
                return True
        call(word(control + YIELD), 0)
    return False


@numba.njit(**OPTIONS)
def work(control, thread, job, caller):
    """Take units and run them. The caller returns when the run is done; the others look out for
    the next one, and return when none has come for a while: the generation they saw last."""
    generation, row = -1, 0
    while True:
        ticket = atomic_next(control + TICKET)
        total, unit = atomic_word(control + TOTAL), ticket & 0xFFFFFFFF
        if ticket >> 32 != generation:
            generation = ticket >> 32
            row = atomic_word(control + TABLE)
        # The record may be that of a newer run already: then this ticket is void.
        if atomic_word(control + GENERATION) == generation and unit < total:
            while unit >= word(row + _FIRST) + word(row + _UNITS):
                row += word(row + _TASKS) * _ROW
            await_units(control, word(row + _AFTER))
            for task in range(word(row + _TASKS)):
                execute(row + task * _ROW, unit - word(row + _FIRST), thread, job)
            atomic_next(control + DONE)
        elif caller:
            await_units(control, total)
            return generation
        elif not news(control, generation):
            return generation


def run(control, generation, table, total, job):
    """Publish a run, take part in it, and return when it is done. The record changes between the
    generation and the ticket: who reads the ticket first and the generation last sees one run."""
    atomic_put(control + GENERATION, generation)
    atomic_put(control + TABLE, table)
    atomic_put(control + TOTAL, total)
    atomic_put(control + DONE, 0)
    atomic_put(control + TICKET, generation << 32)
    return work(control, 0, job, True)


@cache
def drivers() -> tuple[Any, Any]:
    """`run` for the caller and `work` for the other threads, compiled. Without the GIL."""
    caller = types.int64(*[types.int64] * 5)
    worker = types.int64(*[types.int64] * 3, types.boolean)
    try:
        return compiled(run, caller, True), compiled(work, worker, True)
    except RuntimeError:  # no directory for the cache can be written
        return compiled(run, caller, False), compiled(work, worker, False)


def compiled(function: Any, signature: Any, cached: bool) -> Any:
    return numba.njit(signature, cache=cached, **OPTIONS)(getattr(function, "py_func", function))
