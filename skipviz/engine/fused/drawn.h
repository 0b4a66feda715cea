/* Nets computed as they are drawn: one operation after the other, forward and back.
 *
 * What each of them reads and writes was decided beforehand (plan.py): outputs that nobody needs
 * any more are written over, gradients lie in buffers that are used again, and what is
 * concatenated lies side by side from the start.
 *
 * Signals are [B][stride]; those of feature maps [B][high][wide][stride], a row for each pixel.
 * What pads a row of a gradient is 0, or belongs to what lies beside it; what pads a row of weights
 * is 0. */

enum {
    LINEAR, ACTIVATE_RELU, ACTIVATE_TANH, ACTIVATE_SIGMOID, NORM, LAYER_NORM, DROPOUT, SCALE,
    REZERO, ADD, MULTIPLY, COMPLEMENT, CONSTANT, CONCAT, CONV, ZERO_PAD, GLOBAL_AVERAGE,
    GLOBAL_MAX, AVERAGE_POOL, MAX_POOL
};

/* What becomes of a source's gradient: it is that of this operation (or nobody asks), is written,
 * is added to what is there. */
enum { NOTHING = -1, WRITE, PLUS };

/* Mirrored in native.py. Places are in floats from the start of `work`, `weights` or `running`. */
struct op {
    int64_t kind, channels;
    int64_t first, second; /* sources, by number; -1: the net's input, or none */
    int64_t out, stride, grad, grad_stride; /* of the output, and of dLoss/doutput */
    int64_t to_first, to_second;
    int64_t weights, biased;
    int64_t room; /* of a normalisation: two rows of numbers; of dropout: its mask */
    int64_t kept; /* of BatchNorm: in `running`; of dropout: the number of its random stream */
    int64_t layer, point, gate; /* which reading it gives, or -1 */
    int64_t done;               /* the product before it has done it on the way forward */
    int64_t plus, relu; /* of a product: what is added to it, or -1; is it rectified then? */
    int64_t high, wide, inputs, in_high, in_wide; /* of the output; channels and sides of `first` */
    int64_t kernel, hop, border; /* of a window: its side, its stride, zeros around the map */
    double momentum, epsilon;
};

struct view { /* of an output or a gradient */
    float *at;
    int64_t stride;
};

INLINE struct view output(const struct net *net, int64_t k)
{
    if (k < 0) return (struct view){(float *)net->x, net->x_stride};
    return (struct view){net->work + net->ops[k].out, net->ops[k].stride};
}

INLINE struct view gradient(const struct net *net, int64_t k)
{
    return (struct view){net->work + net->ops[k].grad, net->ops[k].grad_stride};
}

/* A row for each sample, or for each of its pixels. */
INLINE int64_t rows_of(const struct net *net, const struct op *op)
{
    return net->batch * op->high * op->wide;
}

/* ---- one number for each number */

struct extent {
    int64_t rows, columns;
};

/* Rows without gaps that are alike in all views are one long row: what pads them may be computed
 * with. */
INLINE struct extent extent(int64_t rows, int64_t channels, int64_t a, int64_t b, int64_t c)
{
    const int64_t s = padded(channels);
    if (a == s && b == s && c == s) return (struct extent){1, rows * s};
    return (struct extent){rows, channels};
}

/* What is written over is read before: no number waits for another. */
#if defined(__clang__)
#define APART _Pragma("clang loop vectorize(assume_safety)")
#else
#define APART _Pragma("GCC ivdep")
#endif
#define EACH(e) \
    for (int64_t r = 0; r < (e).rows; r++) \
        APART for (int64_t i = 0; i < (e).columns; i++)

/* to = f(a, b) or to += f(a, b), where f is an expression in x and y. */
#define ELEMENTWISE(name, f) \
    static void name(struct extent e, struct view to, struct view a, struct view b, float by, \
                     const int64_t how) \
    { \
        (void)by; \
        if (how == WRITE) \
            EACH(e) { \
                const float x = a.at[r * a.stride + i], y = b.at[r * b.stride + i]; \
                (void)x, (void)y; \
                to.at[r * to.stride + i] = f; \
            } \
        else if (how == PLUS) \
            EACH(e) { \
                const float x = a.at[r * a.stride + i], y = b.at[r * b.stride + i]; \
                (void)x, (void)y; \
                to.at[r * to.stride + i] += f; \
            } \
    }

