package audit

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestDescribe(t *testing.T) {
	for _, test := range []struct {
		number  uint32
		variant kernelVariant
		name    string
		class   Class
	}{
		{unix.SYS_READ, kernelVariantPlain, "read", CopiesOut},
		{unix.SYS_RECVFROM, kernelVariantPlain, "recvfrom", CopiesOut},
		{unix.SYS_WRITEV, kernelVariantPlain, "writev", CopiesIn},
		{unix.SYS_SENDMSG, kernelVariantPlain, "sendmsg", CopiesIn},
		{unix.SYS_SENDMSG, kernelVariantFlagged, "sendmsg MSG_ZEROCOPY", ByReference},
		{unix.SYS_SENDMSG, kernelVariantWithDescriptors, "sendmsg with a descriptor", CopiesIn},
		{unix.SYS_SENDTO, kernelVariantFlagged, "sendto MSG_ZEROCOPY", ByReference},
		{unix.SYS_RECVMSG, kernelVariantFlagged, "recvmsg of the error queue", Arranges},
		{unix.SYS_PROCESS_VM_READV, kernelVariantPlain, "process_vm_readv", CopiesAcross},
		{unix.SYS_VMSPLICE, kernelVariantPlain, "vmsplice", ByReference},
		{unix.SYS_SPLICE, kernelVariantPlain, "splice", ByReference},
		{unix.SYS_MREMAP, kernelVariantPlain, "mremap", Remaps},
		{unix.SYS_MREMAP, kernelVariantFlagged, "mremap of a window", RemapsWindow},
		{unix.SYS_FUTEX, kernelVariantPlain, "futex", Waits},
		{unix.SYS_GETRUSAGE, kernelVariantPlain, "getrusage", Accounts},
		{unix.SYS_IO_URING_ENTER, kernelVariantPlain, "io_uring_enter", Unknown},
		{1000, kernelVariantPlain, "system call 1000", Unknown},
	} {
		name, class := describe(test.number, test.variant)
		if name != test.name || class != test.class {
			t.Errorf("call %d, variant %d: %q is %q, want %q, %q", test.number, test.variant, name, class, test.name, test.class)
		}
	}
}

// The kernel's program relies on this.
func TestMovingCallsReturnTheirBytes(t *testing.T) {
	for _, c := range moving {
		copies := c.class == CopiesIn || c.class == CopiesOut || c.class == CopiesAcross || c.class == ByReference
		if copies && c.bytes != returned && c.name != "recvmmsg" && c.name != "sendmmsg" {
			t.Errorf("%s: a call that moves bytes returns how many", c.name)
		}
	}
}
