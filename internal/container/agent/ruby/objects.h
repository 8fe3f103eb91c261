/* Objects: every new one is counted. Between two samples lies a number of them that is drawn anew each time, from a distribution
 * without memory, so that each sample stands for the interval that it was drawn with, whatever the application does and however the
 * interval changes: the sum of what they stand for is what was allocated, in expectation. https://en.wikipedia.org/wiki/Horvitz–Thompson_estimator
 *
 * A stack is kept once, and what was allocated there is added up. A sampled object is kept until it has its final size: it is
 * measured at the look after the next one, or when the samples are many. No Ruby code runs while that is done, so that no other
 * thread does, and nothing is lost. */
#define WAITING 65536
#define BURST 4096
#define MOST_FRAMES 4194304

struct waiting {
    VALUE object, klass;
    unsigned stack;
    int tag;
    double weight;
};

/* What was allocated at a stack, of a class, by a request. */
struct group {
    VALUE klass;
    int tag, next;
    unsigned long samples;
    double objects, bytes, squares, byte_squares;
};

struct stack {
    unsigned long hash;
    size_t first;
    int depth, group, told;
};

static struct {
    long countdown;
    double interval, drawn;
    unsigned long random, seen, taken, burst;
    double missed;
    int exact, over;
    struct timespec deadline;
    size_t waiting, settled, stacks, stack_room, slots, frames, frame_room, groups, group_room;
    struct waiting *list;
    struct stack *stack;
    unsigned *slot;
    VALUE *frame, *scratch_frame;
    int *line, *scratch_line;
    struct group *group;
    /* The functions of all stacks, each once: the collector looks at these. */
    VALUE *function;
    size_t functions, function_slots;
} objects;

/* What the objspace extension calls; it calls no Ruby code. A Ruby without it says nothing of bytes beyond an object's own. */
extern size_t rb_obj_memsize_of(VALUE object) __attribute__((weak));

static void mark_objects(void) {
    size_t i;
    for (i = 0; i < objects.function_slots; i++) if (objects.function[i]) rb_gc_mark(objects.function[i]);
    for (i = 0; i < objects.groups; i++) if (objects.group[i].klass) rb_gc_mark(objects.group[i].klass);
    for (i = 0; i < objects.waiting; i++) {
        if (objects.list[i].object) rb_gc_mark(objects.list[i].object);
        if (objects.list[i].klass) rb_gc_mark(objects.list[i].klass);
    }
}

/* Draws how many objects there are up to the next sample. */
static void draw(void) {
    unsigned long x = objects.random;
    double uniform;
    objects.drawn = objects.interval;
    if (objects.interval <= 1) {
        objects.countdown = 1;
        return;
    }
    /* Marsaglia's xorshift: the application's own random numbers stay as they are. */
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    objects.random = x;
    uniform = ((double)(x >> 11) + 0.5) / 9007199254740992.0;
    objects.countdown = 1 + (long)(log(uniform) / log1p(-1 / objects.interval));
}

static int grow(void **list, size_t *room, size_t needed, size_t size) {
    size_t more = *room;
    void *bigger;
    if (needed <= *room) return 1;
    while (more < needed) more = more ? more * 2 : 1024;
    /* Not Ruby's own, which may collect. */
    bigger = realloc(*list, more * size);
    if (!bigger) return 0;
    *list = bigger, *room = more;
    return 1;
}

static int grow_slots(void) {
    size_t i, more = objects.slots ? objects.slots * 2 : 4096;
    unsigned *slot = calloc(more, sizeof *slot);
    if (!slot) return 0;
    for (i = 0; i < objects.stacks; i++) {
        size_t at = objects.stack[i].hash & (more - 1);
        while (slot[at]) at = (at + 1) & (more - 1);
        slot[at] = (unsigned)i + 1;
    }
    free(objects.slot);
    objects.slot = slot, objects.slots = more;
    return 1;
}

static size_t function_at(VALUE *list, size_t slots, VALUE function) {
    size_t at = (size_t)((function >> 3) * 0x9e3779b97f4a7c15UL >> 20) & (slots - 1);
    while (list[at] && list[at] != function) at = (at + 1) & (slots - 1);
    return at;
}

