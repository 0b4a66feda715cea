/* One training step of a dense net in one call: forward, softmax cross-entropy, backward, norms and
 * update. Compiled on the machine that trains (build.py); called through ctypes (stack.py), which
 * mirrors `struct net`. A net is one thread's work; a small pool of threads shares out the nets.
 *
 * B batch size, F input values, W width, C classes, L layers that the depth counts.
 *
 * All matrices are row-major, float32, with rows padded with zeros to whole vectors (`padded`): x
 * and activations [B][.], weights [in][out] with the bias as one more row. The three products of a
 * layer are then the same loop: a broadcast number times a row, summed in registers over k:
 *
 *     z = x W            dLoss/dx = dz W^T            dLoss/dW = x^T dz
 *
 * Every sum runs in one fixed order, so a result depends on nothing but the machine's instruction
 * set. Norms are summed in float64; denormals stay on: a vanished gradient is shown as itself. */

#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

/* LANES   floats in a vector register
 * GROUP   vectors of one row that are summed at once, at most
 * STEP    columns are computed in steps of so many: half a vector where that can be done
 * ROWS    rows that are summed at once, at most
 *
 * A vector unit ends a multiply-add four cycles after it began it and begins one every cycle: two
 * units are busy with eight sums or more under way. Each row of a is loaded once for a group and
 * each of b once for a tile, so that wide and high tiles load less than they multiply. */
#if defined(__AVX512F__)
enum { LANES = 16, GROUP = 4, STEP = 8 };
#elif defined(__AVX__)
enum { LANES = 8, GROUP = 3, STEP = 8 };
#elif defined(__aarch64__)
enum { LANES = 4, GROUP = 4, STEP = 4 };
#else
enum { LANES = 4, GROUP = 2, STEP = 4 };
#endif
enum { ROWS = 16, UNITS = GROUP * LANES / STEP };

