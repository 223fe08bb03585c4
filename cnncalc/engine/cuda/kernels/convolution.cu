// Convolution of any kernel, stride, padding, dilation and groups; TRANSPOSED too; and linear
// layers, as convolutions of one position. An implicit matrix product (the patches are never
// written), tiled through shared memory, in float32.
//
// Rows are output positions, columns are output channels of a group, and the sum runs over kernel
// elements and, fastest, input channels. A block of 256 threads makes TILE_ROWS x TILE_COLUMNS, a
// thread OWN_ROWS x OWN_COLUMNS of them. While a step of DEPTH products is computed from one half
// of the shared memory, the next one is on its way from global memory into the other.

#include "storage.cuh"
#include "epilogue.cuh"

#define THREADS 256
#define DEPTH 16
#define FOUR 4 // channels that a thread reads at a time
#define LOADERS (DEPTH / FOUR) // threads that read one row
#define LINES (THREADS / LOADERS) // rows that are read at a time
#define ROW_LOADS (TILE_ROWS / LINES)
#define COLUMN_LOADS ((TILE_COLUMNS + LINES - 1) / LINES)
#define PADDED_ROWS (TILE_ROWS + 4)
#define PADDED_COLUMNS (TILE_COLUMNS + 4)

struct Weight {
    const Value *data;
    int output, input, depth, row, column; // strides; output counts within a group
};

struct Arguments {
    Image x, y, residual;
    Weight weight;
    const float *bias; // or null
    long long group_weight; // values from one group's weights to the next
    int images, inputs, outputs; // channels of a group
    int size[3], output[3], kernel[3], stride[3], before[3], dilation[3]; // depth, height, width
    int column_blocks;
    Epilogue epilogue;
};

// Where the sum has come to: a kernel element and an input channel.
struct Sum { int depth, row, column, channel; };

DEVICE void advance(Sum &at, int channels, const Arguments &a) {
    at.channel += channels;
    while (at.channel >= a.inputs && at.depth < a.kernel[0]) {
        at.channel -= a.inputs;
        if (++at.column < a.kernel[2]) continue;
        at.column = 0;
        if (++at.row < a.kernel[1]) continue;
        at.row = 0;
        ++at.depth;
    }
}

// The input position that an output position reads with a kernel element; -1 outside.
DEVICE int read_at(const Arguments &a, int axis, int output, int element) {
#if TRANSPOSED // input i stamps onto o = stride * i + dilation * k - padding
    const int from = output + a.before[axis] - element * a.dilation[axis];
    const int at = from / a.stride[axis];
    return from < 0 || at * a.stride[axis] != from || at >= a.size[axis] ? -1 : at;
#else
    const int at = output * a.stride[axis] - a.before[axis] + element * a.dilation[axis];
    return at >= a.size[axis] ? -1 : at;
#endif
}

struct Position { int image, depth, row, column; };

DEVICE Position position(const Arguments &a, int number) {
    Position at;
    at.column = number % a.output[2];
    number /= a.output[2];
    at.row = number % a.output[1];
    number /= a.output[1];
    at.depth = number % a.output[0];
    at.image = number / a.output[0];
    return at;
}

// Four values that follow each other in the sum, of one output position.
DEVICE void read_inputs(float (&to)[FOUR], const Arguments &a, const Position &position, Sum at,
                        int group) {
#pragma unroll
    for (int i = 0; i < FOUR; i += VEC) {
        float values[VEC] = {};
        if (position.image < a.images && at.depth < a.kernel[0]) {
            const int z = read_at(a, 0, position.depth, at.depth);
            const int y = read_at(a, 1, position.row, at.row);
            const int x = read_at(a, 2, position.column, at.column);
            if (z >= 0 && y >= 0 && x >= 0)
                load(values, a.x.data + offset(a.x, position.image, group * a.inputs + at.channel,
                                               z, y, x));
        }
#pragma unroll
        for (int v = 0; v < VEC; ++v) to[i + v] = values[v];
        if (VEC < FOUR) advance(at, VEC, a);
    }
}

