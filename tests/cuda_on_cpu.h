// Runs a CUDA kernel on the processor, block by block. Each thread of a block is a coroutine, so
// barriers and exchanges within a warp work as on a device, and always in the same order. The
// file of the kernel follows this one, then KERNEL_ENTRY.

#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

static inline int min(int a, int b) { return a < b ? a : b; }
static inline int max(int a, int b) { return a > b ? a : b; }

#define __device__
#define __forceinline__ inline
#define __global__
#define __grid_constant__
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("on_chip")))

// The operations that an epilogue may meet: a macro on a device, here an argument of the launch.
static int operations;
#define OPERATIONS operations

struct Three { unsigned x, y, z; };
static Three blockIdx, gridDim, blockDim, threadIdx;

static inline float __int_as_float(int bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

// What went wrong in a launch.
enum class Fault { NONE, MISALIGNED, OUTSIDE, DIVERGED };
static Fault fault = Fault::NONE;

// Where a launch may read and write: first and last byte of each array; nowhere listed: anywhere.
static const char *const *arrays;
static int array_count;

static void check_access(const void *pointer, size_t bytes) {
    const char *first = (const char *)pointer;
    if ((uintptr_t)first % bytes) fault = Fault::MISALIGNED;
    for (int i = 0; i < array_count; ++i)
        if (arrays[2 * i] <= first && first + bytes <= arrays[2 * i + 1]) return;
    if (array_count) fault = Fault::OUTSIDE;
}

#define CHECK_ACCESS(pointer, bytes) check_access(pointer, bytes)

struct Float16;
struct BFloat16;
static inline float widen(Float16);
static inline float widen(BFloat16);
static inline void narrow(Float16 &, float);
static inline void narrow(BFloat16 &, float);

// ------------------------------------------------------------------------------------- threads

enum class State { READY, AT_BARRIER, IN_WARP, DONE };

struct Thread {
    State state;
    Three index;
    ucontext_t first;
    jmp_buf place;
    bool begun;
    char *stack;
};

static const size_t STACK = 128 << 10;
static Thread threads[1024];
static int current;
static jmp_buf scheduler;
static float exchanged[1024];
static void (*body)();

static void yield(State state) {
    threads[current].state = state;
    if (!_setjmp(threads[current].place)) _longjmp(scheduler, 1);
}

static void run_thread() { // a stack serves one thread after the other
    for (;;) {
        body();
        yield(State::DONE);
    }
}

static void resume(int number) {
    current = number;
    threadIdx = threads[number].index;
    Thread &thread = threads[number];
    if (_setjmp(scheduler)) return;
    if (thread.begun) _longjmp(thread.place, 1);
    thread.begun = true;
    setcontext(&thread.first);
}

static void __syncthreads() { yield(State::AT_BARRIER); }

static float __shfl_xor_sync(unsigned, float value, int lanes) {
    const int own = current;
    exchanged[own] = value;
    yield(State::IN_WARP);
    const float other = exchanged[own ^ lanes];
    yield(State::IN_WARP);
    return other;
}

// Let the threads go on that wait for each other: a barrier wants the whole block, an exchange
// the whole warp. Threads that have ended may not be waited for.
static bool release(int first, int count, State waiting) {
    int there = 0;
    for (int i = first; i < first + count; ++i) there += threads[i].state == waiting;
    if (!there) return false;
    if (there < count) return false;
    for (int i = first; i < first + count; ++i) threads[i].state = State::READY;
    return true;
}

extern char __start_on_chip[] __attribute__((weak)), __stop_on_chip[] __attribute__((weak));

// A warp goes as far as it can before the next one does, so that a missing barrier shows. order: 0
// takes warps and their threads forwards, 1 backwards.
static void run_block(int count, int order) {
    if (__start_on_chip) memset(__start_on_chip, 0xff, __stop_on_chip - __start_on_chip);
    for (int i = 0; i < count; ++i) threads[i].state = State::READY;
    const int warps = (count + 31) / 32;
    for (;;) {
        bool went = false;
        for (int i = 0; i < warps; ++i) {
            const int first = 32 * (order ? warps - 1 - i : i), lanes = min(32, count - first);
            do
                for (int j = 0; j < lanes; ++j) {
                    const int number = first + (order ? lanes - 1 - j : j);
                    if (threads[number].state != State::READY) continue;
                    resume(number);
                    went = true;
                }
            while (release(first, lanes, State::IN_WARP));
        }
        went |= release(0, count, State::AT_BARRIER);
        if (went) continue;
        for (int i = 0; i < count; ++i)
            if (threads[i].state != State::DONE) { // some ended, or are at another barrier
                fault = Fault::DIVERGED;
                threads[i].begun = false;
            }
        return;
    }
}

static int run_grid(const unsigned *grid, const unsigned *block, int order) {
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    const int count = block[0] * block[1] * block[2];
    fault = Fault::NONE;
    int number = 0;
    for (unsigned z = 0; z < block[2]; ++z)
        for (unsigned y = 0; y < block[1]; ++y)
            for (unsigned x = 0; x < block[0]; ++x) {
                Thread &thread = threads[number++];
                thread.index = {x, y, z};
                if (!thread.stack) thread.stack = (char *)malloc(STACK);
                if (thread.begun) continue;
                getcontext(&thread.first);
                thread.first.uc_stack.ss_sp = thread.stack;
                thread.first.uc_stack.ss_size = STACK;
                makecontext(&thread.first, run_thread, 0);
            }
    for (unsigned z = 0; z < grid[2]; ++z)
        for (unsigned y = 0; y < grid[1]; ++y)
            for (unsigned x = 0; x < grid[0]; ++x) {
                blockIdx = {x, y, z};
                run_block(count, order);
                if (fault == Fault::DIVERGED) return static_cast<int>(fault);
            }
    return static_cast<int>(fault);
}