typedef float vec __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef float half __attribute__((vector_size(STEP * 4), aligned(4), may_alias));
typedef int32_t vec_bits __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t half_bits __attribute__((vector_size(STEP * 4), aligned(4), may_alias));
typedef double half_wide __attribute__((vector_size(STEP * 8)));
typedef float four __attribute__((vector_size(16), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

/* Keeps a vector in a register that the compiler would rather load again for each use. ("x" would be
 * the first sixteen of them alone.) */
#if defined(__x86_64__)
#define KEEP(v) __asm__("" : "+v"(v))
#elif defined(__aarch64__)
#define KEEP(v) __asm__("" : "+w"(v))
#else
#define KEEP(v)
#endif

/* Hides where an address comes from, so that the compiler keeps it instead of all that follow. */
#define OPAQUE(address) __asm__("" : "+r"(address))

enum { RELU, TANH, SIGMOID };
enum { SGD, NESTEROV, ADAM, ADAMW };

/* Mirrored in native.py. Of a chain `weights`, `velocity` and `square` hold the matrices one after
 * the other: stem; each inner layer, with its transform gate behind it where gated; head. Of a
 * drawn net its operations say where they lie. */
struct net {
    int64_t depth, inputs, width, classes, batch;
    int64_t activation, gated, optimiser;
    const int64_t *skips; /* [L]: the layer whose output is added before the activation, or -1 */
    int64_t floats;            /* of each of the following four */
    float *weights, *velocity; /* velocity: of Adam the mean of the gradients */
    float *square;             /* of Adam, the mean of their squares */
    float *grads;              /* like the weights: where the update waits for all of them */
    float *work;
    double *reading; /* loss, error, norms of signals, weight gradients and outputs; gates' means */
    const float *x;
    const int64_t *y;
    int64_t x_stride, measure, dead, finite;
    double lr, momentum, weight_decay, clip;
    double rate, root; /* of Adam: lr / (1 - b1^t) and the root of 1 - b2^t */
    double all_squares; /* of the gradients of a step, where they are clipped */
    /* of a drawn net */
    const struct op *ops;
    int64_t count, points, layers;
    const double *values;  /* [count]: a factor, a constant, a share that is kept */
    const uint64_t *seeds; /* [4] of each layer that drops values */
    float *running;        /* means and variances of BatchNorm, a row each */
    float *back, *grad;    /* room for the largest weight matrix each: turned, and its gradient */
    float *patch;          /* room for one sample with a border of zeros */
};

int64_t padded(int64_t columns) { return (columns + STEP - 1) / STEP * STEP; }

/* ---- products */

struct range { /* of memory */
    const float *at;
    int64_t floats;
};

/* c[m][n] = bias[n] + add[m][n] + sum over k of a[m*am + k*ak] * b[k][n]; bias and add may lack.
 * The sum may go on for several `parts`, each of k terms: a and b move on by `a_part` and `b_part`
 * behind each. The whole may be done for several `lines` with the same b; a, and c with `add`, move
 * on by `a_line` and `c_line`. */
struct product {
    int64_t m, n, k;
    int64_t parts, a_part, b_part;
    int64_t lines, a_line, c_line;
    const float *a;
    int64_t am, ak;
    const float *b;
    int64_t bk;
    const float *bias, *add;
    float *c;
    int64_t cm; /* also the row length of `add` */
    int relu;
    struct range soon[2]; /* what comes next: sent for while this is computed */
};

/* max(x, 0); a NaN stays one */
INLINE vec rectified(vec x) { return (vec)((vec_bits)x & ~(x < 0)); }
INLINE half rectified_half(half x) { return (half)((half_bits)x & ~(x < 0)); }

/* The first STEP numbers of a vector. */
#if defined(__AVX512F__)
INLINE half first_of(vec x) { return (half)_mm512_castps512_ps256((__m512)x); }
#else
INLINE half first_of(vec x) { return (half)x; }
#endif

/* Where a tile begins: at a row of a, a column of b, and both of c. */
struct corner {
    const float *a, *b, *bias, *add;
    float *c;
};

/* Half a vector at the end of a row is computed as a whole one, of which half is kept: what is read
 * beyond a row lies in the next one, or in the floats that all memory has to spare. */
INLINE void tile(const struct product *p, struct corner at, const int rows, const int units)
{
    const int narrow = units * STEP < LANES, odd = units * STEP % LANES != 0;
    const int vectors = narrow ? 0 : (units * STEP + LANES - 1) / LANES;
    const int64_t am = p->am, ak = p->ak, bk = p->bk, cm = p->cm, relu = p->relu;
    const float *a = at.a, *b = at.b, *bias = at.bias, *add = at.add;
    float *c = at.c;
    const float *four_rows[(ROWS + 3) / 4]; /* few addresses: registers hold no sixteen */
    vec sum[ROWS][GROUP];
    half slim[ROWS];
    UNROLL for (int i = 0; i < (rows + 3) / 4; i++) four_rows[i] = a + 4 * i * am;
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < vectors; v++)
            sum[r][v] = bias ? *(const vec *)(bias + v * LANES) : (vec){0};
        if (narrow) slim[r] = bias ? *(const half *)bias : (half){0};
    }
    for (int64_t part = p->parts; part > 0; part--, b += p->b_part) {
        for (int64_t k = p->k; k > 0; k--, b += bk) {
            vec row[GROUP];
            half slim_row = {0};
            UNROLL for (int v = 0; v < vectors; v++) {
                row[v] = *(const vec *)(b + v * LANES);
                KEEP(row[v]);
            }
            if (narrow) slim_row = *(const half *)b;
            UNROLL for (int r = 0; r < rows; r++) {
                const float by = four_rows[r / 4][r % 4 * am];
                UNROLL for (int v = 0; v < vectors; v++) {
                    sum[r][v] += by * row[v];
                    KEEP(sum[r][v]);
                }
                if (narrow) slim[r] += by * slim_row;
            }
            UNROLL for (int i = 0; i < (rows + 3) / 4; i++) {
                four_rows[i] += ak;
                OPAQUE(four_rows[i]);
            }
        }
        UNROLL for (int i = 0; i < (rows + 3) / 4; i++) four_rows[i] += p->a_part;
    }
    if (add) /* last: small terms would drown in it one by one */
        UNROLL for (int r = 0; r < rows; r++) {
            const float *more = add + r * cm;
            UNROLL for (int v = 0; v < vectors; v++) sum[r][v] += *(const vec *)(more + v * LANES);
            if (narrow) slim[r] += *(const half *)more;
        }
    if (relu)
        UNROLL for (int r = 0; r < rows; r++) {
            UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = rectified(sum[r][v]);
            if (narrow) slim[r] = rectified_half(slim[r]);
        }
    UNROLL for (int r = 0; r < rows; r++) {
        float *to = c + r * cm;
        UNROLL for (int v = 0; v < vectors - odd; v++) *(vec *)(to + v * LANES) = sum[r][v];
        if (narrow) *(half *)to = slim[r];
        else if (odd) *(half *)(to + (vectors - 1) * LANES) = first_of(sum[r][vectors - 1]);
    }
}

typedef void (*tile_of)(const struct product *, struct corner);
#define TILE(r, u) \
    static void tile_##r##_##u(const struct product *p, struct corner at) { tile(p, at, r, u); }
#define TILES_4(u) TILE(1, u) TILE(2, u) TILE(3, u) TILE(4, u)
#define TILES_6(u) TILES_4(u) TILE(5, u) TILE(6, u)
#define TILES_12(u) \
    TILES_6(u) TILE(7, u) TILE(8, u) TILE(9, u) TILE(10, u) TILE(11, u) TILE(12, u)
