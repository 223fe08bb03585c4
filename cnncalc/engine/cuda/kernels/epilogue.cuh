// What is done to a value before it is stored: a residual, activations. Several operations, in
// order; the codes are those of cnncalc/engine/cuda/arguments.py.

enum Code {
    RESIDUAL, CLAMP, LEAKY, ELU, SILU, GELU, GELU_TANH, HARDSWISH, HARDSIGMOID, SIGMOID, TANH,
    MISH, SOFTPLUS, ABS
};

struct Operation {
    int code;
    float a, b;
};

struct Epilogue {
    const Value *residual; // lies as the kernel's arguments say
    int count;
    Operation operations[4];
};

// The larger one; not a number if one of them is not, as in NumPy (fmaxf would hide it).
DEVICE float larger(float x, float y) { return x > y || x != x ? x : y; }

DEVICE float clamp(float x, float low, float high) { return x < low ? low : x > high ? high : x; }

DEVICE float softplus(float x, float beta, float threshold) {
    const float scaled = beta * x;
    return scaled > threshold ? x : log1pf(expf(scaled)) / beta;
}

// OPERATIONS: the codes that may occur, as bits. What cannot occur takes no registers.
#ifndef OPERATIONS
#define OPERATIONS ~0
#endif
#define OPERATION(code, expression)                                                               \
    case code:                                                                                    \
        if (OPERATIONS & 1 << code)                                                               \
            _Pragma("unroll") for (int i = 0; i < N; ++i) {                                       \
                const float x = values[i];                                                        \
                values[i] = expression;                                                           \
            }                                                                                     \
        break;

template <int N> DEVICE void finish(float (&values)[N], const Epilogue &epilogue, long long residual) {
    for (int number = 0; number < epilogue.count; ++number) {
        const float a = epilogue.operations[number].a, b = epilogue.operations[number].b;
        switch (epilogue.operations[number].code) {
        case RESIDUAL:
            if (OPERATIONS & 1 << RESIDUAL) {
                float more[N];
                load(more, epilogue.residual + residual);
#pragma unroll
                for (int i = 0; i < N; ++i) values[i] += more[i];
            }
            break;
            OPERATION(CLAMP, clamp(x, a, b))
            OPERATION(LEAKY, x > 0 ? x : a * x)
            OPERATION(ELU, x > 0 ? x : a * expm1f(x))
            OPERATION(SILU, x / (1 + expf(-x)))
            OPERATION(GELU, 0.5f * x * (1 + erff(x * 0.70710678f)))
            OPERATION(GELU_TANH, 0.5f * x * (1 + tanhf(0.79788456f * (x + 0.044715f * x * x * x))))
            OPERATION(HARDSWISH, x * clamp(x + 3, 0, 6) / 6)
            OPERATION(HARDSIGMOID, clamp(x + 3, 0, 6) / 6)
            OPERATION(SIGMOID, 1 / (1 + expf(-x)))
            OPERATION(TANH, tanhf(x))
            OPERATION(MISH, x * tanhf(log1pf(expf(x))))
            OPERATION(SOFTPLUS, softplus(x, a, b))
            OPERATION(ABS, fabsf(x))
        }
    }
}