ELEMENTWISE(copied, x)
ELEMENTWISE(negated, -x)
ELEMENTWISE(complemented, 1.0f - x)
ELEMENTWISE(scaled, x * by)
ELEMENTWISE(summed, x + y)
ELEMENTWISE(multiplied, x * y)
ELEMENTWISE(through_relu, x < 0 ? 0 : x)
ELEMENTWISE(through_tanh, hyperbolic_tangent(x))
ELEMENTWISE(through_sigmoid, sigmoid(x))
ELEMENTWISE(relu_slope, slope(RELU, x, y))
ELEMENTWISE(tanh_slope, slope(TANH, x, y))
ELEMENTWISE(sigmoid_slope, slope(SIGMOID, x, y))

typedef void (*elementwise)(struct extent, struct view, struct view, struct view, float, int64_t);

INLINE void apply_to(const struct net *net, const struct op *op, elementwise f, struct view to,
                     struct view a, struct view b, float by, int64_t how)
{
    const int64_t rows = rows_of(net, op);
    if (how != NOTHING)
        f(extent(rows, op->channels, to.stride, a.stride, b.stride), to, a, b, by, how);
}

/* ---- weight layers */

static void linear(const struct net *net, const struct op *op)
{
    const struct view x = output(net, op->first);
    const int64_t in = op->inputs;
    const float *w = net->weights + op->weights;
    const int64_t s = padded(op->channels);
    struct product p = {
        .m = net->batch, .n = op->channels, .k = in, .a = x.at, .am = x.stride, .ak = 1, .b = w,
        .bk = s, .bias = op->biased ? w + in * s : 0,
        .add = op->plus < 0 ? 0 : net->work + net->ops[op->plus].out,
        .c = net->work + op->out, .cm = op->stride, .relu = (int)op->relu,
        .soon = {{w + (in + 1) * s, in * s}}};
    multiply(&p);
}

/* Numbers that stand beside a gradient's columns are not the gradient's. */
static void clear_pads(float *g, int64_t rows, int64_t columns)
{
    const int64_t s = padded(columns);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = columns; i < s; i++) g[r * s + i] = 0;
}

static void linear_back(struct net *net, const struct op *op, struct view dz)
{
    const struct view x = output(net, op->first);
    const int64_t in = op->inputs;
    const int64_t s = padded(op->channels), turned = padded(in);
    float *w = net->weights + op->weights, *g = gradient_of(net, w, net->grad);
    if (op->first >= 0 && op->to_first != NOTHING) {
        const struct view dx = gradient(net, op->first);
        transpose(w, in, op->channels, s, net->back, turned);
        const int64_t even = (in + 3) / 4 * 4;
        for (int64_t j = 0; j < op->channels; j++)
            for (int64_t i = even; i < turned; i++) net->back[j * turned + i] = 0;
        struct product p = {
            .m = net->batch, .n = in, .k = op->channels, .a = dz.at, .am = dz.stride, .ak = 1,
            .b = net->back, .bk = turned, .add = op->to_first == PLUS ? dx.at : 0, .c = dx.at,
            .cm = dx.stride,
            .soon = {{x.at, net->batch * x.stride}, {net->velocity + op->weights, in * s}}};
        multiply(&p);
    }
    struct product p = {
        .m = in, .n = op->channels, .k = net->batch, .a = x.at, .am = 1, .ak = x.stride,
        .b = dz.at, .bk = dz.stride, .c = g, .cm = s};
    multiply(&p);
    if (op->biased) sums_of_columns(dz.at, net->batch, s, dz.stride, g + in * s);
    if (dz.stride != s) clear_pads(g, in + op->biased, op->channels);
    const double norm = used_up(net, w, g, in, op->channels, s, op->biased);
    if (op->layer >= 0 && net->measure) net->reading[2 + net->points + op->layer] = norm;
}

/* ---- normalisation; the room of an operation holds means and inverse deviations */

INLINE half inverse_root(half x)
{
    for (int j = 0; j < STEP; j++) x[j] = 1.0f / sqrtf(x[j]);
    return x;
}