#define TILES_16(u) TILES_12(u) TILE(13, u) TILE(14, u) TILE(15, u) TILE(16, u)
#define NAMES_4(u) tile_1_##u, tile_2_##u, tile_3_##u, tile_4_##u
#define NAMES_6(u) NAMES_4(u), tile_5_##u, tile_6_##u
#define NAMES_12(u) \
    NAMES_6(u), tile_7_##u, tile_8_##u, tile_9_##u, tile_10_##u, tile_11_##u, tile_12_##u
#define NAMES_16(u) NAMES_12(u), tile_13_##u, tile_14_##u, tile_15_##u, tile_16_##u
/* For each width, in units of columns, as many rows as leave its sums in registers. */
#if defined(__AVX512F__)
TILES_16(1) TILES_16(2) TILES_12(3) TILES_12(4) TILES_6(5) TILES_6(6) TILES_6(7) TILES_6(8)
static const int64_t most_rows[UNITS] = {16, 16, 12, 12, 6, 6, 6, 6};
static const tile_of tiles[UNITS][ROWS] = {
    {NAMES_16(1)}, {NAMES_16(2)}, {NAMES_12(3)}, {NAMES_12(4)},
    {NAMES_6(5)}, {NAMES_6(6)}, {NAMES_6(7)}, {NAMES_6(8)},
};
#elif defined(__AVX__)
TILES_12(1) TILES_6(2) TILES_4(3)
static const int64_t most_rows[UNITS] = {12, 6, 4};
static const tile_of tiles[UNITS][ROWS] = {{NAMES_12(1)}, {NAMES_6(2)}, {NAMES_4(3)}};
#elif defined(__aarch64__)
TILES_16(1) TILES_12(2) TILES_6(3) TILES_6(4)
static const int64_t most_rows[UNITS] = {16, 12, 6, 6};
static const tile_of tiles[UNITS][ROWS] = {
    {NAMES_16(1)}, {NAMES_12(2)}, {NAMES_6(3)}, {NAMES_6(4)},
};
#else
TILES_12(1) TILES_6(2)
static const int64_t most_rows[UNITS] = {12, 6};
static const tile_of tiles[UNITS][ROWS] = {{NAMES_12(1)}, {NAMES_6(2)}};
#endif

/* Sends for part `part` of `parts` of a range: into the second cache, the first is in use. */
INLINE void send_for(struct range range, int64_t part, int64_t parts)
{
    const float *from = range.at + range.floats * part / parts / 16 * 16;
    for (; from < range.at + range.floats * (part + 1) / parts; from += 16)
        __builtin_prefetch(from, 0, 2);
}

/* Blocks of nearly equal width, in whole vectors, and of nearly equal height: a narrow one at the
 * end would leave a unit idle. `widest`: vectors of a block, at most. */
INLINE void multiply_in(const struct product *p, const int64_t widest)
{
    enum { WHOLE = LANES / STEP };
    const int64_t units = (p->n + STEP - 1) / STEP, vectors = (units + WHOLE - 1) / WHOLE;
    const int64_t groups = (vectors + widest - 1) / widest;
    for (int64_t g = 0, u = 0; g < groups; g++) {
        const int64_t end = vectors * (g + 1) / groups * WHOLE;
        const int64_t wide = (end < units ? end : units) - u, n = u * STEP;
        const int64_t high = most_rows[wide - 1], blocks = (p->m + high - 1) / high;
        for (int64_t i = 0, m = 0; i < blocks; i++) {
            const int64_t rows = p->m * (i + 1) / blocks - m;
            const tile_of one = tiles[wide - 1][rows - 1];
            struct corner at = {p->a + m * p->am, p->b + n, p->bias ? p->bias + n : 0,
                                p->add ? p->add + m * p->cm + n : 0, p->c + m * p->cm + n};
            if (g == 0) send_for(p->soon[0], i, blocks), send_for(p->soon[1], i, blocks);
            for (int64_t line = p->lines; line > 0; line--) {
                one(p, at);
                at.a += p->a_line, at.c += p->c_line;
                if (at.add) at.add += p->c_line;
            }
            m += rows;
        }
        u += wide;
    }
}

/* One product of matrices. */
static void multiply(struct product *p)
{
    p->parts = p->lines = 1;
    multiply_in(p, GROUP);
}

/* ---- functions of one number, written so that the compiler makes vectors of them */

INLINE float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

INLINE uint32_t to_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return bits;
}

/* e^x to 2 units in the last place: 2^n e^r with |r| <= ln(2)/2, a polynomial in r (Cephes, expf).
 * 2^n in two factors: results reach from denormals to infinity. NaN stays NaN. */
INLINE float exponential(float x)
{
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to whole numbers */
    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    const float shifted = x * 1.44269504f + magic, n = shifted - magic;
    const uint32_t whole = to_bits(shifted) - to_bits(magic);
    const uint32_t part = (uint32_t)((int32_t)whole >> 1);
    const float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float y = 1.9875691500e-4f;
    y = y * r + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    y = y * r * r + r + 1.0f;
    return y * from_bits((part + 127) << 23) * from_bits((whole - part + 127) << 23);
}

