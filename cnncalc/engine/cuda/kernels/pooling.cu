// Pooling of any kind: the largest value, the mean or the power sum of a window, or of a bin.
//
// A thread makes one output position of VEC channels. Where windows are large and outputs few
// (global pooling), the threads of a block's second axis share a window: each takes some of its
// columns, and the first one combines what they found.

#include "storage.cuh"
#include "epilogue.cuh"

enum Kind { MAX, MEAN, POWER };

struct Arguments {
    Image x, y;
    int channels, kind, adaptive;
    int size[3], output[3], kernel[3], stride[3], before[3], dilation[3]; // depth, height, width
    int counted_before[3], counted_after[3]; // padding that counts in a mean
    float divisor, power; // divisor 0: how many values there are
    Epilogue epilogue;
};

// A stretch of an axis: its first and last position, and the step between positions.
struct Stretch { int first, end, step, count; };

DEVICE Stretch stretch(const Arguments &a, int axis, int position) {
    const int size = a.size[axis], output = a.output[axis];
    if (a.adaptive) { // PyTorch, ATen/native/AdaptivePooling.h
        const int first = (int)((long long)position * size / output);
        const int end = (int)(((long long)(position + 1) * size + output - 1) / output);
        return {first, end, 1, end - first};
    }
    const int step = a.dilation[axis], first = position * a.stride[axis] - a.before[axis];
    const int skipped = first < 0 ? (-first + step - 1) / step : 0;
    const int end = min(first + step * (a.kernel[axis] - 1) + 1, size);
    const int counted = min(first + a.kernel[axis], size + a.counted_after[axis]) -
                        max(first, -a.counted_before[axis]);
    return {first + skipped * step, end, step, counted};
}

DEVICE float combined(int kind, float x, float y) { return kind == MAX ? larger(x, y) : x + y; }

extern "C" __global__ void __launch_bounds__(256, 2) kernel(const __grid_constant__ Arguments a) {
    __shared__ float shared[7 * 32 * VEC];
    const int vectors = a.channels / VEC;
    const int number = blockIdx.x * blockDim.x + threadIdx.x;
    const int channel = VEC * (number % vectors);
    int position = number / vectors;
    const int column = position % a.output[2];
    position /= a.output[2];
    const int row = position % a.output[1], depth = position / a.output[1];
    const bool inside = depth < a.output[0];

    float found[VEC];
#pragma unroll
    for (int i = 0; i < VEC; ++i) found[i] = a.kind == MAX ? -INFINITE : 0;
    float divisor = a.divisor;
    if (inside) {
        const Stretch z = stretch(a, 0, depth), y = stretch(a, 1, row), x = stretch(a, 2, column);
        if (divisor == 0) divisor = (float)z.count * (float)y.count * (float)x.count;
        const Value *image = a.x.data + offset(a.x, blockIdx.y, channel, 0, 0, 0);
        for (int d = z.first; d < z.end; d += z.step)
            for (int h = y.first; h < y.end; h += y.step) {
                const Value *line = image + (long long)d * a.x.depth + (long long)h * a.x.row;
                const int step = x.step * blockDim.y;
                for (int w = x.first + x.step * threadIdx.y; w < x.end; w += step) {
                    float values[VEC];
                    load(values, line + (long long)w * a.x.column);
#pragma unroll
                    for (int i = 0; i < VEC; ++i) {
                        const float value = a.kind == POWER ? powf(values[i], a.power) : values[i];
                        found[i] = combined(a.kind, found[i], value);
                    }
                }
            }
    }
    if (blockDim.y > 1) {
        const int first = threadIdx.x * VEC, others = blockDim.x * VEC;
        if (threadIdx.y > 0)
            for (int i = 0; i < VEC; ++i) shared[(threadIdx.y - 1) * others + first + i] = found[i];
        __syncthreads();
        if (threadIdx.y > 0) return;
        for (int other = 0; other < blockDim.y - 1; ++other)
#pragma unroll
            for (int i = 0; i < VEC; ++i)
                found[i] = combined(a.kind, found[i], shared[other * others + first + i]);
    }
    if (!inside) return;
#pragma unroll
    for (int i = 0; i < VEC; ++i)
        found[i] = a.kind == MEAN ? found[i] / divisor
                   : a.kind == POWER ? powf(found[i], 1 / a.power) : found[i];
    finish(found, a.epilogue, 0);
    store(a.y.data + offset(a.y, blockIdx.y, channel, depth, row, column), found);
}
