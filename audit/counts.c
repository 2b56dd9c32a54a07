//go:build ignore

// SPDX-License-Identifier: MIT OR GPL-2.0-only (the kernel's "Dual MIT/GPL")
//
// Counts, in the kernel, what the processes of a hand-off do while it lasts. The arguments of
// a tracepoint, ctx[0] and on, are those of TP_PROTO in the file of include/trace/events that
// is named beside it.

#include "kernel.h"

// bpf_probe_read_user is for compatible licenses, Documentation/bpf/bpf_licensing.rst.
char __license[] SEC("license") = "Dual MIT/GPL";

enum event {
	system_call,  // detail: its number
	copy,         // in user space; detail: 1 from 1 KiB on
	completion,   // what the kernel says of sends with MSG_ZEROCOPY; detail: ee_code
	kernel_pages, // that the kernel takes for itself, socket buffers above all
	user_pages,   // that become part of a process' memory
	fault,
	task_switch,  // detail: 1 for one that was forced
};

// What the source's shim is doing, which is the clock of all: nothing is counted before the
// first recorded round and in rounds that are not recorded.
enum phase { off, around, handing_over };

// Calls are counted apart when they have one of certain flags, or send descriptors.
enum variant { plain, flagged, with_descriptors };

struct key {
	__u32 process;
	enum event event;
	enum phase phase;
	enum variant variant;
	__u32 detail;
};

struct sum { __u64 count, bytes, failed; };

// What there is to know of a system call.
enum place { nowhere, returned, second_argument, third_argument, fourth_argument };
enum look { for_nothing, for_descriptors, for_completions, for_parent };

struct call {
	enum place bytes, flags; // where it tells them
	__u32 mask;              // of flags that make it flagged
	enum look look;
};

HASH(participants, __u32, __u32, 1 << 14); // a process to its family: the shim that it descends from
HASH(calls, __u32, struct call, 1 << 10);
HASH(sums, struct key, struct sum, 1 << 16);
enum phase now;
__u64 handoffs;

inlined __u32 process(void) { return bpf_get_current_pid_tgid() >> 32; }

inlined __u32 *family(void) {
	__u32 pid = process();
	return bpf_map_lookup_elem(&participants, &pid);
}

inlined struct sum *add(enum event event, enum variant variant, __u32 detail, __u64 bytes) {
	struct key key = {process(), event, now, variant, detail};
	struct sum none = {};
	if (key.phase == off || !family()) return 0;
	struct sum *sum = bpf_map_lookup_elem(&sums, &key);
	if (!sum) {
		// Another processor may be first, and have counted: BPF_NOEXIST keeps that.
		bpf_map_update_elem(&sums, &key, &none, BPF_NOEXIST);
		if (!(sum = bpf_map_lookup_elem(&sums, &key))) return 0;
	}
	__sync_fetch_and_add(&sum->count, 1);
	__sync_fetch_and_add(&sum->bytes, bytes);
	return sum;
}

inlined int count(enum event event, __u32 detail, __u64 bytes) {
	add(event, plain, detail, bytes);
	return 0;
}

inlined __u64 told(void *regs, long result, enum place place) {
	switch (place) {
	case returned: return result;
	case second_argument: return REGISTER(regs, si, regs[1]);
	case third_argument: return REGISTER(regs, dx, regs[2]);
	case fourth_argument: return REGISTER(regs, r10, regs[3]);
	default: return 0;
	}
}

struct control { // cmsg(3)
	__u64 length;
	__s32 level, type;
	struct sock_extended_err error;
};

// read_control reads the first control message of a message as far as there is one.
inlined void read_control(void *from, struct control *into) {
	struct user_msghdr message = {};
	bpf_probe_read_user(&message, sizeof message, from);
	__u64 length = message.controllen;
	if (length > sizeof *into) length = sizeof *into;
	bpf_probe_read_user(into, length, message.control);
}