INLINE float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

/* A polynomial near 0 (Cephes, tanhf), else by e^2|x|. */
INLINE float hyperbolic_tangent(float x)
{
    const float size = fabsf(x), square = x * x;
    float near = -5.70498872745e-3f;
    near = near * square + 2.06390887954e-2f;
    near = near * square - 5.37397155531e-2f;
    near = near * square + 1.33314422036e-1f;
    near = near * square - 3.33332819422e-1f;
    near = near * square * x + x;
    const float far = 1.0f - 2.0f / (exponential(2.0f * size) + 1.0f);
    return size > 0.625f ? copysignf(far, x) : near;
}

INLINE float slope(const int64_t activation, float grad, float y)
{
    if (activation == RELU) return y <= 0 ? 0 : grad;
    if (activation == TANH) return grad * (1.0f - y * y);
    return grad * (1.0f - y) * y;
}

static void activate(int64_t activation, float *z, int64_t count)
{
    if (activation == TANH)
        for (int64_t i = 0; i < count; i++) z[i] = hyperbolic_tangent(z[i]);
    if (activation == SIGMOID)
        for (int64_t i = 0; i < count; i++) z[i] = sigmoid(z[i]);
    if (activation == RELU)
        for (int64_t i = 0; i < count; i++) z[i] = z[i] < 0 ? 0 : z[i];
}

/* ---- sums */

typedef float eight __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t eight_bits __attribute__((vector_size(32), aligned(4), may_alias));
typedef double eight_wide __attribute__((vector_size(64)));

INLINE eight_wide widened(eight part) { return __builtin_convertvector(part, eight_wide); }

/* Adds eight numbers, or their squares, to a part in float32 or to the whole in float64. */
INLINE void add_eight(eight x, const int squared, const int by_parts, eight *part, eight_wide *sum)
{
    if (by_parts) *part += squared ? x * x : x * 1.0f;
    else *sum += squared ? widened(x) * widened(x) : widened(x) * 1.0;
}

/* The sum over the first `columns` of every row of its numbers, or, where squared, their squares.
 * float64 from the first to the last; or, where `by_parts`, parts of PART terms in float32 and
 * those in float64. What is read past a row's last column is masked: memory ends with eight floats
 * to spare. */
enum { PART = 32 };

INLINE double total(const float *a, int64_t rows, int64_t columns, int64_t stride,
                    const int squared, const int by_parts)
{
    const eight_bits place = {0, 1, 2, 3, 4, 5, 6, 7};
    const int64_t even = columns / 8 * 8;
    const eight_bits within = place < (int32_t)(columns - even);
    eight_wide sum = {0};
    eight parts[2] = {{0}, {0}};
    int64_t terms = 0;
    for (int64_t r = 0; r < rows; r++, a += stride) {
        int64_t i = 0;
        for (; i + 16 <= even; i += 16) {
            add_eight(*(const eight *)(a + i), squared, by_parts, &parts[0], &sum);
            add_eight(*(const eight *)(a + i + 8), squared, by_parts, &parts[1], &sum);
        }
        if (i < even) add_eight(*(const eight *)(a + i), squared, by_parts, &parts[0], &sum);
        if (even < columns) {
            const eight_bits rest = *(const eight_bits *)(a + even) & within;
            add_eight((eight)rest, squared, by_parts, &parts[1], &sum);
        }
        terms += columns / 16 + 1;
        if (by_parts && terms >= PART) {
            sum += widened(parts[0]) + widened(parts[1]);
            parts[0] = parts[1] = (eight){0};
            terms = 0;
        }
    }
    sum += widened(parts[0]) + widened(parts[1]);
    double all = 0;
    for (int j = 0; j < 8; j++) all += sum[j];
    return all;
}

/* A norm whose squares may leave the range of float32 is summed again in float64. */
static double squares(const float *a, int64_t rows, int64_t columns, int64_t stride)
{
    const double found = total(a, rows, columns, stride, 1, 1);
    if (found > 1e-26 && found < 1e34) return found;
    return total(a, rows, columns, stride, 1, 0);
}

static double mean(const float *a, int64_t rows, int64_t columns, int64_t stride)
{
    return total(a, rows, columns, stride, 0, 1) / (double)(rows * columns);
}

INLINE void sums_of_some(const float *a, int64_t rows, int64_t stride, float *to, const int many)
{
    half sums[4] = {{0}};
    for (int64_t r = 0; r < rows; r++, a += stride)
        UNROLL for (int i = 0; i < many; i++) sums[i] += *(const half *)(a + i * STEP);
    UNROLL for (int i = 0; i < many; i++) *(half *)(to + i * STEP) = sums[i];
}

