// What follows a kernel's file: the conversions of 16-bit values, and the entry.

static inline float widen(Float16 value) {
    _Float16 half;
    memcpy(&half, &value.bits, 2);
    return (float)half;
}

static inline void narrow(Float16 &narrow, float value) {
    const _Float16 half = (_Float16)value;
    memcpy(&narrow.bits, &half, 2);
}

static inline float widen(BFloat16 value) { return __int_as_float(value.bits << 16); }

static inline void narrow(BFloat16 &narrow, float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    const bool number = value == value;
    narrow.bits = number ? (bits + 0x7fff + (bits >> 16 & 1)) >> 16 : 0x7fff;
}

static const Arguments *given;
static void call() { kernel(*given); }

extern "C" unsigned long arguments_size() { return sizeof(Arguments); }

extern "C" int launch(const void *arguments, const unsigned *grid, const unsigned *block, int order,
                      int mask, const char *const *ends, int count) {
    operations = mask;
    arrays = ends;
    array_count = count;
    given = static_cast<const Arguments *>(arguments);
    body = call;
    return run_grid(grid, block, order);
}
