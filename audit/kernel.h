// SPDX-License-Identifier: MIT OR GPL-2.0-only
//
// What counts.c needs of the headers of the kernel and of libbpf. Of the kernel's structs
// only members that are read are here: preserve_access_index has the loader find them by
// name among the types of the kernel that runs, so neither order nor offsets matter.

typedef unsigned char __u8;
typedef int __s32;
typedef unsigned int __u32;
typedef unsigned long long __u64;

#define SEC(name) __attribute__((section(name), used))
#define core __attribute__((preserve_access_index))
#define inlined static inline __attribute__((always_inline))

// A hash map, as loaders read it from the types in .maps; numbers of include/uapi/linux/bpf.h.
#define HASH(name, keys, values, size)                                           \
	struct {                                                                     \
		int (*type)[1];                                                          \
		int (*max_entries)[size];                                                \
		keys *key;                                                               \
		values *value;                                                           \
	} name SEC(".maps")
#define BPF_NOEXIST 1

// Helpers have the numbers of ___BPF_FUNC_MAPPER in the same file.
static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const bpf_map_update_elem)(void *map, const void *key, const void *value, __u64 flags) = (void *)2;
static __u64 (*const bpf_get_current_pid_tgid)(void) = (void *)14;
static long (*const bpf_probe_read_user)(void *to, __u32 size, const void *from) = (void *)112;

struct task_struct { // include/linux/sched.h
	__s32 tgid;
} core;

// struct pt_regs of either processor: what follows ___ is not part of the name.
struct pt_regs___x86 { // arch/x86/include/asm/ptrace.h
	__u64 r10, bx, cx, dx, si, orig_ax, sp;
} core;

struct pt_regs___arm64 { // arch/arm64/include/asm/ptrace.h
	__u64 regs[31], sp;
	__s32 syscallno;
} core;

#define BPF_FIELD_EXISTS 2
#define ON_X86 __builtin_preserve_field_info(((struct pt_regs___x86 *)0)->orig_ax, BPF_FIELD_EXISTS)
// The empty assembly keeps the compiler from loading both by one instruction, from an offset
// that it computes: the kernel refuses that for the context of a program.
#define REGISTER(regs, x86, arm64)                                               \
	({                                                                           \
		__u64 value;                                                             \
		if (ON_X86) {                                                            \
			value = ((struct pt_regs___x86 *)(regs))->x86;                       \
			asm volatile("" : "+r"(value));                                      \
		} else {                                                                 \
			value = ((struct pt_regs___arm64 *)(regs))->arm64;                   \
		}                                                                        \
		value;                                                                   \
	})

struct user_msghdr { // include/linux/socket.h, for 64 bits
	void *name;
	__s32 namelen;
	void *iov;
	__u64 iovlen;
	void *control;
	__u64 controllen;
};

struct sock_extended_err { // include/uapi/linux/errqueue.h
	__u32 error;
	__u8 origin, type, code, pad;
	__u32 info, data;
};

#define SO_EE_ORIGIN_ZEROCOPY 5 // include/uapi/linux/errqueue.h
#define SOL_SOCKET 1            // include/uapi/asm-generic/socket.h
#define SCM_RIGHTS 1            // include/linux/socket.h
#define CLONE_THREAD 0x10000    // include/uapi/linux/sched.h
#define GFP_MOVABLE 0x08        // include/linux/gfp_types.h
#define MAX_ERRNO 4095          // include/linux/err.h