/* The columns i .. of a row, 0 where they are no channels. */
INLINE half channels_of(half x, int64_t i, int64_t channels)
{
    half_bits within = {0};
    for (int j = 0; j < STEP; j++) within[j] = i + j < channels ? -1 : 0;
    return i + STEP <= channels ? x : (half)((half_bits)x & within);
}

/* What is done to some columns of STEP numbers at a time, `many` of which stay in registers. */
#define IN_COLUMNS(i, columns, call_4, call_2, call_1) \
    do { \
        int64_t i = 0; \
        for (; i + 4 * STEP <= (columns); i += 4 * STEP) call_4; \
        for (; i + 2 * STEP <= (columns); i += 2 * STEP) call_2; \
        for (; i < (columns); i += STEP) call_1; \
    } while (0)

INLINE half_wide widened_half(half x) { return __builtin_convertvector(x, half_wide); }
INLINE half narrowed(half_wide x) { return __builtin_convertvector(x, half); }

/* So many rows are summed in float32, each block by itself; the blocks in float64. */
enum { BLOCK = 32 };

/* Means and variances of some columns: of each block by themselves, joined as Chan et al. 1983. */
INLINE void moments_of_some(struct view x, int64_t rows, half *mean, half *variance, const int many)
{
    half_wide means[4], squares[4];
    UNROLL for (int i = 0; i < many; i++) means[i] = squares[i] = (half_wide){0};
    for (int64_t done = 0; done < rows; done += BLOCK) {
        const int64_t more = rows - done < BLOCK ? rows - done : BLOCK;
        const float *at = x.at + done * x.stride;
        half part[4], off[4];
        UNROLL for (int i = 0; i < many; i++) part[i] = off[i] = (half){0};
        for (int64_t r = 0; r < more; r++)
            UNROLL for (int i = 0; i < many; i++)
                part[i] += *(const half *)(at + r * x.stride + i * STEP);
        UNROLL for (int i = 0; i < many; i++) part[i] /= (float)more;
        for (int64_t r = 0; r < more; r++)
            UNROLL for (int i = 0; i < many; i++) {
                const half from = *(const half *)(at + r * x.stride + i * STEP) - part[i];
                off[i] += from * from;
            }
        const double share = (double)more / (double)(done + more);
        UNROLL for (int i = 0; i < many; i++) {
            const half_wide apart = widened_half(part[i]) - means[i];
            means[i] += apart * share;
            squares[i] += widened_half(off[i]) + apart * apart * (share * (double)done);
        }
    }
    UNROLL for (int i = 0; i < many; i++)
        mean[i] = narrowed(means[i]), variance[i] = narrowed(squares[i] / (double)rows);
}

/* What a normalisation does to some columns: less the mean, times `by`, plus the shift. */
struct normaliser {
    const float *mean, *by, *shift;
    struct view add; /* what is added behind it, or nothing */
    int relu;
};

INLINE void norm_some(struct normaliser n, struct view x, struct view y, int64_t rows, const int many)
{
    half mean[4], by[4], shift[4];
    UNROLL for (int i = 0; i < many; i++) {
        mean[i] = *(const half *)(n.mean + i * STEP), by[i] = *(const half *)(n.by + i * STEP);
        shift[i] = *(const half *)(n.shift + i * STEP);
    }
    for (int64_t r = 0; r < rows; r++)
        UNROLL for (int i = 0; i < many; i++) {
            half to = (*(const half *)(x.at + r * x.stride + i * STEP) - mean[i]) * by[i];
            to += shift[i];
            if (n.add.at) to += *(const half *)(n.add.at + r * n.add.stride + i * STEP);
            if (n.relu) to = rectified_half(to);
            *(half *)(y.at + r * y.stride + i * STEP) = to;
        }
}

INLINE struct view from_column(struct view v, int64_t i)
{
    return (struct view){v.at ? v.at + i : 0, v.stride};
}

static void norm_columns(const struct normaliser *n, struct view x, struct view y, int64_t rows,
                         int64_t columns)
{
#define SOME(many) \
    norm_some((struct normaliser){n->mean + i, n->by + i, n->shift + i, from_column(n->add, i), \
                               n->relu}, \
              from_column(x, i), from_column(y, i), rows, many)
    IN_COLUMNS(i, columns, SOME(4), SOME(2), SOME(1));
#undef SOME
}

