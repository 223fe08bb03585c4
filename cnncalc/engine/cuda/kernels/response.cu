// Local response normalisation over neighbouring channels (Krizhevsky et al., 2012).

#include "storage.cuh"
#include "epilogue.cuh"

struct Arguments {
    Image x, y;
    int channels, output[3], before, after; // neighbours on either side
    float alpha, beta, k; // alpha is divided by the number of neighbours
    Epilogue epilogue;
};

extern "C" __global__ void __launch_bounds__(256, 2) kernel(const __grid_constant__ Arguments a) {
    const int number = blockIdx.x * blockDim.x + threadIdx.x;
    const int channel = number % a.channels;
    int position = number / a.channels;
    const int column = position % a.output[2];
    position /= a.output[2];
    const int row = position % a.output[1], depth = position / a.output[1];
    if (depth >= a.output[0]) return;

    const Value *pixel = a.x.data + offset(a.x, blockIdx.y, 0, depth, row, column);
    float squares = 0;
    const int first = max(channel - a.before, 0), last = min(channel + a.after, a.channels - 1);
    for (int c = first; c <= last; ++c) {
        const float value = read(pixel + (long long)c * a.x.channel);
        squares += value * value;
    }
    const float centre = read(pixel + (long long)channel * a.x.channel);
    float result[1] = {centre / powf(a.k + a.alpha * squares, a.beta)};
    finish(result, a.epilogue, 0);
    store(a.y.data + offset(a.y, blockIdx.y, channel, depth, row, column), result);
}
