/* Operations on feature maps: convolutions, pools, and the parameter-free shortcut.
 *
 * A map is [high][wide][stride]: a row of channels for each pixel. A window of K pixels of one line
 * is then one row of K * channels numbers, and the windows of a line overlap: a convolution is K
 * parts of a product, one for each line of the kernel, on a sample that has a border of zeros
 * around it (`patch`). Weights are [K][K][in][out], the bias one more row. */

/* One sample: [high][wide][pitch], of which so many `channels` are its own, with a border. */
struct map {
    float *at;
    int64_t high, wide, channels, pitch, border;
};

/* Room for a sample without gaps; its border is 0. */
static struct map bordered(float *at, int64_t high, int64_t wide, int64_t channels, int64_t border)
{
    const struct map map = {at, high + 2 * border, wide + 2 * border, channels, channels, border};
    memset(at, 0, (size_t)(map.high * map.wide * channels) * sizeof(float));
    return map;
}

/* Lays a sample [high][wide][stride] into the middle. */
static void lay_into(const struct map *map, const float *from, int64_t stride)
{
    const int64_t high = map->high - 2 * map->border, wide = map->wide - 2 * map->border;
    const int64_t c = map->channels;
    for (int64_t y = 0; y < high; y++) {
        float *to = map->at + ((y + map->border) * map->wide + map->border) * c;
        if (stride == c) memcpy(to, from, (size_t)(wide * c) * sizeof(float)), from += wide * c;
        else
            for (int64_t x = 0; x < wide; x++, from += stride, to += c)
                memcpy(to, from, (size_t)c * sizeof(float));
    }
}

/* The same of the net's input, [channels][high][wide]. */
static void lay_input_into(const struct map *map, const float *from)
{
    const int64_t high = map->high - 2 * map->border, wide = map->wide - 2 * map->border;
    for (int64_t c = 0; c < map->channels; c++)
        for (int64_t y = 0; y < high; y++, from += wide) {
            float *to = map->at + ((y + map->border) * map->wide + map->border) * map->channels + c;
            for (int64_t x = 0; x < wide; x++) to[x * map->channels] = from[x];
        }
}

/* What a convolution's windows slide over, once for all samples; `sample_of` then lays each of
 * them. A window of one pixel slides over the signal itself. */
static struct map map_into(const struct net *net, const struct op *op)
{
    const struct view x = output(net, op->first);
    if (op->kernel == 1 && op->first >= 0)
        return (struct map){0, op->in_high, op->in_wide, op->inputs, x.stride, 0};
    return bordered(net->patch, op->in_high, op->in_wide, op->inputs, op->border);
}

static void sample_of(const struct net *net, const struct op *op, struct map *map, int64_t b)
{
    const struct view x = output(net, op->first);
    float *at = x.at + b * (op->first < 0 ? 1 : op->in_high * op->in_wide) * x.stride;
    if (op->kernel == 1 && op->first >= 0) map->at = at;
    else if (op->first < 0) lay_input_into(map, at);
    else lay_into(map, at, x.stride);
}

/* The same of dLoss/dz, with a border that is wide enough for each weight of the window. */
static struct map map_back(const struct net *net, const struct op *op, struct view dz)
{
    if (op->kernel == 1 && op->hop == 1)
        return (struct map){0, op->high, op->wide, op->channels, dz.stride, 0};
    return bordered(net->patch, op->high, op->wide, op->channels, op->kernel);
}

static void gradient_of_sample(const struct op *op, struct map *map, struct view dz, int64_t b)
{
    float *at = dz.at + b * op->high * op->wide * dz.stride;
    if (!map->border) map->at = at;
    else lay_into(map, at, dz.stride);
}

/* Vectors of columns beside as many rows as a line has: few rows would leave a unit idle. */
enum { NARROW = 2 };