/* Each channel with mean and variance of its values; the running ones have Bessel's factor. What is
 * added behind it and a ReLU are done at once. */
static void batch_norm(const struct net *net, const struct op *op)
{
    const struct view x = output(net, op->first), y = {net->work + op->out, op->stride};
    const int64_t s = padded(op->channels), rows = rows_of(net, op);
    const float *gain = net->weights + op->weights;
    float *means = net->work + op->room, *roots = means + s, *by = roots + s;
    float *kept = net->running + op->kept;
    const float share = (float)op->momentum;
    const float spread = (float)rows / (float)(rows > 1 ? rows - 1 : 1);
#define SOME(many) \
    moments_of_some(from_column(x, i), rows, (half *)(means + i), (half *)(roots + i), many)
    IN_COLUMNS(i, s, SOME(4), SOME(2), SOME(1));
#undef SOME
    for (int64_t i = 0; i < s; i += STEP) {
        const half mean = *(const half *)(means + i), variance = *(const half *)(roots + i);
        const half root = inverse_root(variance + (float)op->epsilon);
        half *old_mean = (half *)(kept + i), *old_variance = (half *)(kept + s + i);
        *(half *)(roots + i) = root, *(half *)(by + i) = root * *(const half *)(gain + i);
        *old_mean += share * (mean - *old_mean);
        *old_variance += share * (variance * spread - *old_variance);
    }
    const struct normaliser normaliser = {
        .mean = means, .by = by, .shift = gain + s, .relu = (int)op->relu,
        .add = op->plus < 0 ? (struct view){0, 0} : output(net, op->plus)};
    norm_columns(&normaliser, x, y, rows, s);
}

/* Of some columns the sums of dLoss/dy, and of dLoss/dy times what is normalised. */
INLINE void norm_sums(struct view x, struct view dy, int64_t rows, const float *means,
                      const float *roots, half *plain, half *even, const int many)
{
    half_wide plains[4], evens[4];
    half mean[4];
    UNROLL for (int i = 0; i < many; i++) {
        plains[i] = evens[i] = (half_wide){0};
        mean[i] = *(const half *)(means + i * STEP);
    }
    for (int64_t done = 0; done < rows; done += BLOCK) {
        const int64_t until = rows - done < BLOCK ? rows : done + BLOCK;
        half a[4], b[4];
        UNROLL for (int i = 0; i < many; i++) a[i] = b[i] = (half){0};
        for (int64_t r = done; r < until; r++)
            UNROLL for (int i = 0; i < many; i++) {
                const half grad = *(const half *)(dy.at + r * dy.stride + i * STEP);
                a[i] += grad;
                b[i] += grad * (*(const half *)(x.at + r * x.stride + i * STEP) - mean[i]);
            }
        UNROLL for (int i = 0; i < many; i++)
            plains[i] += widened_half(a[i]), evens[i] += widened_half(b[i]);
    }
    UNROLL for (int i = 0; i < many; i++) {
        plain[i] = narrowed(plains[i]);
        even[i] = narrowed(evens[i]) * *(const half *)(roots + i * STEP);
    }
}

/* dLoss/dx = by (dLoss/dy - less - (x - mean) turn) of some columns */
struct normaliser_back {
    const float *mean, *by, *less, *turn;
    int64_t channels; /* what stands behind so many columns is 0 */
    int64_t how;
};

INLINE void norm_back_some(struct normaliser_back n, struct view x, struct view dy, struct view dx,
                        int64_t rows, const int many)
{
    half mean[4], by[4], less[4], turn[4];
    UNROLL for (int i = 0; i < many; i++) {
        mean[i] = *(const half *)(n.mean + i * STEP), by[i] = *(const half *)(n.by + i * STEP);
        less[i] = *(const half *)(n.less + i * STEP), turn[i] = *(const half *)(n.turn + i * STEP);
    }
    for (int64_t r = 0; r < rows; r++)
        UNROLL for (int i = 0; i < many; i++) {
            const half off = *(const half *)(x.at + r * x.stride + i * STEP) - mean[i];
            const half grad = *(const half *)(dy.at + r * dy.stride + i * STEP);
            half *to = (half *)(dx.at + r * dx.stride + i * STEP);
            const half own = channels_of(by[i] * (grad - less[i] - off * turn[i]), i * STEP,
                                         n.channels);
            if (n.how == PLUS) *to += own;
            else *to = own;
        }
}

