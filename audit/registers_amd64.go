package audit

// Offsets in struct pt_regs, arch/x86/include/asm/ptrace.h, and the calling conventions:
// of system calls in syscall(2), of C in the System V ABI, of Go in
// cmd/compile/abi-internal.md.
var registers = struct {
	callArguments     [6]int16
	cThird            int16
	goSecond, goThird int16
	stackPointer      int16
	supported         bool
}{
	callArguments: [6]int16{112, 104, 96, 56, 72, 64},
	cThird:        96,
	goSecond:      40,
	goThird:       88,
	stackPointer:  152,
	supported:     true,
}
