// Values as they lie in memory, and the float32 that everything computes in.
//
// No header of CUDA's is needed: the conversions are single instructions, written out. VALUE is the
// type of tensors and of weights; biases and statistics are float.

struct Float32 { float bits; };
struct Float16 { unsigned short bits; };
struct BFloat16 { unsigned short bits; };
typedef VALUE Value;

#define DEVICE __device__ __forceinline__
#define INFINITE __int_as_float(0x7f800000)

#ifdef __CUDACC__
#define CHECK_ACCESS(pointer, bytes) // where a device checks

DEVICE float widen(Float16 value) {
    float wide;
    asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(value.bits));
    return wide;
}

DEVICE float widen(BFloat16 value) { return __uint_as_float((unsigned)value.bits << 16); }

DEVICE void narrow(Float16 &narrow, float value) {
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(narrow.bits) : "f"(value));
}

DEVICE void narrow(BFloat16 &narrow, float value) {
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(narrow.bits) : "f"(value));
}
#endif

DEVICE float widen(Float32 value) { return value.bits; }

DEVICE void narrow(Float32 &narrow, float value) { narrow.bits = value; }

// A value as it lies in memory.
DEVICE float read(const float *from) {
    CHECK_ACCESS(from, sizeof(float));
    return *from;
}

template <class T> DEVICE float read(const T *from) {
    CHECK_ACCESS(from, sizeof(T));
    return widen(*from);
}

// N neighbours, read and written in one access.
template <class T, int N> struct alignas(sizeof(T) * N) Pack { T values[N]; };

template <class T, int N> DEVICE void load(float (&to)[N], const T *from) {
    CHECK_ACCESS(from, sizeof(T) * N);
    const Pack<T, N> pack = *reinterpret_cast<const Pack<T, N> *>(from);
#pragma unroll
    for (int i = 0; i < N; ++i) to[i] = widen(pack.values[i]);
}

template <class T, int N> DEVICE void store(T *to, const float (&from)[N]) {
    CHECK_ACCESS(to, sizeof(T) * N);
    Pack<T, N> pack;
#pragma unroll
    for (int i = 0; i < N; ++i) narrow(pack.values[i], from[i]);
    *reinterpret_cast<Pack<T, N> *>(to) = pack;
}

// An image [C, D, H, W] of a batch: what lies between neighbours, counted in values. Networks with
// fewer spatial axes have a depth, or a depth and a height, of 1.
struct Image {
    Value *data;
    int image, channel, depth, row, column;
};

DEVICE long long offset(const Image &in, int image, int channel, int depth, int row, int column) {
    return (long long)image * in.image + (long long)channel * in.channel +
           (long long)depth * in.depth + (long long)row * in.row + (long long)column * in.column;
}