/* The sum of every column, a few columns at a time, so that sums stay in registers. */
static void sums_of_columns(const float *a, int64_t rows, int64_t columns, int64_t stride,
                            float *to)
{
    int64_t i = 0;
    for (; i + 4 * STEP <= columns; i += 4 * STEP) sums_of_some(a + i, rows, stride, to + i, 4);
    for (; i + 2 * STEP <= columns; i += 2 * STEP) sums_of_some(a + i, rows, stride, to + i, 2);
    for (; i < columns; i += STEP) sums_of_some(a + i, rows, stride, to + i, 1);
}

/* to[j][i] = from[i][j], 4 by 4; both are padded. */
static void transpose(const float *from, int64_t rows, int64_t columns, int64_t stride, float *to,
                      int64_t to_stride)
{
    for (int64_t i = 0; i < rows; i += 4)
        for (int64_t j = 0; j < columns; j += 4) {
            const float *a = from + i * stride + j;
            four r[4] = {{0}};
            for (int k = 0; k < 4; k++)
                if (i + k < rows) r[k] = *(const four *)(a + k * stride);
            for (int k = 0; k < 4 && j + k < columns; k++)
                *(four *)(to + (j + k) * to_stride + i) =
                    (four){r[0][k], r[1][k], r[2][k], r[3][k]};
        }
}

/* ---- one net */

struct layer { /* a matrix with its velocity */
    float *w, *v;
    int64_t in, out, stride;
};

struct places { /* of a net's working memory */
    int64_t stride, area;
    float *out, *h, *t, *slope, *signal[3], *dh, *dt, *back, *grad;
};

static struct layer layer_of(const struct net *net, int64_t k, int gate)
{
    const int64_t s = padded(net->width);
    const int64_t stem = (net->inputs + 1) * s, inner = (net->width + 1) * s;
    const int64_t per = net->gated ? 2 : 1, last = stem + (net->depth - 1) * per * inner;
    int64_t at = k ? stem + ((k - 1) * per + gate) * inner : 0;
    struct layer layer = {.in = k ? net->width : net->inputs, .out = net->width, .stride = s};
    if (k == net->depth) {
        at = last;
        layer.out = net->classes;
        layer.stride = padded(net->classes);
    }
    layer.w = net->weights + at;
    layer.v = net->velocity + at;
    return layer;
}

static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/* Where everything lies in net->work; the floats that it needs. */
static int64_t place(const struct net *net, struct places *p)
{
    const int64_t s = padded(net->width), c = padded(net->classes), area = net->batch * s;
    const int64_t parts = net->gated ? net->depth * area : 0;
    const int64_t back = most(net->width, net->classes) * s;
    float *at = net->work;
    *p = (struct places){.stride = s, .area = area};
    p->out = at, at += net->depth * area;
    p->h = at, at += parts;
    p->t = at, at += parts;
    for (int i = 0; i < 3; i++) p->signal[i] = at, at += area;
    p->dh = at, at += net->gated ? area : 0;
    p->dt = at, at += net->gated ? area : 0;
    p->slope = at, at += net->batch * c;
    p->back = at, at += back;
    p->grad = at, at += most((net->inputs + 1) * s, (net->width + 1) * most(s, c));
    return at - net->work;
}

int64_t work_floats(const struct net *net)
{
    struct places p;
    return place(net, &p);
}

static struct range whole(struct layer layer)
{
    return (struct range){layer.w, (layer.in + 1) * layer.stride};
}

/* z = x W + bias (+ add), activated where that is ReLU. */
static void apply(const struct net *net, struct layer layer, const float *x, int64_t x_stride,
                  const float *add, float *z, int relu, struct layer next)
{
    struct product p = {
        .m = net->batch, .n = layer.out, .k = layer.in, .a = x, .am = x_stride, .ak = 1,
        .b = layer.w, .bk = layer.stride, .bias = layer.w + layer.in * layer.stride, .add = add,
        .c = z, .cm = layer.stride, .relu = relu,
        .soon = {whole(next), {z + net->batch * layer.stride, net->batch * layer.stride}}};
    multiply(&p);
}

static void gate(const struct net *net, const float *x, float *h, float *t, float *y, int64_t count)
{
    activate(net->activation, h, count);
    activate(SIGMOID, t, count);
    for (int64_t i = 0; i < count; i++) y[i] = x[i] + t[i] * (h[i] - x[i]);
}

static void forward(const struct net *net, const struct places *p)
{
    const int relu = net->activation == RELU;
    for (int64_t k = 0; k < net->depth; k++) {
        float *z = p->out + k * p->area, *h = p->h + k * p->area, *t = p->t + k * p->area;
        const float *below = k ? z - p->area : net->x;
        const struct layer next = layer_of(net, k + 1, 0);
        if (k && net->gated) {
            apply(net, layer_of(net, k, 0), below, p->stride, 0, h, 0, layer_of(net, k, 1));
            apply(net, layer_of(net, k, 1), below, p->stride, 0, t, 0, next);
            gate(net, below, h, t, z, p->area);
            continue;
        }
        const float *add = net->skips[k] < 0 ? 0 : p->out + net->skips[k] * p->area;
        apply(net, layer_of(net, k, 0), below, k ? p->stride : net->x_stride, add, z, relu,
              next);
        if (!relu) activate(net->activation, z, p->area);
    }
}

