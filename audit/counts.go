package audit

// what is counted. The kernel's programs use these numbers.
type what uint32

const (
	systemCall what = iota + 1
	// goCopy is runtime.memmove, which the copy of Go and wazero's memory.copy call.
	goCopy
	// bulkCopy is the copy of transport/bulk.
	bulkCopy
	// libcCopy is memcpy and memmove of the C library.
	libcCopy
	// completion is what the kernel says of MSG_ZEROCOPY; detail is ee_code.
	completion
	// kernelPages are pages that the kernel takes for itself, socket buffers above all;
	// userPages become part of a process' memory.
	kernelPages
	userPages
	// userFault is a page fault of the program, kernelFault one of the kernel while it
	// reads or writes the program's memory.
	userFault
	kernelFault
	// taskSwitch is a context switch; detail is 1 for one that was forced.
	taskSwitch
	// readCalls and writeCalls are what proc_pid_io(5) sums up: read(2) and write(2) with
	// their variants, but not what sockets receive and send by calls of their own.
	readCalls
	writeCalls
)

// phase is what a shim is doing.
type phase uint32

const (
	// unarmed: nothing is counted.
	unarmed phase = iota
	// idle is between the steps of recorded rounds: verifying, reporting to the driver.
	idle
	preparing
	handingOver
	// aside is a step of a round that is not recorded.
	aside
)

// key is what the kernel's programs add up by; the layout is theirs.
type key struct {
	PID    uint32
	What   what
	Phase  phase
	Detail uint32
}

// value is a sum.
type value struct {
	Count, Bytes, Failed uint64
}

func (v value) plus(w value) value {
	return value{v.Count + w.Count, v.Bytes + w.Bytes, v.Failed + w.Failed}
}