static void convolve(const struct net *net, const struct op *op)
{
    struct map map = map_into(net, op);
    const int64_t s = padded(op->channels), line = map.wide * map.pitch, k = op->kernel;
    const int64_t pixels = op->high * op->wide, run = k * op->inputs;
    const float *w = net->weights + op->weights;
    const float *add = op->plus < 0 ? 0 : net->work + net->ops[op->plus].out;
    for (int64_t b = 0; b < net->batch; b++) {
        const int64_t at = b * pixels * op->stride;
        sample_of(net, op, &map, b);
        const struct product p = {
            .m = op->wide, .n = op->channels, .k = run,
            .parts = k, .a_part = line - run,
            .lines = op->high, .a_line = op->hop * line, .c_line = op->wide * op->stride,
            .a = map.at, .am = op->hop * map.pitch, .ak = 1, .b = w, .bk = s,
            .bias = op->biased ? w + k * run * s : 0, .add = add ? add + at : 0,
            .c = net->work + op->out + at, .cm = op->stride, .relu = (int)op->relu};
        multiply_in(&p, NARROW);
    }
}

/* Of the pixels of the input that lie alike between the hops of the kernel, on one axis: which
 * weights meet them. Pixel i * hop + phase gets dLoss/dz of the outputs from i + `first` on, times
 * the weights `last`, `last` - hop, .. , `count` of them. */
struct phase {
    int64_t first, last, count, pixels;
};

static struct phase phase_of(const struct op *op, int64_t phase, int64_t side)
{
    const int64_t start = (phase + op->border) % op->hop;
    const int64_t count = start < op->kernel ? (op->kernel - 1 - start) / op->hop + 1 : 0;
    const int64_t last = start + op->hop * (count - 1);
    return (struct phase){
        .first = (phase + op->border - last) / op->hop, .last = last, .count = count,
        .pixels = (side - phase + op->hop - 1) / op->hop};
}

/* Lays the weights that a phase needs behind `to`, turned: [lines][columns][out][in]; the end. */
static float *turn_weights(const struct net *net, const struct op *op, struct phase y,
                           struct phase x, float *to)
{
    const int64_t s = padded(op->channels), t = padded(op->inputs), even = (op->inputs + 3) / 4 * 4;
    for (int64_t i = 0; i < y.count; i++)
        for (int64_t j = 0; j < x.count; j++, to += op->channels * t) {
            const int64_t tap = (y.last - i * op->hop) * op->kernel + x.last - j * op->hop;
            transpose(net->weights + op->weights + tap * op->inputs * s, op->inputs, op->channels,
                      s, to, t);
            for (int64_t r = 0; r < op->channels; r++)
                for (int64_t c = even; c < t; c++) to[r * t + c] = 0;
        }
    return to;
}

/* What a phase adds to dLoss/dx of one sample, `to`, or writes there, from its dLoss/dz. */
static void back_of_phase(const struct op *op, const struct map *map, struct phase y,
                          struct phase x, const float *weights, float *to, int64_t stride)
{
    const int64_t c = op->channels, taps = y.count * x.count;
    const int64_t corner = (map->border + y.first) * map->wide + map->border + x.first;
    const struct product p = {
        .m = x.pixels, .n = op->inputs, .k = taps ? x.count * c : 0,
        .parts = y.count, .a_part = map->wide * map->pitch - x.count * c,
        .lines = y.pixels, .a_line = map->wide * map->pitch,
        .c_line = op->hop * op->in_wide * stride,
        .a = taps ? map->at + corner * map->pitch : map->at, .am = map->pitch, .ak = 1,
        .b = weights, .bk = padded(op->inputs),
        .add = op->to_first == PLUS ? to : 0, .c = to, .cm = op->hop * stride};
    multiply_in(&p, NARROW);
}

/* dLoss/dx of a layer: of each phase a product of its own. */
static void back_to_map(const struct net *net, const struct op *op, struct view dz)
{
    const struct view dx = gradient(net, op->first);
    const int64_t hop = op->hop, tap = op->channels * padded(op->inputs);
    struct map map = map_back(net, op, dz);
    float *end = net->back;
    for (int64_t i = 0; i < hop * hop; i++)
        end = turn_weights(net, op, phase_of(op, i / hop, op->in_high),
                           phase_of(op, i % hop, op->in_wide), end);
    for (int64_t b = 0; b < net->batch; b++) {
        const float *weights = net->back;
        gradient_of_sample(op, &map, dz, b);
        for (int64_t i = 0; i < hop * hop; i++) {
            const struct phase y = phase_of(op, i / hop, op->in_high);
            const struct phase x = phase_of(op, i % hop, op->in_wide);
            const int64_t pixel = (b * op->in_high + i / hop) * op->in_wide + i % hop;
            if (y.pixels > 0 && x.pixels > 0)
                back_of_phase(op, &map, y, x, weights, dx.at + pixel * dx.stride, dx.stride);
            weights += y.count * x.count * tap;
        }
    }
}