static void batch_norm_back(struct net *net, const struct op *op, struct view dy)
{
    const struct view x = output(net, op->first), dx = gradient(net, op->first);
    const int64_t s = padded(op->channels), rows = rows_of(net, op);
    float *gain = net->weights + op->weights, *g = gradient_of(net, gain, net->grad);
    const float *means = net->work + op->room, *roots = means + s;
    float *by = net->work + op->room + 2 * s, *less = by + s, *turn = less + s;
#define SOME(many) \
    norm_sums(from_column(x, i), from_column(dy, i), rows, means + i, roots + i, \
              (half *)(g + s + i), (half *)(g + i), many)
    IN_COLUMNS(i, s, SOME(4), SOME(2), SOME(1));
#undef SOME
    for (int64_t i = 0; i < s; i++) {
        by[i] = roots[i] * gain[i];
        less[i] = g[s + i] / (float)rows, turn[i] = roots[i] * g[i] / (float)rows;
    }
#define SOME(many) \
    norm_back_some((struct normaliser_back){means + i, by + i, less + i, turn + i, op->channels - i, \
                                   op->to_first}, \
                from_column(x, i), from_column(dy, i), from_column(dx, i), rows, many)
    IN_COLUMNS(i, s, SOME(4), SOME(2), SOME(1));
#undef SOME
    if (dy.stride != s || x.stride != s) clear_pads(g, 2, op->channels);
    used_up(net, gain, g, 2, op->channels, s, 0);
}

INLINE float across(half x)
{
    float sum = 0;
    for (int j = 0; j < STEP; j++) sum += x[j];
    return sum;
}

/* Each sample with mean and variance of its C values. */
static void layer_norm(const struct net *net, const struct op *op)
{
    const struct view x = output(net, op->first), y = {net->work + op->out, op->stride};
    const int64_t channels = op->channels, s = padded(channels);
    const float *gain = net->weights + op->weights, *shift = gain + s;
    float *means = net->work + op->room, *roots = means + net->batch;
    for (int64_t b = 0; b < net->batch; b++) {
        const float *from = x.at + b * x.stride;
        half sum = {0}, square = {0};
        for (int64_t i = 0; i < s; i += STEP)
            sum += channels_of(*(const half *)(from + i), i, channels);
        const float mean = across(sum) / (float)channels;
        for (int64_t i = 0; i < s; i += STEP) {
            const half off = channels_of(*(const half *)(from + i) - mean, i, channels);
            square += off * off;
        }
        const float root = 1.0f / sqrtf(across(square) / (float)channels + (float)op->epsilon);
        for (int64_t i = 0; i < s; i += STEP)
            *(half *)(y.at + b * y.stride + i) =
                (*(const half *)(from + i) - mean) * root * *(const half *)(gain + i)
                + *(const half *)(shift + i);
        means[b] = mean, roots[b] = root;
    }
}

/* A channel that is alone is its own mean: nothing comes through, not even what was rounded. */
static void layer_norm_back(struct net *net, const struct op *op, struct view dy)
{
    const struct view x = output(net, op->first), dx = gradient(net, op->first);
    const int64_t channels = op->channels, s = padded(channels);
    float *gain = net->weights + op->weights, *g = gradient_of(net, gain, net->grad);
    const float *means = net->work + op->room, *roots = means + net->batch;
    memset(g, 0, (size_t)(2 * s) * sizeof(float));
    for (int64_t b = 0; b < net->batch; b++) {
        const float *from = x.at + b * x.stride, *grads = dy.at + b * dy.stride;
        const float mean = means[b], root = roots[b], through = channels > 1 ? root : 0;
        half plain = {0}, turned = {0};
        for (int64_t i = 0; i < s; i += STEP) {
            const half grad = channels_of(*(const half *)(grads + i), i, channels);
            const half even = (*(const half *)(from + i) - mean) * root;
            const half own = grad * *(const half *)(gain + i);
            *(half *)(g + i) += grad * even, *(half *)(g + s + i) += grad;
            plain += own, turned += channels_of(own * even, i, channels);
        }
        const float less = across(plain) / (float)channels, by = across(turned) / (float)channels;
        for (int64_t i = 0; i < s; i += STEP) {
            const half even = (*(const half *)(from + i) - mean) * root;
            const half own = *(const half *)(grads + i) * *(const half *)(gain + i);
            const half all = channels_of((own - less - even * by) * through, i, channels);
            half *to = (half *)(dx.at + b * dx.stride + i);
            if (op->to_first == PLUS) *to += all;
            else *to = all;
        }
    }
    if (x.stride != s) clear_pads(g, 2, channels);
    used_up(net, gain, g, 2, channels, s, 0);
}

