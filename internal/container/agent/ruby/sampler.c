/* Samples where a process of Ruby spends its processor time, or what it allocates, with the stacks: for agent.rb, which
 * loads it when a capture is asked for, and never before. Compiled for the image's Ruby while the image is built.
 *
 * Time: ITIMER_PROF has the kernel send SIGPROF to the thread that runs; its stack is copied in the handler, with nothing
 * that allocates or locks (rb_profile_frames only reads the stack of the calling thread).
 * Objects: see objects.h.
 *
 * Samples wait in a buffer, whose frames and objects the garbage collector is told of. Lines are made of it:
 *   f ID LABEL PATH FIRST-LINE      a function, when it is first met
 *   c ID NAME                       a class, likewise
 *   k STACK ID:LINE ...             a stack, likewise, the innermost function first
 *   s CLASS SAMPLES OBJECTS BYTES SQUARES SQUARES TAG STACK
 *                                   samples: what they stand for, and the sums of the squares of the objects and bytes for which each
 *                                   stands, by which the error is known
 * Fields are divided by tabs; the samples of a collection in progress are only counted. */
#include <ruby/ruby.h>
#include <ruby/debug.h>
#include <ruby/thread.h>
#include <ruby/version.h>
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#define DEPTH 300
#define SAMPLES 65536

int ruby_native_thread_p(void);

struct sample {
    int depth, tag;
    size_t first;
};

enum mode { OFF, TIME, OBJECTS };

static struct {
    enum mode mode;
    VALUE tracepoint, text;
    int draining;
    size_t samples, frames, capacity, told;
    struct sample *sample;
    VALUE *frame;
    int *line;
    st_table *ids;
    unsigned long dropped, collecting, foreign, seen;
    double missed;
    struct sigaction before;
    unsigned int job;
} state;

static atomic_flag busy = ATOMIC_FLAG_INIT;
/* What the thread is busy with, as agent.rb numbers it; OWN for the agent's own threads, which are not looked at. It is in
 * the memory that a thread is born with: else its first use allocates, and that may be in the handler, which has just
 * interrupted an allocation (https://maskray.me/blog/2021-02-14-all-about-thread-local-storage). */
static __thread int tag __attribute__((tls_model("initial-exec")));
#define OWN -1

static void drain_later(void);
static void write_stack(size_t number, VALUE *frame, int *line, int depth);
static void write_samples(VALUE klass, const double *sums, int of, size_t stack);

#include "objects.h"

static int mark_key(st_data_t key, st_data_t value, st_data_t unused) {
    rb_gc_mark((VALUE)key);
    return ST_CONTINUE;
}

/* Everything that is waiting is marked, and with that pinned. */
static void mark(void *unused) {
    size_t i, frames = state.frames;
    rb_gc_mark(state.tracepoint);
    rb_gc_mark(state.text);
    if (state.ids) st_foreach(state.ids, mark_key, 0);
    for (i = 0; i < frames; i++) rb_gc_mark(state.frame[i]);
    mark_objects();
}

static const rb_data_type_t guard_type = {"GantryAgent::Sampler", {mark, 0, 0}, 0, 0, 0};

/* Copies the stack of the calling thread. */
static void take(void) {
    struct sample *s;
    int depth;
    if (state.samples >= SAMPLES || state.frames + DEPTH > state.capacity) {
        state.dropped++;
        return;
    }
    depth = rb_profile_frames(0, DEPTH, state.frame + state.frames, state.line + state.frames);
    if (depth <= 0) {
        state.foreign++;
        return;
    }
    s = &state.sample[state.samples];
    s->depth = depth, s->tag = tag, s->first = state.frames;
    /* The collector may look from another thread: what it reads is complete before it is counted. */
    atomic_thread_fence(memory_order_release);
    state.frames += depth;
    state.samples++;
}

static void on_time(int number) {
    int kept = errno;
    if (!atomic_flag_test_and_set(&busy)) {
        if (state.mode != TIME || tag == OWN) {
        } else if (!ruby_native_thread_p()) {
            state.foreign++;
        } else if (rb_during_gc()) {
            state.collecting++;
        } else {
            take();
        }
        atomic_flag_clear(&busy);
    } else {
        state.dropped++;
    }
    errno = kept;
}

static void append(VALUE text, VALUE string) {
    const char *at = RSTRING_PTR(string);
    long i, length = RSTRING_LEN(string);
    for (i = 0; i < length; i++) {
        char c = at[i];
        if (c == '\t' || c == '\n' || c == '\r') c = ' ';
        rb_str_cat(text, &c, 1);
    }
}

static VALUE class_name(VALUE klass) {
    VALUE real = rb_class_real(klass);
    return real ? rb_class_path(real) : rb_str_new_cstr("(internal)");
}

