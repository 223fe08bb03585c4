// Copies matrices whose neighbours stand along one axis in x and along the other in y (a plane of
// each channel <-> a pixel with all channels): 32 x 32 values at a time, through shared memory, so
// that both sides are read and written along their lines. FROM is the type of x.

#include "storage.cuh"

#define SIDE 32

struct Arguments {
    const void *x;
    void *y;
    int x_image, y_image;
    int rows, columns; // x has its neighbours in a row, y in a column
    int x_row, y_column; // values from one row of x to the next, and one column of y
};

extern "C" __global__ void __launch_bounds__(256, 2) kernel(const __grid_constant__ Arguments a) {
    __shared__ float tile[SIDE][SIDE + 1];
    const FROM *x = static_cast<const FROM *>(a.x) + (long long)blockIdx.z * a.x_image;
    Value *y = static_cast<Value *>(a.y) + (long long)blockIdx.z * a.y_image;
    const int row = blockIdx.y * SIDE, column = blockIdx.x * SIDE;
    for (int r = threadIdx.y; r < SIDE; r += blockDim.y)
        if (row + r < a.rows && column + threadIdx.x < a.columns)
            tile[r][threadIdx.x] = read(x + (long long)(row + r) * a.x_row + column + threadIdx.x);
    __syncthreads();
    for (int c = threadIdx.y; c < SIDE; c += blockDim.y)
        if (column + c < a.columns && row + threadIdx.x < a.rows) {
            const float value[1] = {tile[threadIdx.x][c]};
            store(y + (long long)(column + c) * a.y_column + row + threadIdx.x, value);
        }
}