/* ---- dropout: NumPy's PCG64 (O'Neill 2014, XSL-RR), as docs/batches.md has it */

typedef unsigned __int128 wide;

INLINE uint64_t next_word(wide *state, wide increment)
{
    const wide factor = (wide)2549297995355413924u << 64 | 4865540595714422341u;
    *state = *state * factor + increment;
    const uint64_t mixed = (uint64_t)(*state >> 64) ^ (uint64_t)*state;
    const unsigned turn = (unsigned)(*state >> 122);
    return mixed >> turn | mixed << (-turn & 63);
}

/* Fills the mask: 1 / keep where a number of the stream is below keep, else 0. */
static void draw_mask(const struct net *net, const struct op *op, float *mask, float keep)
{
    const uint64_t *seed = net->seeds + 4 * op->kept;
    const wide factor = (wide)2549297995355413924u << 64 | 4865540595714422341u;
    const wide increment = ((wide)seed[2] << 64 | seed[3]) << 1 | 1;
    wide state = (increment + ((wide)seed[0] << 64 | seed[1])) * factor + increment;
    const int64_t s = padded(op->channels);
    const float share = 1.0f / keep;
    uint64_t word = 0;
    int64_t drawn = 0;
    for (int64_t b = 0; b < net->batch; b++)
        for (int64_t i = 0; i < op->channels; i++, drawn++) {
            word = drawn % 2 ? word >> 32 : next_word(&state, increment);
            const float number = (float)((uint32_t)word >> 8) * (1.0f / 16777216.0f);
            mask[b * s + i] = number < keep ? share : 0;
        }
}

/* ---- a factor that is learned */

static void rezero_back(struct net *net, const struct op *op, struct view dy)
{
    const struct view x = output(net, op->first);
    float *factor = net->weights + op->weights, *g = gradient_of(net, factor, net->grad);
    const float by = factor[0];
    const int64_t s = padded(1), rows = rows_of(net, op);
    double sum = 0;
    for (int64_t b = 0; b < rows; b++) {
        half part = {0};
        for (int64_t i = 0; i < op->channels; i += STEP)
            part += channels_of(*(const half *)(dy.at + b * dy.stride + i)
                                    * *(const half *)(x.at + b * x.stride + i),
                                i, op->channels);
        sum += (double)across(part);
    }
    memset(g, 0, (size_t)s * sizeof(float));
    g[0] = (float)sum;
    used_up(net, factor, g, 1, 1, s, 0);
    apply_to(net, op, scaled, gradient(net, op->first), dy, dy, by, op->to_first);
}

#include "pictures.h"

/* ---- all of them */

static const elementwise through[] = {through_relu, through_tanh, through_sigmoid};
static const elementwise slope_of[] = {relu_slope, tanh_slope, sigmoid_slope};

static void operate(const struct net *net, int64_t k)
{
    const struct op *op = net->ops + k;
    const struct view y = output(net, k), none = y;
    const struct view a = op->first < 0 ? none : output(net, op->first);
    const struct view b = op->second < 0 ? a : output(net, op->second);
    const struct view mask = {net->work + op->room, padded(op->channels)};
    const float value = (float)net->values[k];
    switch (op->kind) {
    case LINEAR: linear(net, op); break;
    case ACTIVATE_RELU: case ACTIVATE_TANH: case ACTIVATE_SIGMOID:
        apply_to(net, op, through[op->kind - ACTIVATE_RELU], y, a, a, 0, WRITE);
        break;
    case NORM: batch_norm(net, op); break;
    case LAYER_NORM: layer_norm(net, op); break;
    case DROPOUT:
        draw_mask(net, op, mask.at, value);
        apply_to(net, op, multiplied, y, a, mask, 0, WRITE);
        break;
    case SCALE: apply_to(net, op, scaled, y, a, a, value, WRITE); break;
    case REZERO: apply_to(net, op, scaled, y, a, a, net->weights[op->weights], WRITE); break;
    case ADD: apply_to(net, op, summed, y, a, b, 0, WRITE); break;
    case MULTIPLY: apply_to(net, op, multiplied, y, a, b, 0, WRITE); break;
    case COMPLEMENT: apply_to(net, op, complemented, y, a, a, 0, WRITE); break;
    case CONSTANT:
        for (int64_t r = 0; r < rows_of(net, op); r++)
            for (int64_t i = 0; i < op->channels; i++) y.at[r * y.stride + i] = value;
        break;
    case CONV: convolve(net, op); break;
    case ZERO_PAD: zero_pad(net, op); break;
    case GLOBAL_AVERAGE: case AVERAGE_POOL: average(net, op); break;
    case GLOBAL_MAX: case MAX_POOL: largest(net, op); break;
    default: break; /* what is concatenated lies side by side */
    }
}