/* Loss and error of the logits, which become dLoss/dlogits. */
static void softmax(struct net *net, float *logits, int64_t stride)
{
    double loss = 0;
    int64_t wrong = 0;
    for (int64_t b = 0; b < net->batch; b++, logits += stride) {
        int64_t best = 0;
        for (int64_t i = 1; i < net->classes; i++) /* the first of the largest, or of NaNs */
            if (logits[i] > logits[best] || (isnan(logits[i]) && !isnan(logits[best]))) best = i;
        const float top = logits[best], own = logits[net->y[b]] - top;
        float sum = 0;
        for (int64_t i = 0; i < stride; i++) logits[i] = exponential(logits[i] - top);
        for (int64_t i = 0; i < net->classes; i++) sum += logits[i];
        loss += log((double)sum) - (double)own;
        wrong += best != net->y[b];
        for (int64_t i = 0; i < stride; i++) {
            const float chance = i < net->classes ? logits[i] / sum : 0;
            logits[i] = (chance - (i == net->y[b] ? 1.0f : 0.0f)) / (float)net->batch;
        }
    }
    net->reading[0] = (float)(loss / (double)net->batch);
    net->reading[1] = (float)((double)wrong / (double)net->batch);
    net->finite = isfinite(net->reading[0]) != 0;
}

/* Moves `count` weights along their gradient, of which they take the share `part`; in the order of
 * skipviz/engine/optimise.py. */
static void descend(const struct net *net, float *restrict w, const float *restrict g,
                    int64_t count, float part)
{
    const int64_t at = w - net->weights;
    float *restrict v = net->velocity + at, *restrict q = net->square + (net->square ? at : 0);
    const float decay = (float)net->weight_decay, keep = (float)net->momentum, lr = (float)net->lr;
    if (net->optimiser == SGD)
        for (int64_t i = 0; i < count; i++) {
            v[i] = keep * v[i] + (g[i] * part + decay * w[i]);
            w[i] -= lr * v[i];
        }
    if (net->optimiser == NESTEROV)
        for (int64_t i = 0; i < count; i++) {
            const float pull = g[i] * part + decay * w[i];
            v[i] = keep * v[i] + pull;
            w[i] -= lr * (pull + keep * v[i]);
        }
    if (net->optimiser < ADAM) return;
    const float mixed = net->optimiser == ADAM ? decay : 0;
    const float shrink = net->optimiser == ADAMW ? (float)(1 - net->lr * net->weight_decay) : 1;
    const float first = (float)(1 - 0.9), second = (float)(1 - 0.999), held = (float)0.999;
    const float rate = (float)net->rate, root = (float)net->root;
    for (int64_t i = 0; i < count; i++) {
        const float pull = g[i] * part + mixed * w[i];
        v[i] += first * (pull - v[i]);
        q[i] = q[i] * held + second * pull * pull;
        w[i] = w[i] * shrink - rate * (v[i] / (sqrtf(q[i]) / root + 1e-8f));
    }
}

/* Where the gradient of the weights at w is put. */
INLINE float *gradient_of(const struct net *net, const float *w, float *room)
{
    return net->grads ? net->grads + (w - net->weights) : room;
}

/* What is done with a gradient g of `rows` rows and, where `biased`, one more: its norm, where it
 * is asked for; the update, where the net still learns and nothing is clipped. */
static double used_up(struct net *net, float *w, const float *g, int64_t rows, int64_t columns,
                      int64_t stride, int64_t biased)
{
    const double sum = net->measure || net->grads ? squares(g, rows, columns, stride) : 0;
    if (net->grads)
        net->all_squares += sum + (biased ? squares(g + rows * stride, 1, columns, stride) : 0);
    else if (net->finite && !net->dead)
        descend(net, w, g, (rows + biased) * stride, 1);
    return sqrt(sum);
}

/* The update of all weights, once all gradients are there: their norm is clipped (Pascanu et
 * al. 2013, algorithm 1). */
static void clipped(struct net *net)
{
    if (!net->grads || !net->finite || net->dead) return;
    const double part = net->clip / sqrt(net->all_squares);
    descend(net, net->weights, net->grads, net->floats, (float)(part > 1 ? 1 : part));
}

