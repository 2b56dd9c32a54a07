package audit

// Offsets in struct user_pt_regs, arch/arm64/include/uapi/asm/ptrace.h, which pt_regs
// begins with, and the calling conventions: of system calls in syscall(2), of C in AAPCS64,
// of Go in cmd/compile/abi-internal.md.
var registers = struct {
	callArguments     [6]int16
	cThird            int16
	goSecond, goThird int16
	stackPointer      int16
	supported         bool
}{
	callArguments: [6]int16{0, 8, 16, 24, 32, 40},
	cThird:        16,
	goSecond:      8,
	goThird:       16,
	stackPointer:  248,
	supported:     true,
}