// When a call ends the registers still hold all of its arguments but the first, and its
// number: syscall_get_arguments, syscall_get_nr in arch/*/include/asm/syscall.h. Only
// rt_sigreturn has replaced them; the number is -1 then.
SEC("tp_btf/sys_exit") // syscalls.h
int leave_call(__u64 *ctx) {
	void *regs = (void *)ctx[0];
	long result = ctx[1];
	if (now == off || !family()) return 0;
	int failed = result < 0 && result >= -MAX_ERRNO;
	__u32 number = REGISTER(regs, orig_ax, syscallno);
	enum variant variant = plain;
	__u64 bytes = 0;
	struct control control = {};
	struct call *call = bpf_map_lookup_elem(&calls, &number);
	if (call) {
		// clone(2) returns to the child too.
		if (call->look == for_parent && result == 0) return 0;
		if (!failed) bytes = told(regs, result, call->bytes);
		if (told(regs, result, call->flags) & call->mask) variant = flagged;
		if (call->look == for_descriptors || (call->look == for_completions && variant == flagged && !failed))
			read_control((void *)told(regs, result, second_argument), &control);
		if (control.level == SOL_SOCKET && control.type == SCM_RIGHTS && variant == plain) variant = with_descriptors;
		// Sends from info to data, Documentation/networking/msg_zerocopy.rst.
		if (control.error.origin == SO_EE_ORIGIN_ZEROCOPY && variant == flagged)
			count(completion, control.error.code, control.error.data - control.error.info + 1);
	}
	struct sum *sum = add(system_call, variant, number, bytes);
	if (sum && failed) __sync_fetch_and_add(&sum->failed, 1);
	return 0;
}

SEC("tp_btf/task_newtask") // task.h
int follow(__u64 *ctx) {
	__u32 *parents = family(), pid = ((struct task_struct *)ctx[0])->tgid;
	if (parents && !(ctx[1] & CLONE_THREAD)) bpf_map_update_elem(&participants, &pid, parents, 0);
	return 0;
}

SEC("tp_btf/sched_switch") // sched.h; in the task that stops running
int switch_task(__u64 *ctx) { return count(task_switch, ctx[0] & 1, 0); }

// Only memory of processes and files is movable.
SEC("tp_btf/mm_page_alloc") // kmem.h
int take_pages(__u64 *ctx) { return count(ctx[2] & GFP_MOVABLE ? user_pages : kernel_pages, 0, 1ULL << (ctx[1] & 31)); }

// Faults of the kernel at its own addresses, which have the highest bit, do not count.
inlined int fault_at(__u64 address) { return address >> 63 ? 0 : count(fault, 0, 0); }

SEC("tp_btf/page_fault_user") // exceptions.h
int fault_user(__u64 *ctx) { return fault_at(ctx[0]); }

SEC("tp_btf/page_fault_kernel") // exceptions.h
int fault_kernel(__u64 *ctx) { return fault_at(ctx[0]); }

inlined int copied(__u64 bytes) { return count(copy, bytes >= 1024, bytes); }

// runtime.memmove(to, from, n), which Go's copy and wazero's memory.copy call. Registers:
// cmd/compile/abi-internal.md.
SEC("uprobe")
int copy_go(void *regs) { return copied(REGISTER(regs, cx, regs[2])); }

// memcpy and memmove of the C library. Registers: System V ABI, AAPCS64.
SEC("uprobe")
int copy_libc(void *regs) { return copied(REGISTER(regs, dx, regs[2])); }

// memory's copyGroups(dst, src *byte, groups uintptr), 16 KiB a group. Arguments lie on
// the stack above the address of return: ABI0, "A Quick Guide to Go's Assembler".
SEC("uprobe")
int copy_bulk(void *regs) {
	__u64 groups = 0;
	bpf_probe_read_user(&groups, sizeof groups, (void *)(REGISTER(regs, sp, sp) + 24));
	return copied(groups << 14);
}

// (*watched).enter(round int, sending bool) of the source's shim, shim/watch.go. A Go function
// is entered once more when its stack had to grow, or its goroutine had to wait, at its beginning.
SEC("uprobe")
int enter_step(void *regs) {
	long long round = REGISTER(regs, bx, regs[1]);
	__u8 sending = REGISTER(regs, cx, regs[2]);
	if (!family()) return 0;
	if (round >= 0 && sending && now != handing_over) handoffs++;
	now = round < 0 ? off : sending ? handing_over : around;
	return 0;
}

SEC("uprobe") // (*watched).leave()
int leave_step(void *regs) {
	if (regs && now != off) now = around;
	return 0;
}
