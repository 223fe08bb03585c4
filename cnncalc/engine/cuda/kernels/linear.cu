// A linear layer for few rows, which is bound by reading the weights: a warp makes one output of
// ROWS rows, each lane reads VEC neighbouring weights at a time.

#include "storage.cuh"
#include "epilogue.cuh"

struct Arguments {
    const Value *x, *weight; // [rows, inputs], [outputs, inputs]
    Value *y;
    const float *bias; // or null
    int rows, inputs, outputs;
    int x_row, weight_row, y_row, y_column, residual_row, residual_column;
    Epilogue epilogue;
};

extern "C" __global__ void __launch_bounds__(256, 2) kernel(const __grid_constant__ Arguments a) {
    const int lane = threadIdx.x, output = blockIdx.x * blockDim.y + threadIdx.y;
    const int row = blockIdx.y * ROWS;
    if (output >= a.outputs) return; // the whole warp
    const Value *weight = a.weight + (long long)output * a.weight_row;
    const Value *x = a.x + (long long)row * a.x_row;

    float sums[ROWS] = {};
#pragma unroll 4
    for (int i = lane * VEC; i < a.inputs; i += 32 * VEC) {
        float weights[VEC];
        load(weights, weight + i);
#pragma unroll
        for (int r = 0; r < ROWS; ++r) {
            if (row + r >= a.rows) break;
            float values[VEC];
            load(values, x + (long long)r * a.x_row + i);
#pragma unroll
            for (int v = 0; v < VEC; ++v) sums[r] += weights[v] * values[v];
        }
    }
    float sum[1] = {0};
#pragma unroll
    for (int r = 0; r < ROWS; ++r) {
        for (int lanes = 16; lanes > 0; lanes /= 2)
            sums[r] += __shfl_xor_sync(0xffffffff, sums[r], lanes);
        if (lane == r) sum[0] = sums[r];
    }
    if (lane >= ROWS || row + lane >= a.rows) return;
    if (a.bias) sum[0] += read(a.bias + output);
    finish(sum, a.epilogue, (long long)(row + lane) * a.residual_row +
                                (long long)output * a.residual_column);
    store(a.y + (long long)(row + lane) * a.y_row + (long long)output * a.y_column, sum);
}