static int remember(VALUE function) {
    size_t at;
    if (objects.functions * 2 >= objects.function_slots) {
        size_t i, more = objects.function_slots ? objects.function_slots * 2 : 4096;
        VALUE *list = calloc(more, sizeof *list);
        if (!list) return 0;
        for (i = 0; i < objects.function_slots; i++) if (objects.function[i]) list[function_at(list, more, objects.function[i])] = objects.function[i];
        free(objects.function);
        objects.function = list, objects.function_slots = more;
    }
    at = function_at(objects.function, objects.function_slots, function);
    if (!objects.function[at]) objects.function[at] = function, objects.functions++;
    return 1;
}

/* Gives the number of the calling thread's stack; -1 where it is not Ruby's, -2 where there is no room. */
static long stack_of(VALUE trace) {
    VALUE *frame = objects.scratch_frame;
    int *line = objects.scratch_line, depth = rb_profile_frames(0, DEPTH, frame, line), k;
    unsigned long hash = 14695981039346656037UL;
    size_t at, line_room = objects.frame_room;
    struct stack *s;
    if (depth <= 0) return -1;
    if (!line[0]) {
        /* rb_profile_frames does not believe the innermost line of compiled code, since it may be interrupted anywhere. */
        VALUE number = rb_tracearg_lineno(rb_tracearg_from_tracepoint(trace));
        if (depth < 2 || !NIL_P(rb_profile_frame_first_lineno(frame[0]))) line[0] = FIXNUM_P(number) ? FIX2INT(number) : 0;
    }
    /* Fowler, Noll and Vo's hash, by words. */
    for (k = 0; k < depth; k++) hash = (hash ^ (unsigned long)frame[k] ^ (unsigned long)line[k] << 40) * 1099511628211UL, hash ^= hash >> 32;
    if (objects.stacks * 2 >= objects.slots && !grow_slots()) return -2;
    for (at = hash & (objects.slots - 1); objects.slot[at]; at = (at + 1) & (objects.slots - 1)) {
        s = &objects.stack[objects.slot[at] - 1];
        if (s->hash == hash && s->depth == depth && !memcmp(objects.frame + s->first, frame, depth * sizeof *frame) && !memcmp(objects.line + s->first, line, depth * sizeof *line))
            return objects.slot[at] - 1;
    }
    if (objects.frames + depth > MOST_FRAMES || !grow((void **)&objects.stack, &objects.stack_room, objects.stacks + 1, sizeof *objects.stack) ||
        !grow((void **)&objects.line, &line_room, objects.frames + depth, sizeof *objects.line) ||
        !grow((void **)&objects.frame, &objects.frame_room, objects.frames + depth, sizeof *objects.frame)) return -2;
    for (k = 0; k < depth; k++) if (!remember(frame[k])) return -2;
    memcpy(objects.frame + objects.frames, frame, depth * sizeof *frame);
    memcpy(objects.line + objects.frames, line, depth * sizeof *line);
    s = &objects.stack[objects.stacks];
    s->hash = hash, s->first = objects.frames, s->depth = depth, s->group = -1, s->told = 0;
    objects.frames += depth;
    objects.slot[at] = (unsigned)++objects.stacks;
    return (long)objects.stacks - 1;
}

/* Adds samples up, the oldest first. */
static void settle(size_t count) {
    size_t i;
    for (i = 0; i < count; i++) {
        struct waiting *w = &objects.list[i];
        struct stack *s = &objects.stack[w->stack];
        double bytes = w->object && rb_obj_memsize_of ? (double)rb_obj_memsize_of(w->object) : 40;
        struct group *g = 0;
        int at;
        for (at = s->group; at >= 0; at = objects.group[at].next) {
            g = &objects.group[at];
            if (g->klass == w->klass && g->tag == w->tag) break;
        }
        if (at < 0) {
            if (!grow((void **)&objects.group, &objects.group_room, objects.groups + 1, sizeof *objects.group)) {
                objects.missed += w->weight;
                continue;
            }
            g = &objects.group[objects.groups];
            memset(g, 0, sizeof *g);
            g->klass = w->klass, g->tag = w->tag, g->next = s->group;
            s->group = (int)objects.groups++;
        }
        g->samples++, g->objects += w->weight, g->bytes += w->weight * bytes, g->squares += w->weight * w->weight;
        g->byte_squares += w->weight * bytes * w->weight * bytes;
    }
    memmove(objects.list, objects.list + count, (objects.waiting - count) * sizeof *objects.list);
    objects.waiting -= count;
    objects.settled = objects.settled > count ? objects.settled - count : 0;
}

