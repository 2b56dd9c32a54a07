//go:build linux

package audit

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestDescribe(t *testing.T) {
	for _, test := range []struct {
		number, variant uint32
		name            string
		class           Class
	}{
		{unix.SYS_READ, plain, "read", CopiesOut},
		{unix.SYS_RECVFROM, plain, "recvfrom", CopiesOut},
		{unix.SYS_WRITEV, plain, "writev", CopiesIn},
		{unix.SYS_SENDMSG, plain, "sendmsg", CopiesIn},
		{unix.SYS_SENDMSG, flagged, "sendmsg MSG_ZEROCOPY", ByReference},
		{unix.SYS_SENDMSG, withDescriptors, "sendmsg with a descriptor", CopiesIn},
		{unix.SYS_SENDTO, flagged, "sendto MSG_ZEROCOPY", ByReference},
		{unix.SYS_RECVMSG, flagged, "recvmsg of the error queue", Arranges},
		{unix.SYS_PROCESS_VM_READV, plain, "process_vm_readv", CopiesAcross},
		{unix.SYS_VMSPLICE, plain, "vmsplice", ByReference},
		{unix.SYS_SPLICE, plain, "splice", ByReference},
		{unix.SYS_MREMAP, plain, "mremap", Remaps},
		{unix.SYS_FUTEX, plain, "futex", Waits},
		{unix.SYS_GETRUSAGE, plain, "getrusage", Accounts},
		{unix.SYS_IO_URING_ENTER, plain, "io_uring_enter", Unknown},
		{1000, plain, "system call 1000", Unknown},
	} {
		name, class := describe(test.number, test.variant)
		if name != test.name || class != test.class {
			t.Errorf("call %d, variant %d: %q is %q, want %q, %q", test.number, test.variant, name, class, test.name, test.class)
		}
	}
}

// TestTable checks what the kernel's program relies on.
func TestTable(t *testing.T) {
	names, numbers := make(map[string]bool), make(map[uint32]bool)
	for _, c := range calls() {
		if names[c.name] || numbers[c.number] {
			t.Errorf("%s, number %d, is there twice", c.name, c.number)
		}
		names[c.name], numbers[c.number] = true, true
		if c.number >= highestCall {
			t.Errorf("%s: number %d is beyond the kernel's table", c.name, c.number)
		}
		if c.class == "" || c.bytes > 7 || c.flags > 7 {
			t.Errorf("%s: class %q, bytes from %d, flags in %d", c.name, c.class, c.bytes, c.flags)
		}
		if flagged := c.flags != nothing; flagged != (c.mask != 0) || flagged != (c.variant != "") || flagged != (c.variantClass != "") {
			t.Errorf("%s: flags, mask, variant and its class belong together", c.name)
		}
		copies := c.class == CopiesIn || c.class == CopiesOut || c.class == CopiesAcross || c.class == ByReference
		if told := c.bytes == result; copies && !told && c.name != "recvmmsg" && c.name != "sendmmsg" {
			t.Errorf("%s: a call that moves bytes returns how many", c.name)
		}
	}
}
