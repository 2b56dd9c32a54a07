// A command (WASI preview 1, without libc) that says hello, or does what its first argument says:
//
//	env         prints its environment
//	arguments   prints its arguments
//	cat         copies standard input to standard output
//	complain    says hello on standard error
//	exit N      exits with status N
//	fill        takes and writes memory until it gets no more
//	loop        computes for ever
//	sleep       waits for an hour
//	trap        traps

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

struct vector {
	const void *base;
	u32 length;
};

#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))

WASI(args_get) u32 args_get(char **arguments, char *buffer);
WASI(args_sizes_get) u32 args_sizes_get(u32 *count, u32 *length);
WASI(environ_get) u32 environ_get(char **environment, char *buffer);
WASI(environ_sizes_get) u32 environ_sizes_get(u32 *count, u32 *length);
WASI(fd_read) u32 fd_read(u32 from, const struct vector *vectors, u32 count, u32 *length);
WASI(fd_write) u32 fd_write(u32 to, const struct vector *vectors, u32 count, u32 *length);
WASI(poll_oneoff) u32 poll_oneoff(const void *subscriptions, void *events, u32 count, u32 *got);
WASI(proc_exit) _Noreturn void proc_exit(u32 status);

static char *pointers[256];
static char buffer[16384];

static u32 length(const char *text) {
	u32 n = 0;
	while (text[n])
		n++;
	return n;
}

static int equal(const char *a, const char *b) {
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static void write_all(u32 to, const char *text, u32 n) {
	while (n > 0) {
		u32 written = 0;
		struct vector vector = {text, n};
		if (fd_write(to, &vector, 1, &written) != 0)
			proc_exit(74);
		text += written;
		n -= written;
	}
}

static void print(u32 to, const char *text) { write_all(to, text, length(text)); }

static void print_all(u32 count) {
	for (u32 i = 0; i < count; i++) {
		print(1, pointers[i]);
		print(1, "\n");
	}
}

static void cat(void) {
	for (;;) {
		u32 n = 0;
		struct vector vector = {buffer, sizeof buffer};
		if (fd_read(0, &vector, 1, &n) != 0)
			proc_exit(74);
		if (n == 0)
			return;
		write_all(1, buffer, n);
	}
}

static void fill(void) {
	for (;;) {
		u32 page = __builtin_wasm_memory_grow(0, 16);
		if (page == (u32)-1)
			proc_exit(12);
		for (u32 at = 0; at < 16 << 16; at += 4096)
			*(volatile u8 *)((page << 16) + at) = 1;
	}
}

static void sleep(void) {
	struct {
		u64 userdata;
		u64 kind;
		u64 clock, timeout, precision, flags;
	} subscription = {0, 0, 1, 3600000000000ull, 0, 0};
	u8 event[32];
	u32 got;
	poll_oneoff(&subscription, event, 1, &got);
}

static u32 number(const char *text) {
	u32 n = 0;
	while (*text >= '0' && *text <= '9')
		n = 10 * n + (u32)(*text++ - '0');
	return n;
}

__attribute__((export_name("_start"))) void start(void) {
	u32 count = 0, size = 0;
	if (args_sizes_get(&count, &size) != 0 || count > 256 || size > sizeof buffer || args_get(pointers, buffer) != 0)
		proc_exit(64);
	const char *does = count > 1 ? pointers[1] : "hello";
	if (equal(does, "hello")) {
		print(1, "hello\n");
	} else if (equal(does, "env")) {
		if (environ_sizes_get(&count, &size) != 0 || count > 256 || size > sizeof buffer || environ_get(pointers, buffer) != 0)
			proc_exit(64);
		print_all(count);
	} else if (equal(does, "arguments")) {
		print_all(count);
	} else if (equal(does, "cat")) {
		cat();
	} else if (equal(does, "complain")) {
		print(2, "hello\n");
	} else if (equal(does, "exit") && count > 2) {
		proc_exit(number(pointers[2]));
	} else if (equal(does, "fill")) {
		fill();
	} else if (equal(does, "loop")) {
		for (volatile u32 n = 0;; n++) {
		}
	} else if (equal(does, "sleep")) {
		sleep();
	} else if (equal(does, "trap")) {
		__builtin_trap();
	} else {
		print(2, "hello: see hello.c\n");
		proc_exit(64);
	}
}