/* g = dLoss/dW and, as its last row, dLoss/dbias, from x and dLoss/dz; the norm of dLoss/dW. */
static double learn(struct net *net, const struct places *p, struct layer layer,
                    const float *x, int64_t x_stride, const float *dz, struct layer next)
{
    float *g = gradient_of(net, layer.w, p->grad);
    struct product product = {
        .m = layer.in, .n = layer.out, .k = net->batch, .a = x, .am = 1, .ak = x_stride, .b = dz,
        .bk = layer.stride, .c = g, .cm = layer.stride, .soon = {whole(next)}};
    multiply(&product);
    sums_of_columns(dz, net->batch, layer.stride, layer.stride, g + layer.in * layer.stride);
    return used_up(net, layer.w, g, layer.in, layer.out, layer.stride, 1);
}

/* dx = add + dz W^T; reads the weights before their update. */
static void back(const struct net *net, const struct places *p, struct layer layer, const float *dz,
                 const float *add, float *dx, const float *x)
{
    transpose(layer.w, layer.in, layer.out, layer.stride, p->back, p->stride);
    struct product product = {
        .m = net->batch, .n = layer.in, .k = layer.out, .a = dz, .am = layer.stride, .ak = 1,
        .b = p->back, .bk = p->stride, .add = add, .c = dx, .cm = p->stride,
        .soon = {{x, p->area}, {layer.v, (layer.in + 1) * layer.stride}}};
    multiply(&product);
}

static void measure(const struct net *net, const struct places *p, int64_t k, const float *signal)
{
    const int64_t b = net->batch, w = net->width;
    double *at = net->reading + 2;
    if (!net->measure) return;
    at[k] = sqrt(squares(signal, b, w, p->stride));
    at[2 * net->depth + k] =
        sqrt(squares(p->out + k * p->area, b, w, p->stride) / (double)(b * w));
    if (net->gated && k) at[3 * net->depth + k - 1] = mean(p->t + k * p->area, b, w, p->stride);
}

static void slopes(int64_t activation, float *restrict s, const float *restrict y, int64_t count)
{
    if (activation == RELU)
        for (int64_t i = 0; i < count; i++) s[i] = slope(RELU, s[i], y[i]);
    if (activation == TANH)
        for (int64_t i = 0; i < count; i++) s[i] = slope(TANH, s[i], y[i]);
    if (activation == SIGMOID)
        for (int64_t i = 0; i < count; i++) s[i] = slope(SIGMOID, s[i], y[i]);
}

/* From signal = dLoss/dy of a highway unit y = x + t (h - x): what its two layers get, and in
 * `carried` what passes the unit by. */
static void slopes_of_gate(const struct net *net, const struct places *p, int64_t k,
                           const float *restrict signal, float *restrict carried)
{
    const float *restrict x = p->out + (k - 1) * p->area;
    const float *restrict h = p->h + k * p->area, *restrict t = p->t + k * p->area;
    float *restrict dh = p->dh, *restrict dt = p->dt;
    for (int64_t i = 0; i < p->area; i++) {
        dh[i] = signal[i] * t[i];
        dt[i] = slope(SIGMOID, signal[i] * (h[i] - x[i]), t[i]);
        carried[i] = signal[i] * (1.0f - t[i]);
    }
    slopes(net->activation, dh, h, p->area);
}

/* A weight's gradient is used up at once, while it is near; the signals of three layers are kept:
 * a shortcut hands dLoss/dz of the layer that it joins to the layer that it comes from. */
static void backward(struct net *net, const struct places *p)
{
    const struct layer head = layer_of(net, net->depth, 0);
    const float *top = p->out + (net->depth - 1) * p->area, *held = 0;
    float *signal = p->signal[0], *below = p->signal[1];
    int64_t source = -1;
    back(net, p, head, p->slope, 0, signal, top);
    learn(net, p, head, top, p->stride, p->slope, layer_of(net, net->depth - 1, 0));
    for (int64_t k = net->depth - 1; k >= 0; k--) {
        const struct layer own = layer_of(net, k, 0), next = layer_of(net, k ? k - 1 : 0, 0);
        const float *x = k ? p->out + (k - 1) * p->area : net->x;
        double *norm = net->reading + 2 + net->depth + k;
        measure(net, p, k, signal);
        if (k && net->gated) {
            const struct layer transform = layer_of(net, k, 1);
            slopes_of_gate(net, p, k, signal, below);
            back(net, p, own, p->dh, below, below, x);
            back(net, p, transform, p->dt, below, below, x);
            *norm = learn(net, p, own, x, p->stride, p->dh, next);
            learn(net, p, transform, x, p->stride, p->dt, next);
            float *const used = signal;
            signal = below, below = used;
            continue;
        }
        slopes(net->activation, signal, p->out + k * p->area, p->area);
        if (net->skips[k] >= 0) source = net->skips[k], held = signal;
        if (k) back(net, p, own, signal, source == k - 1 ? held : 0, below, x);
        *norm = learn(net, p, own, x, k ? p->stride : net->x_stride, signal, next);
        if (source == k - 1) source = -1, held = 0;
        signal = below;
        for (int i = 0; i < 3; i++)
            if (p->signal[i] != signal && p->signal[i] != held) below = p->signal[i];
    }
}