/* Gives the number of a function or a class, and writes its line when it is new. */
static unsigned long id_of(VALUE value, int is_class) {
    st_data_t known;
    char head[64];
    unsigned long id;
    VALUE path, label;
    if (st_lookup(state.ids, (st_data_t)value, &known)) return (unsigned long)known;
    id = state.ids->num_entries + 1;
    st_insert(state.ids, (st_data_t)value, (st_data_t)id);
    snprintf(head, sizeof head, "%c\t%lu\t", is_class ? 'c' : 'f', id);
    label = is_class ? class_name(value) : rb_profile_frame_full_label(value);
    path = is_class ? Qnil : rb_profile_frame_absolute_path(value);
    if (!is_class && NIL_P(path)) path = rb_profile_frame_path(value);
    rb_str_cat_cstr(state.text, head);
    append(state.text, RB_TYPE_P(label, T_STRING) ? label : rb_str_new_cstr("(unknown)"));
    if (!is_class) {
        VALUE first = rb_profile_frame_first_lineno(value);
        rb_str_cat_cstr(state.text, "\t");
        if (RB_TYPE_P(path, T_STRING)) append(state.text, path);
        snprintf(head, sizeof head, "\t%d", FIXNUM_P(first) ? FIX2INT(first) : 0);
        rb_str_cat_cstr(state.text, head);
    }
    rb_str_cat_cstr(state.text, "\n");
    RB_GC_GUARD(label);
    RB_GC_GUARD(path);
    return id;
}

static void write_stack(size_t number, VALUE *frame, int *line, int depth) {
    char part[64];
    VALUE text = rb_str_buf_new(depth * 10 + 80);
    int k;
    snprintf(part, sizeof part, "k\t%zu\t", number);
    rb_str_cat_cstr(text, part);
    for (k = 0; k < depth; k++) {
        /* It may write a line of its own. */
        snprintf(part, sizeof part, k ? " %lu:%d" : "%lu:%d", id_of(frame[k], 0), line[k]);
        rb_str_cat_cstr(text, part);
    }
    rb_str_cat_cstr(text, "\n");
    rb_str_append(state.text, text);
}

static void write_samples(VALUE klass, const double *sums, int of, size_t stack) {
    char part[240];
    unsigned long class_id = klass ? id_of(klass, 1) : 0;
    snprintf(part, sizeof part, "s\t%lu\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%d\t%zu\n", class_id, sums[0], sums[1], sums[2], sums[3], sums[4], of, stack);
    rb_str_cat_cstr(state.text, part);
}

static VALUE write_times(VALUE unused) {
    size_t i;
    for (i = 0; i < state.samples; i++) {
        struct sample *s = &state.sample[i];
        write_stack(++state.told, state.frame + s->first, state.line + s->first, s->depth);
        write_samples(0, (double[]){1, 0, 0, 0, 0}, s->tag, state.told);
    }
    return Qnil;
}

static VALUE emptied(VALUE unused) {
    state.samples = state.frames = 0;
    state.draining = 0;
    atomic_flag_clear(&busy);
    return Qnil;
}

/* Writes what the timer has sampled. */
static void drain(void) {
    if (state.draining) return;
    /* The handler drops what it meets meanwhile. */
    while (atomic_flag_test_and_set(&busy)) sched_yield();
    state.draining = 1;
    rb_ensure(write_times, Qnil, emptied, Qnil);
}

static void drain_job(void *unused) {
    if (state.mode == OBJECTS && !state.draining) settle_most();
}

#if RUBY_API_VERSION_MAJOR > 3 || RUBY_API_VERSION_MINOR >= 3
static void drain_later(void) { rb_postponed_job_trigger(state.job); }
static void prepare_job(void) { state.job = rb_postponed_job_preregister(0, drain_job, 0); }
#else
static void drain_later(void) { rb_postponed_job_register_one(0, drain_job, 0); }
static void prepare_job(void) {}
#endif

static void begin(void) {
    state.samples = state.frames = state.told = 0;
    state.dropped = state.collecting = state.foreign = 0;
    state.text = rb_str_new(0, 0);
    state.ids = st_init_numtable();
    state.draining = 0;
    atomic_flag_clear(&busy);
}

static void allocate(size_t frames) {
    state.capacity = frames;
    state.sample = malloc(SAMPLES * sizeof *state.sample);
    state.frame = malloc(frames * sizeof *state.frame);
    state.line = malloc(frames * sizeof *state.line);
    if (!state.sample || !state.frame || !state.line) {
        free(state.sample), free(state.frame), free(state.line);
        state.sample = 0, state.frame = 0, state.line = 0;
        rb_raise(rb_eNoMemError, "no memory for the samples");
    }
}

static void idle_only(void) {
    if (state.mode != OFF) rb_raise(rb_eRuntimeError, "another capture is under way");
}