static void read_point(const struct net *net, int64_t k)
{
    const struct op *op = net->ops + k;
    const struct view y = output(net, k), dy = gradient(net, k);
    const int64_t b = rows_of(net, op), c = op->channels;
    double *signals = net->reading + 2, *scales = signals + net->points + net->layers;
    if (!net->measure) return;
    if (op->point >= 0) {
        signals[op->point] = sqrt(squares(dy.at, b, c, dy.stride));
        scales[op->point] = sqrt(squares(y.at, b, c, y.stride) / (double)(b * c));
    }
    if (op->gate >= 0) scales[net->points + op->gate] = mean(y.at, b, c, y.stride);
}

static void operate_back(struct net *net, int64_t k)
{
    const struct op *op = net->ops + k;
    const struct view dy = gradient(net, k), y = output(net, k);
    const struct view da = op->first < 0 ? dy : gradient(net, op->first);
    const struct view db = op->second < 0 ? dy : gradient(net, op->second);
    const struct view mask = {net->work + op->room, padded(op->channels)};
    const float value = (float)net->values[k];
    switch (op->kind) {
    case LINEAR: linear_back(net, op, dy); break;
    case ACTIVATE_RELU: case ACTIVATE_TANH: case ACTIVATE_SIGMOID:
        apply_to(net, op, slope_of[op->kind - ACTIVATE_RELU], da, dy, y, 0, op->to_first);
        break;
    case NORM: batch_norm_back(net, op, dy); break;
    case LAYER_NORM: layer_norm_back(net, op, dy); break;
    case DROPOUT: apply_to(net, op, multiplied, da, dy, mask, 0, op->to_first); break;
    case SCALE: apply_to(net, op, scaled, da, dy, dy, value, op->to_first); break;
    case REZERO: rezero_back(net, op, dy); break;
    case ADD:
        apply_to(net, op, copied, da, dy, dy, 0, op->to_first);
        apply_to(net, op, copied, db, dy, dy, 0, op->to_second);
        break;
    case MULTIPLY:
        apply_to(net, op, multiplied, da, dy, output(net, op->second), 0, op->to_first);
        apply_to(net, op, multiplied, db, dy, output(net, op->first), 0, op->to_second);
        break;
    case COMPLEMENT: apply_to(net, op, negated, da, dy, dy, 0, op->to_first); break;
    case CONV: convolve_back(net, op, dy); break;
    case ZERO_PAD: zero_pad_back(net, op, dy); break;
    case GLOBAL_AVERAGE: case AVERAGE_POOL: average_back(net, op, dy); break;
    case GLOBAL_MAX: case MAX_POOL: largest_back(net, op, dy); break;
    default: break;
    }
}

/* The last operation's output becomes dLoss/doutput where it lies. */
static void train_drawn(struct net *net)
{
    for (int64_t k = 0; k < net->count; k++)
        if (!net->ops[k].done) operate(net, k);
    const struct view logits = output(net, net->count - 1);
    softmax(net, logits.at, logits.stride);
    if (!net->measure && (!net->finite || net->dead)) return;
    net->all_squares = 0;
    for (int64_t k = net->count - 1; k >= 0; k--) {
        read_point(net, k);
        if (net->ops[k].grad >= 0) operate_back(net, k); /* a constant has none */
    }
    clipped(net);
}
