// Functions of whole rows: softmax, and normalisation by mean and variance (of a layer, of groups,
// of an image, of a batch).
//
// What a row is, the axes say: those along which rows stand, and those along which the values of
// one row do. The threads of a block's first axis share a row: a warp, or eight for long rows.

#include "storage.cuh"
#include "epilogue.cuh"

#define AXES 4

enum Kind { SOFTMAX, LOG_SOFTMAX, NORMALIZE };

struct Axes {
    int count, sizes[AXES], x[AXES], y[AXES], weight[AXES]; // strides of each
};

struct Arguments {
    const Value *x;
    Value *y;
    const float *factor, *summand; // or null; they lie alike
    int kind, number, values; // how many rows there are, how many values in each
    Axes outer, inner;
    float eps;
    Epilogue epilogue;
};

struct Place { long long x, y, weight; };

DEVICE Place place(const Axes &in, int number) {
    Place at = {0, 0, 0};
#pragma unroll
    for (int axis = AXES - 1; axis >= 0; --axis) {
        if (axis >= in.count) continue;
        const int i = axis ? number % in.sizes[axis] : number;
        number /= in.sizes[axis];
        at.x += (long long)i * in.x[axis];
        at.y += (long long)i * in.y[axis];
        at.weight += (long long)i * in.weight[axis];
    }
    return at;
}

// The sum, or the largest, of a value of each thread of a row; every thread gets it.
DEVICE float joined(float value, bool largest, float (&shared)[8]) {
    for (int lanes = 16; lanes > 0; lanes /= 2) {
        const float other = __shfl_xor_sync(0xffffffff, value, lanes);
        value = largest ? larger(value, other) : value + other;
    }
    if (blockDim.x > 32) { // one row for the whole block
        if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
        __syncthreads();
        value = shared[0];
        for (int warp = 1; warp < blockDim.x / 32; ++warp)
            value = largest ? larger(value, shared[warp]) : value + shared[warp];
        __syncthreads();
    }
    return value;
}

extern "C" __global__ void __launch_bounds__(256, 2) kernel(const __grid_constant__ Arguments a) {
    __shared__ float shared[8];
    const int number = blockIdx.x * blockDim.y + threadIdx.y;
    const bool inside = number < a.number;
    const Place row = place(a.outer, inside ? number : 0);
    const Value *x = a.x + row.x;
    Value *y = a.y + row.y;
    const int values = inside ? a.values : 0, first = threadIdx.x, step = blockDim.x;

    float found = a.kind == NORMALIZE ? 0 : -INFINITE;
    for (int i = first; i < values; i += step) {
        const float value = read(x + place(a.inner, i).x);
        found = a.kind == NORMALIZE ? found + value : larger(found, value);
    }
    found = joined(found, a.kind != NORMALIZE, shared);
    const float centre = a.kind == NORMALIZE ? found / a.values : found;

    float sum = 0;
    for (int i = first; i < values; i += step) {
        const float away = read(x + place(a.inner, i).x) - centre;
        sum += a.kind == NORMALIZE ? away * away : expf(away);
    }
    sum = joined(sum, false, shared);
    const float scale = a.kind == NORMALIZE ? 1 / sqrtf(sum / a.values + a.eps) : 1 / sum;

    for (int i = first; i < values; i += step) {
        const Place at = place(a.inner, i);
        const float away = read(x + at.x) - centre;
        float result[1] = {a.kind == LOG_SOFTMAX ? away - logf(sum)
                           : (a.kind == SOFTMAX ? expf(away) : away) * scale};
        if (a.factor) result[0] *= read(a.factor + row.weight + at.weight);
        if (a.summand) result[0] += read(a.summand + row.weight + at.weight);
        finish(result, a.epilogue, 0);
        store(y + at.y, result);
    }
}
