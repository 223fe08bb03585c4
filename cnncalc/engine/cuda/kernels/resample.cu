// Upsampling of every mode: each output position is a weighted sum of a few input positions along
// each axis, and a table says which and how much.

#include "storage.cuh"
#include "epilogue.cuh"

struct Arguments {
    Image x, y;
    int channels, output[3], taps[3]; // depth, height, width
    const int *places[3]; // [output, taps] each
    const float *shares[3];
    Epilogue epilogue;
};

extern "C" __global__ void __launch_bounds__(256, 2) kernel(const __grid_constant__ Arguments a) {
    const int vectors = a.channels / VEC;
    const int number = blockIdx.x * blockDim.x + threadIdx.x;
    const int channel = VEC * (number % vectors);
    int position = number / vectors;
    const int column = position % a.output[2];
    position /= a.output[2];
    const int row = position % a.output[1], depth = position / a.output[1];
    if (depth >= a.output[0]) return;

    float sums[VEC] = {};
    for (int i = depth * a.taps[0]; i < (depth + 1) * a.taps[0]; ++i)
        for (int j = row * a.taps[1]; j < (row + 1) * a.taps[1]; ++j)
            for (int k = column * a.taps[2]; k < (column + 1) * a.taps[2]; ++k) {
                const float share = read(a.shares[0] + i) * read(a.shares[1] + j) * read(a.shares[2] + k);
                float values[VEC];
                load(values, a.x.data + offset(a.x, blockIdx.y, channel, a.places[0][i],
                                               a.places[1][j], a.places[2][k]));
#pragma unroll
                for (int v = 0; v < VEC; ++v) sums[v] += share * values[v];
            }
    finish(sums, a.epilogue, 0);
    store(a.y.data + offset(a.y, blockIdx.y, channel, depth, row, column), sums);
}
