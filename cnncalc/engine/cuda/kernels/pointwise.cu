// y = epilogue(factor * combined(inputs) + summand): merges, activations, unfolded batch norm,
// copies of any strides, conversions (FROM is the type of what is read).
//
// A thread makes VEC neighbours along the last axis. The axes are those of one image, joined where
// they can be; an input that is stretched along an axis has a stride of 0 there.

#include "storage.cuh"
#include "epilogue.cuh"

#define AXES 6 // of an image
#define INPUTS 4

enum Combine { FIRST, ADD, SUB, MUL, MAX };
enum Parameters { NONE, AFFINE, SLOPE };

struct Operand {
    void *data;
    int image, strides[AXES];
};

struct Arguments {
    Operand y, inputs[INPUTS], factor, summand; // the last two are float, or null
    int axes, sizes[AXES], vectors; // the last size is in values; vectors: all in packs of VEC
    int count, combine, parameters;
    Epilogue epilogue;
};

// VEC values of an operand: neighbours, or one that is stretched.
template <class T>
DEVICE void operand(float (&to)[VEC], const Operand &in, long long offset, int axes) {
    const T *from = static_cast<const T *>(in.data) + offset;
    if (VEC == 1 || in.strides[axes - 1]) {
        load(to, from);
    } else {
        const float value = read(from);
#pragma unroll
        for (int i = 0; i < VEC; ++i) to[i] = value;
    }
}

extern "C" __global__ void __launch_bounds__(256, 2) kernel(const __grid_constant__ Arguments a) {
    int rest = blockIdx.x * blockDim.x + threadIdx.x;
    if (rest >= a.vectors) return;
    const long long image = blockIdx.y;
    long long y = image * a.y.image, factors = 0, summands = 0, inputs[INPUTS];
#pragma unroll
    for (int i = 0; i < INPUTS; ++i) inputs[i] = image * a.inputs[i].image;
#pragma unroll
    for (int axis = AXES - 1; axis >= 0; --axis) {
        if (axis >= a.axes) continue;
        const bool last = axis == a.axes - 1;
        const int size = last ? a.sizes[axis] / VEC : a.sizes[axis];
        const long long at = (axis ? rest % size : rest) * (last ? VEC : 1);
        if (axis) rest /= size;
        y += at * a.y.strides[axis];
        factors += at * a.factor.strides[axis];
        summands += at * a.summand.strides[axis];
#pragma unroll
        for (int i = 0; i < INPUTS; ++i) inputs[i] += at * a.inputs[i].strides[axis];
    }

    float values[VEC] = {};
    if (a.count) operand<FROM>(values, a.inputs[0], inputs[0], a.axes);
#pragma unroll
    for (int number = 1; number < INPUTS; ++number) {
        if (number >= a.count) continue;
        float more[VEC];
        operand<FROM>(more, a.inputs[number], inputs[number], a.axes);
#pragma unroll
        for (int i = 0; i < VEC; ++i)
            values[i] = a.combine == ADD   ? values[i] + more[i]
                        : a.combine == SUB ? values[i] - more[i]
                        : a.combine == MUL ? values[i] * more[i]
                                           : larger(values[i], more[i]);
    }
    if (a.parameters) {
        float factor[VEC], summand[VEC] = {};
        operand<Float32>(factor, a.factor, factors, a.axes);
        if (a.summand.data) operand<Float32>(summand, a.summand, summands, a.axes);
#pragma unroll
        for (int i = 0; i < VEC; ++i)
            values[i] = a.parameters == AFFINE || values[i] <= 0
                            ? factor[i] * values[i] + summand[i] : values[i];
    }
    finish(values, a.epilogue, 0);
    store(static_cast<Value *>(a.y.data) + y, values);
}
