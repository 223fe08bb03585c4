// Depthwise convolution: every output channel reads one input channel.
//
// A thread makes TILE neighbouring columns of VEC channels. With KERNEL columns known (0: any, at
// any dilation), each input is read once for all of them; the weights of a row stay in registers.
// The block is (channels, columns, rows), so that rows that share inputs share a cache.

#include "storage.cuh"
#include "epilogue.cuh"

struct Arguments {
    Image x, y;
    int residual[4]; // its image, channel, row and column
    const Value *weight; // [rows, columns, channels]
    const float *bias; // or null
    int channels, multiplier; // of the output; output channels for each input channel
    int size[2], output[2], kernel[2], stride[2], before[2], dilation[2];
    int column_blocks;
    Epilogue epilogue;
};

extern "C" __global__ void __launch_bounds__(256, 2) kernel(const __grid_constant__ Arguments a) {
    const int channel = VEC * ((blockIdx.x / a.column_blocks) * blockDim.x + threadIdx.x);
    const int column = TILE * ((blockIdx.x % a.column_blocks) * blockDim.y + threadIdx.y);
    const int row = blockIdx.y * blockDim.z + threadIdx.z;
    if (channel >= a.channels || column >= a.output[1] || row >= a.output[0]) return;

    float sums[TILE][VEC];
#pragma unroll
    for (int i = 0; i < VEC; ++i) sums[0][i] = a.bias ? read(a.bias + channel + i) : 0;
#pragma unroll
    for (int t = 1; t < TILE; ++t)
#pragma unroll
        for (int i = 0; i < VEC; ++i) sums[t][i] = sums[0][i];

    const int source = VEC == 1 ? channel / a.multiplier : channel;
    const Value *image = a.x.data + offset(a.x, blockIdx.z, source, 0, 0, 0);
    const int left = column * a.stride[1] - a.before[1];
    for (int r = 0; r < a.kernel[0]; ++r) {
        const int y = row * a.stride[0] - a.before[0] + r * a.dilation[0];
        if (y < 0 || y >= a.size[0]) continue;
        const Value *line = image + (long long)y * a.x.row;
        const Value *weight = a.weight + (long long)r * a.kernel[1] * a.channels + channel;
#if KERNEL
        float weights[KERNEL][VEC];
#pragma unroll
        for (int s = 0; s < KERNEL; ++s) load(weights[s], weight + s * a.channels);
#pragma unroll
        for (int j = 0; j < (TILE - 1) * STRIDE + KERNEL; ++j) {
            const int x = left + j;
            if (x < 0 || x >= a.size[1]) continue;
            float values[VEC];
            load(values, line + (long long)x * a.x.column);
#pragma unroll
            for (int t = 0; t < TILE; ++t) {
                const int s = j - t * STRIDE;
                if (s >= 0 && s < KERNEL)
#pragma unroll
                    for (int i = 0; i < VEC; ++i) sums[t][i] += values[i] * weights[s][i];
            }
        }
#else
        for (int s = 0; s < a.kernel[1]; ++s) {
            float weights[VEC], values[VEC];
            load(weights, weight + s * a.channels);
#pragma unroll
            for (int t = 0; t < TILE; ++t) {
                const int x = left + t * a.stride[1] + s * a.dilation[1];
                if (x < 0 || x >= a.size[1]) continue;
                load(values, line + (long long)x * a.x.column);
#pragma unroll
                for (int i = 0; i < VEC; ++i) sums[t][i] += values[i] * weights[i];
            }
        }
#endif
    }
#pragma unroll
    for (int t = 0; t < TILE; ++t) {
        if (column + t >= a.output[1]) break;
        const long long residual = (long long)blockIdx.z * a.residual[0] +
                                   (long long)channel * a.residual[1] +
                                   (long long)row * a.residual[2] +
                                   (long long)(column + t) * a.residual[3];
        finish(sums[t], a.epilogue, residual);
        store(a.y.data + offset(a.y, blockIdx.z, channel, 0, row, column + t), sums[t]);
    }
}