/* dLoss/dW and dLoss/dbias, sample by sample. */
static void convolve_back(struct net *net, const struct op *op, struct view dz)
{
    const int64_t s = padded(op->channels), k = op->kernel, pixels = op->high * op->wide;
    float *w = net->weights + op->weights, *g = gradient_of(net, w, net->grad);
    if (op->first >= 0 && op->to_first != NOTHING) back_to_map(net, op, dz);
    struct map map = map_into(net, op);
    const int64_t line = map.wide * map.pitch, run = k * op->inputs, hop = op->hop;
    float *bias = g + k * run * s;
    if (op->biased) memset(bias, 0, (size_t)s * sizeof(float));
    for (int64_t b = 0; b < net->batch; b++) {
        const float *at = dz.at + b * pixels * dz.stride;
        sample_of(net, op, &map, b);
        const struct product p = {
            .m = run, .n = op->channels, .k = op->wide,
            .parts = op->high, .a_part = hop * (line - op->wide * map.pitch),
            .lines = k, .a_line = line, .c_line = run * s,
            .a = map.at, .am = 1, .ak = hop * map.pitch, .b = at, .bk = dz.stride,
            .add = b ? g : 0, .c = g, .cm = s};
        multiply_in(&p, NARROW);
        if (!op->biased) continue;
        sums_of_columns(at, pixels, s, dz.stride, net->back);
        for (int64_t i = 0; i < s; i++) bias[i] += net->back[i];
    }
    if (dz.stride != s) clear_pads(g, k * run + op->biased, op->channels);
    const double norm = used_up(net, w, g, k * run, op->channels, s, op->biased);
    if (op->layer >= 0 && net->measure) net->reading[2 + net->points + op->layer] = norm;
}

/* ---- the shortcut without parameters: every hop-th pixel, new channels 0 */

static void zero_pad(const struct net *net, const struct op *op)
{
    const struct view x = output(net, op->first), y = {net->work + op->out, op->stride};
    float *to = y.at;
    for (int64_t b = 0; b < net->batch; b++)
        for (int64_t i = 0; i < op->high; i++)
            for (int64_t j = 0; j < op->wide; j++, to += y.stride) {
                const int64_t pixel = (b * op->in_high + i * op->hop) * op->in_wide + j * op->hop;
                memcpy(to, x.at + pixel * x.stride, (size_t)op->inputs * sizeof(float));
                for (int64_t c = op->inputs; c < op->channels; c++) to[c] = 0;
            }
}

/* Makes dLoss/dx 0 where it is written for the first time. */
static void begin_gradient(const struct net *net, const struct op *op, struct view dx)
{
    if (op->to_first != WRITE) return;
    const int64_t rows = net->batch * op->in_high * op->in_wide;
    const int64_t wide = padded(op->inputs) == dx.stride ? dx.stride : op->inputs;
    for (int64_t r = 0; r < rows; r++)
        memset(dx.at + r * dx.stride, 0, (size_t)wide * sizeof(float));
}

static void zero_pad_back(const struct net *net, const struct op *op, struct view dy)
{
    const struct view dx = gradient(net, op->first);
    const float *from = dy.at;
    if (op->to_first == NOTHING) return;
    begin_gradient(net, op, dx);
    for (int64_t b = 0; b < net->batch; b++)
        for (int64_t i = 0; i < op->high; i++)
            for (int64_t j = 0; j < op->wide; j++, from += dy.stride) {
                const int64_t pixel = (b * op->in_high + i * op->hop) * op->in_wide + j * op->hop;
                float *to = dx.at + pixel * dx.stride;
                for (int64_t c = 0; c < op->inputs; c++) to[c] += from[c];
            }
}