static int past(const struct timespec *moment) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec > moment->tv_sec || (now.tv_sec == moment->tv_sec && now.tv_nsec >= moment->tv_nsec);
}

static void on_object(VALUE trace, void *unused) {
    struct waiting *w;
    double weight = objects.drawn;
    VALUE object;
    long stack;
    if (state.draining || tag == OWN || objects.over) return;
    if (!(++objects.seen & 63) && past(&objects.deadline)) {
        objects.seen--;
        objects.over = 1;
        return;
    }
    if (--objects.countdown > 0) return;
    if (!objects.exact && ++objects.burst % BURST == 0) objects.interval *= 2;
    objects.taken++;
    draw();
    stack = stack_of(trace);
    if (stack == -1) {
        state.foreign += (unsigned long)weight;
        return;
    }
    if (stack < 0 || objects.waiting >= WAITING) {
        objects.missed += weight;
        return;
    }
    object = rb_tracearg_object(rb_tracearg_from_tracepoint(trace));
    w = &objects.list[objects.waiting];
    w->object = object, w->klass = 0, w->stack = (unsigned)stack, w->tag = tag, w->weight = weight;
    switch (RB_BUILTIN_TYPE(object)) {
    case RUBY_T_IMEMO: case RUBY_T_NODE: case RUBY_T_ICLASS: case RUBY_T_NONE: case RUBY_T_ZOMBIE: case RUBY_T_MOVED:
        /* The interpreter's own: what is where others have their class may be anything. */
        w->object = 0;
        break;
    default:
        w->klass = RBASIC(object)->klass;
    }
    objects.waiting++;
    if (objects.waiting > WAITING / 2) drain_later();
}

/* What is done when samples are many: the youngest may not have their final size. */
static void settle_most(void) {
    if (objects.waiting > WAITING / 4) settle(objects.waiting - WAITING / 8);
}

static void write_groups(void) {
    size_t i;
    for (i = 0; i < objects.stacks; i++) {
        struct stack *s = &objects.stack[i];
        int at;
        for (at = s->group; at >= 0; at = objects.group[at].next) {
            struct group *g = &objects.group[at];
            if (!g->samples) continue;
            if (!s->told) write_stack(i + 1, objects.frame + s->first, objects.line + s->first, s->depth), s->told = 1;
            write_samples(g->klass, (double[]){g->samples, g->objects, g->bytes, g->squares, g->byte_squares}, g->tag, i + 1);
            g->samples = 0, g->objects = g->bytes = g->squares = g->byte_squares = 0;
        }
    }
}

/* A look: what was there at the last one has its final size by now, and the interval is what is wanted next; 0 leaves it. */
static void look(int all, double interval) {
    settle(all ? objects.waiting : objects.settled);
    write_groups();
    objects.settled = objects.waiting;
    objects.burst = 0;
    if (interval >= 1 && !objects.exact) objects.interval = interval;
}

static void free_objects(void) {
    free(objects.list), free(objects.stack), free(objects.slot), free(objects.frame), free(objects.line), free(objects.group), free(objects.function), free(objects.scratch_frame), free(objects.scratch_line);
    memset(&objects, 0, sizeof objects);
}

static void allocate_objects(double interval, double seconds) {
    struct timespec now;
    free_objects();
    objects.list = malloc(WAITING * sizeof *objects.list);
    objects.scratch_frame = malloc(DEPTH * sizeof *objects.scratch_frame);
    objects.scratch_line = malloc(DEPTH * sizeof *objects.scratch_line);
    if (!objects.list || !objects.scratch_frame || !objects.scratch_line || !grow_slots()) {
        free_objects();
        rb_raise(rb_eNoMemError, "no memory for the samples");
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    objects.random = (unsigned long)now.tv_nsec ^ 0x9e3779b97f4a7c15UL;
    objects.interval = interval, objects.exact = interval <= 1;
    objects.deadline.tv_sec = now.tv_sec + (time_t)seconds;
    objects.deadline.tv_nsec = now.tv_nsec + (long)((seconds - (double)(time_t)seconds) * 1e9);
    if (objects.deadline.tv_nsec >= 1000000000) objects.deadline.tv_nsec -= 1000000000, objects.deadline.tv_sec++;
    draw();
}