/* start_time(microseconds) */
static VALUE start_time(VALUE self, VALUE every) {
    struct sigaction action;
    struct itimerval timer;
    long us = NUM2LONG(every);
    idle_only();
    sigaction(SIGPROF, 0, &state.before);
    if ((state.before.sa_flags & SA_SIGINFO) || (state.before.sa_handler != SIG_DFL && state.before.sa_handler != SIG_IGN)) {
        rb_raise(rb_eRuntimeError, "the application handles SIGPROF: another profiler is running in it");
    }
    allocate(262144);
    begin();
    state.mode = TIME;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_time;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGPROF, &action, 0);
    timer.it_interval.tv_sec = us / 1000000, timer.it_interval.tv_usec = us % 1000000;
    timer.it_value = timer.it_interval;
    setitimer(ITIMER_PROF, &timer, 0);
    return Qnil;
}

/* start_objects(interval, seconds): 1 for every object; later ones are not looked at */
static VALUE start_objects(VALUE self, VALUE interval, VALUE seconds) {
    idle_only();
    allocate_objects(NUM2DBL(interval), NUM2DBL(seconds));
    begin();
    state.mode = OBJECTS;
    if (NIL_P(state.tracepoint)) state.tracepoint = rb_tracepoint_new(Qnil, RUBY_INTERNAL_EVENT_NEWOBJ, on_object, 0);
    rb_tracepoint_enable(state.tracepoint);
    return Qnil;
}

/* take(interval): what there is since the last time; of objects, sampled with this interval from now on */
static VALUE take_text(VALUE self, VALUE interval) {
    VALUE text;
    if (state.mode == OFF) return rb_str_new(0, 0);
    if (state.mode == TIME) {
        drain();
    } else {
        state.draining = 1;
        look(NIL_P(interval), NIL_P(interval) ? 0 : NUM2DBL(interval));
        state.draining = 0;
    }
    text = state.text;
    state.text = rb_str_new(0, 0);
    return text;
}

static void quiet(void) {
    struct itimerval never;
    memset(&never, 0, sizeof never);
    if (state.mode == TIME) {
        setitimer(ITIMER_PROF, &never, 0);
        /* Not as it was before: one that is already on its way would end the process. */
        signal(SIGPROF, SIG_IGN);
    } else if (state.mode == OBJECTS) {
        rb_tracepoint_disable(state.tracepoint);
    }
}

/* stop: gives the last lines */
static VALUE stop(VALUE self) {
    VALUE text;
    if (state.mode == OFF) return rb_str_new(0, 0);
    quiet();
    while (state.draining) rb_thread_schedule();
    text = take_text(self, Qnil);
    state.mode = OFF;
    state.seen = objects.seen, state.missed = objects.missed;
    while (atomic_flag_test_and_set(&busy)) sched_yield();
    free_objects();
    free(state.sample), free(state.frame), free(state.line);
    state.sample = 0, state.frame = 0, state.line = 0, state.samples = state.frames = 0;
    st_free_table(state.ids);
    state.ids = 0;
    state.text = Qnil;
    atomic_flag_clear(&busy);
    return text;
}

/* forked: in a new process, whose parent may have been in the middle of anything */
static VALUE forked(VALUE self) {
    if (state.mode == OFF) return Qnil;
    if (state.mode == OBJECTS) rb_tracepoint_disable(state.tracepoint);
    state.mode = OFF;
    state.samples = state.frames = 0;
    state.draining = 0;
    state.ids = 0;
    state.text = Qnil;
    free_objects();
    atomic_flag_clear(&busy);
    return Qnil;
}

/* quiet: before the process becomes another program, which the timer would end */
static VALUE quiet_now(VALUE self) {
    quiet();
    return Qnil;
}

/* counts: [objects seen, those for which there was no room, samples dropped, while collecting, of other threads than Ruby's, of objects] */
static VALUE counts(VALUE self) {
    int running = state.mode == OBJECTS;
    return rb_ary_new_from_args(6, ULONG2NUM(running ? objects.seen : state.seen), ULONG2NUM((unsigned long)(running ? objects.missed : state.missed)),
                                ULONG2NUM(state.dropped), ULONG2NUM(state.collecting), ULONG2NUM(state.foreign), ULONG2NUM(running ? objects.taken : 0));
}

/* tag=: what the calling thread is busy with */
static VALUE set_tag(VALUE self, VALUE number) {
    tag = NUM2INT(number);
    return number;
}

void Init_gantry_sampler(void) {
    VALUE agent = rb_define_module("GantryAgent"), module = rb_define_module_under(agent, "Sampler");
    state.tracepoint = Qnil;
    state.text = Qnil;
    rb_gc_register_mark_object(TypedData_Wrap_Struct(rb_cObject, &guard_type, &state));
    prepare_job();
    rb_define_singleton_method(module, "start_time", start_time, 1);
    rb_define_singleton_method(module, "start_objects", start_objects, 2);
    rb_define_singleton_method(module, "take", take_text, 1);
    rb_define_singleton_method(module, "stop", stop, 0);
    rb_define_singleton_method(module, "forked", forked, 0);
    rb_define_singleton_method(module, "quiet", quiet_now, 0);
    rb_define_singleton_method(module, "counts", counts, 0);
    rb_define_singleton_method(module, "tag=", set_tag, 1);
}