DEVICE void read_weights(float (&to)[FOUR], const Arguments &a, int output, Sum at,
                         const Value *weight) {
#pragma unroll
    for (int i = 0; i < FOUR; i += VEC) {
        float values[VEC] = {};
        if (output < a.outputs && at.depth < a.kernel[0])
            load(values, weight + (long long)output * a.weight.output +
                             (long long)at.channel * a.weight.input +
                             (long long)at.depth * a.weight.depth +
                             (long long)at.row * a.weight.row +
                             (long long)at.column * a.weight.column);
#pragma unroll
        for (int v = 0; v < VEC; ++v) to[i + v] = values[v];
        if (VEC < FOUR) advance(at, VEC, a);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) kernel(const __grid_constant__ Arguments a) {
    __shared__ union {
        struct { float rows[2][DEPTH][PADDED_ROWS], columns[2][DEPTH][PADDED_COLUMNS]; };
        float sums[TILE_ROWS][TILE_COLUMNS];
    } shared;
    const int group = blockIdx.y / a.column_blocks;
    const int first_row = blockIdx.x * TILE_ROWS;
    const int first_column = blockIdx.y % a.column_blocks * TILE_COLUMNS;
    const Value *weight = a.weight.data + group * a.group_weight;

    const int line = threadIdx.x / LOADERS, product = threadIdx.x % LOADERS * FOUR;
    Position positions[ROW_LOADS];
#pragma unroll
    for (int i = 0; i < ROW_LOADS; ++i) positions[i] = position(a, first_row + line + i * LINES);
    Sum at = {0, 0, 0, 0};
    advance(at, product, a);

    float next_rows[ROW_LOADS][FOUR], next_columns[COLUMN_LOADS][FOUR];
    auto fetch = [&] {
#pragma unroll
        for (int i = 0; i < ROW_LOADS; ++i) read_inputs(next_rows[i], a, positions[i], at, group);
#pragma unroll
        for (int i = 0; i < COLUMN_LOADS; ++i)
            read_weights(next_columns[i], a, first_column + line + i * LINES, at, weight);
        advance(at, DEPTH, a);
    };
    auto put = [&](int half) {
#pragma unroll
        for (int j = 0; j < FOUR; ++j) {
#pragma unroll
            for (int i = 0; i < ROW_LOADS; ++i)
                shared.rows[half][product + j][line + i * LINES] = next_rows[i][j];
#pragma unroll
            for (int i = 0; i < COLUMN_LOADS; ++i)
                if (line + i * LINES < TILE_COLUMNS)
                    shared.columns[half][product + j][line + i * LINES] = next_columns[i][j];
        }
    };

    const int own_column = threadIdx.x % (TILE_COLUMNS / OWN_COLUMNS) * OWN_COLUMNS;
    const int own_row = threadIdx.x / (TILE_COLUMNS / OWN_COLUMNS) * OWN_ROWS;
    float sums[OWN_ROWS][OWN_COLUMNS] = {};
    const int products = a.kernel[0] * a.kernel[1] * a.kernel[2] * a.inputs;
    for (int done = -DEPTH, half = 1; done < products; done += DEPTH, half ^= 1) {
        const bool more = done + DEPTH < products;
        if (more) fetch();
        if (done >= 0)
#pragma unroll 4
            for (int k = 0; k < DEPTH; ++k) {
                float left[OWN_ROWS], right[OWN_COLUMNS];
#pragma unroll
                for (int i = 0; i < OWN_ROWS; ++i) left[i] = shared.rows[half][k][own_row + i];
#pragma unroll
                for (int j = 0; j < OWN_COLUMNS; ++j)
                    right[j] = shared.columns[half][k][own_column + j];
#pragma unroll
                for (int i = 0; i < OWN_ROWS; ++i)
#pragma unroll
                    for (int j = 0; j < OWN_COLUMNS; ++j) sums[i][j] += left[i] * right[j];
            }
        if (more) put(half ^ 1);
        __syncthreads();
    }

    // The sums change hands, so that neighbouring threads write neighbouring channels.
#pragma unroll
    for (int i = 0; i < OWN_ROWS; ++i)
#pragma unroll
        for (int j = 0; j < OWN_COLUMNS; ++j)
            shared.sums[own_row + i][own_column + j] = sums[i][j];
    __syncthreads();
#pragma unroll 1
    for (int i = threadIdx.x; i < TILE_ROWS * TILE_COLUMNS; i += THREADS) {
        const Position at = position(a, first_row + i / TILE_COLUMNS);
        const int output = first_column + i % TILE_COLUMNS;
        if (at.image >= a.images || output >= a.outputs) continue;
        const int channel = group * a.outputs + output;
        float sum[1] = {shared.sums[i / TILE_COLUMNS][i % TILE_COLUMNS]};
        if (a.bias) sum[0] += read(a.bias + channel);
        finish(sum, a.epilogue,
               offset(a.residual, at.image, channel, at.depth, at.row, at.column));
        store(a.y.data + offset(a.y, at.image, channel, at.depth, at.row, at.column), sum);
    }
}