/* ---- pools */

/* One window of a pool: the pixels of the map that lie in it. */
struct window {
    int64_t top, left, bottom, right;
};

static struct window window_at(const struct op *op, int64_t i, int64_t j)
{
    const int64_t top = i * op->hop - op->border, left = j * op->hop - op->border;
    const int64_t bottom = top + op->kernel, right = left + op->kernel;
    return (struct window){top > 0 ? top : 0, left > 0 ? left : 0,
                           bottom < op->in_high ? bottom : op->in_high,
                           right < op->in_wide ? right : op->in_wide};
}

/* For each window of a pool, i and j, its `row` of the output and the `start` of its sample, both
 * counted in pixels. */
#define EACH_WINDOW(net, op) \
    for (int64_t row = 0, b = 0; b < (net)->batch; b++) \
        for (int64_t i = 0, start = b * (op)->in_high * (op)->in_wide; i < (op)->high; i++) \
            for (int64_t j = 0; j < (op)->wide; j++, row++)
#define EACH_PIXEL(op, in) \
    for (int64_t v = (in).top; v < (in).bottom; v++) \
        for (int64_t u = (in).left, pixel = start + v * (op)->in_wide + u; u < (in).right; \
             u++, pixel++)

static void average(const struct net *net, const struct op *op)
{
    const struct view x = output(net, op->first), y = {net->work + op->out, op->stride};
    const int64_t columns = padded(op->channels);
    EACH_WINDOW(net, op) {
        const struct window in = window_at(op, i, j);
        float *to = y.at + row * y.stride;
        const float share = 1.0f / (float)((in.bottom - in.top) * (in.right - in.left));
        for (int64_t c = 0; c < columns; c++) to[c] = 0;
        EACH_PIXEL(op, in)
            for (int64_t c = 0; c < columns; c++) to[c] += x.at[pixel * x.stride + c];
        for (int64_t c = 0; c < columns; c++) to[c] *= share;
    }
}

static void average_back(const struct net *net, const struct op *op, struct view dy)
{
    const struct view dx = gradient(net, op->first);
    if (op->to_first == NOTHING) return;
    begin_gradient(net, op, dx);
    EACH_WINDOW(net, op) {
        const struct window in = window_at(op, i, j);
        const float *from = dy.at + row * dy.stride;
        const float share = 1.0f / (float)((in.bottom - in.top) * (in.right - in.left));
        EACH_PIXEL(op, in)
            for (int64_t c = 0; c < op->channels; c++)
                dx.at[pixel * dx.stride + c] += share * from[c];
    }
}

/* The first of a window's largest numbers, or of its NaNs; its pixel is kept as a number. */
static void largest(const struct net *net, const struct op *op)
{
    const struct view x = output(net, op->first), y = {net->work + op->out, op->stride};
    int32_t *kept = (int32_t *)(net->work + op->room);
    EACH_WINDOW(net, op) {
        const struct window in = window_at(op, i, j);
        for (int64_t c = 0; c < op->channels; c++) {
            int64_t best = start + in.top * op->in_wide + in.left;
            float most = x.at[best * x.stride + c];
            EACH_PIXEL(op, in) {
                const float value = x.at[pixel * x.stride + c];
                if (value > most || (isnan(value) && !isnan(most))) most = value, best = pixel;
            }
            y.at[row * y.stride + c] = most;
            kept[row * op->channels + c] = (int32_t)best;
        }
    }
}

static void largest_back(const struct net *net, const struct op *op, struct view dy)
{
    const struct view dx = gradient(net, op->first);
    const int32_t *kept = (const int32_t *)(net->work + op->room);
    if (op->to_first == NOTHING) return;
    begin_gradient(net, op, dx);
    for (int64_t row = 0; row < rows_of(net, op); row++)
        for (int64_t c = 0; c < op->channels; c++)
            dx.at[kept[row * op->channels + c] * dx.stride + c] += dy.at[row * dy.stride + c];
}