static void train_chain(struct net *net)
{
    struct places p;
    place(net, &p);
    forward(net, &p);
    const struct layer head = layer_of(net, net->depth, 0);
    const float *top = p.out + (net->depth - 1) * p.area;
    apply(net, head, top, p.stride, 0, p.slope, 0, head);
    softmax(net, p.slope, padded(net->classes));
    if (!net->measure && (!net->finite || net->dead)) return;
    net->all_squares = 0;
    backward(net, &p);
    clipped(net);
}

#include "drawn.h"

static void train(struct net *net)
{
    if (net->ops) train_drawn(net);
    else train_chain(net);
}

/* ---- a pool of threads that share out the nets; a child of fork() starts with an empty one */

static struct {
    pthread_mutex_t lock, turn; /* `turn`: one step at a time */
    pthread_cond_t work, done;
    struct net **nets;
    int64_t count, next, pending, seats, threads;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .turn = PTHREAD_MUTEX_INITIALIZER,
          .work = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};

/* Trains nets until none is left; called, and left, with the lock held. */
static void take(void)
{
    while (pool.next < pool.count) {
        struct net *net = pool.nets[pool.next++];
        pthread_mutex_unlock(&pool.lock);
        train(net);
        pthread_mutex_lock(&pool.lock);
        if (--pool.pending == 0) pthread_cond_signal(&pool.done);
    }
}

static void *helper(void *unused)
{
    pthread_mutex_lock(&pool.lock);
    for (;;) {
        while (pool.next >= pool.count || pool.seats <= 0)
            pthread_cond_wait(&pool.work, &pool.lock);
        pool.seats--;
        take();
    }
    return unused;
}

static void forked(void)
{
    pthread_mutex_init(&pool.lock, 0);
    pthread_mutex_init(&pool.turn, 0);
    pthread_cond_init(&pool.work, 0);
    pthread_cond_init(&pool.done, 0);
    pool.threads = pool.count = pool.next = 0;
}

/* One step of every net on at most `threads` threads, the caller's among them. A result does not
 * depend on their number: every net is one thread's work from end to end. */
void step(struct net **nets, int64_t count, int64_t threads)
{
    static int watched = 0;
    pthread_mutex_lock(&pool.turn);
    if (!watched) watched = 1, pthread_atfork(0, 0, forked);
    pthread_mutex_lock(&pool.lock);
    const int64_t wanted = (threads < count ? threads : count) - 1;
    for (; pool.threads < wanted; pool.threads++) {
        pthread_t thread;
        if (pthread_create(&thread, 0, helper, 0)) break; /* the caller does it all */
        pthread_detach(thread);
    }
    pool.nets = nets, pool.count = pool.pending = count, pool.next = 0, pool.seats = wanted;
    if (wanted > 0) pthread_cond_broadcast(&pool.work);
    take();
    while (pool.pending) pthread_cond_wait(&pool.done, &pool.lock);
    pool.seats = 0;
    pthread_mutex_unlock(&pool.lock);
    pthread_mutex_unlock(&pool.turn);
}

/* ---- a batch */

/* Rows of uint8 images [N][channels][pixels] as the nets see them: (x - mean) / std, each channel
 * with its own. The division is one: its rounding is that of every other way to a batch. */
void pick(const uint8_t *images, const int64_t *rows, int64_t count, int64_t channels,
          int64_t pixels, const float *mean, const float *std, float *restrict to)
{
    const int64_t size = channels * pixels, ahead = 8; /* rows lie anywhere: sent for early */
    for (int64_t b = 0; b < count; b++) {
        for (int64_t i = 0; b + ahead < count && i < size; i += 64)
            __builtin_prefetch(images + rows[b + ahead] * size + i);
        for (int64_t c = 0; c < channels; c++, to += pixels) {
            const uint8_t *from = images + rows[b] * size + c * pixels;
            for (int64_t i = 0; i < pixels; i++) to[i] = ((float)from[i] - mean[c]) / std[c];
        }
    }
}

/* ---- what the processor could do at best */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Floating-point operations a second of one thread: multiply-adds in registers, nothing else. */
double peak_flops(double seconds)
{
    enum { CHAINS = 12, ROUNDS = 20000 };
    vec sums[CHAINS], factor = (vec){0} + 0.999f, term = (vec){0} + 1e-3f;
    for (int i = 0; i < CHAINS; i++) sums[i] = (vec){0} + (float)i;
    double best = 0;
    const double until = now() + seconds;
    for (double began = now(); began < until; began = now()) {
        for (int k = 0; k < ROUNDS; k++) {
            UNROLL for (int i = 0; i < CHAINS; i++) sums[i] = sums[i] * factor + term;
        }
        __asm__ volatile("" : : "r"(sums) : "memory");
        const double rate = 2.0 * CHAINS * LANES * ROUNDS / (now() - began);
        best = rate > best ? rate : best;
    }
    return best;
}
