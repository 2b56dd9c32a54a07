package audit

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// shared is what the programs share with this process.
type shared struct {
	// participants has the processes that are counted, and in whose family each is.
	participants *ebpf.Map
	// state has the phase and the number of hand-offs.
	state *ebpf.Map
	// table has the classification's rows, by number.
	table *ebpf.Map
	// entered has the system calls under way, by thread.
	entered *ebpf.Map
	// counts has the sums.
	counts *ebpf.Map
}

// Indexes of shared.state.
const (
	phaseIndex = iota
	handoffsIndex
	stateSize
)

const (
	highestCall = 1024
	// enteredSize is the size of a call under way: 0, its result, six arguments, its
	// number. The first is what a call without a number of bytes tells.
	enteredSize   = 9 * 8
	enteredResult = 8
	enteredNumber = 64
	valueSize     = 24
)

func newMaps() (m shared, err error) {
	for _, made := range []struct {
		into *(*ebpf.Map)
		spec ebpf.MapSpec
	}{
		{&m.participants, ebpf.MapSpec{Name: "rrbench_family", Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: 1 << 14}},
		{&m.state, ebpf.MapSpec{Name: "rrbench_state", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: stateSize}},
		{&m.table, ebpf.MapSpec{Name: "rrbench_calls", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: highestCall}},
		{&m.entered, ebpf.MapSpec{Name: "rrbench_entered", Type: ebpf.Hash, KeySize: 8, ValueSize: enteredSize, MaxEntries: 1 << 14}},
		{&m.counts, ebpf.MapSpec{Name: "rrbench_counts", Type: ebpf.Hash, KeySize: 16, ValueSize: valueSize, MaxEntries: 1 << 16}},
	} {
		if *made.into, err = ebpf.NewMap(&made.spec); err != nil {
			m.close()
			return shared{}, err
		}
	}
	for _, c := range calls() {
		if err := m.table.Put(c.number, c.packed()); err != nil {
			m.close()
			return shared{}, fmt.Errorf("put %s: %w", c.name, err)
		}
	}
	return m, nil
}

// packed is the row as the program at the end of a system call reads it.
func (c call) packed() uint64 {
	return uint64(c.bytes) | uint64(c.flags)<<8 | uint64(c.look)<<16 | uint64(c.mask)<<32
}

func (m shared) close() {
	for _, made := range []*ebpf.Map{m.participants, m.state, m.table, m.entered, m.counts} {
		if made != nil {
			_ = made.Close()
		}
	}
}

// Places on the stack, below the frame pointer.
const (
	numberPlace  = -4
	phasePlace   = -8
	threadPlace  = -16
	keyPlace     = -32
	valuePlace   = -56
	enteredPlace = -136
	headerPlace  = -176
)

// Registers that survive calls: what a program was called with, who called, the bytes to be
// added, and one for the program's own use.
const (
	contextR = asm.R6
	processR = asm.R7
	amountR  = asm.R8
	scratchR = asm.R9
)

// who returns when the current process takes no part. Its number is in process afterwards,
// and the context in context.
func (m shared) who() asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(contextR, asm.R1),
		asm.FnGetCurrentPidTgid.Call(),
		asm.StoreMem(asm.RFP, threadPlace, asm.R0, asm.DWord),
		asm.Mov.Reg(processR, asm.R0),
		asm.RSh.Imm(processR, 32),
		asm.StoreMem(asm.RFP, numberPlace, processR, asm.Word),
		asm.LoadMapPtr(asm.R1, m.participants.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, numberPlace),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "out"),
	}
}

// armed returns when nothing is to be counted at present, and keeps the phase.
func (m shared) armed() asm.Instructions {
	return append(m.statePointer(phaseIndex),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.JEq.Imm(asm.R1, int32(unarmed), "out"),
		asm.JEq.Imm(asm.R1, int32(aside), "out"),
		asm.StoreMem(asm.RFP, phasePlace, asm.R1, asm.Word),
	)
}

// statePointer has the address of an element of the state in R0.
func (m shared) statePointer(index int64) asm.Instructions {
	return asm.Instructions{
		asm.StoreImm(asm.RFP, numberPlace, index, asm.Word),
		asm.LoadMapPtr(asm.R1, m.state.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, numberPlace),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "out"),
	}
}

// add counts one of w, whose detail is in R3, with as many bytes as amountR has, in the
// phase that armed has kept. Its labels begin with the label. The address of the sum is in
// R0 afterwards.
func (m shared) add(w what, label string) asm.Instructions {
	lookup := func(missing string) asm.Instructions {
		return asm.Instructions{
			asm.LoadMapPtr(asm.R1, m.counts.FD()),
			asm.Mov.Reg(asm.R2, asm.RFP),
			asm.Add.Imm(asm.R2, keyPlace),
			asm.FnMapLookupElem.Call(),
			asm.JEq.Imm(asm.R0, 0, missing),
		}
	}
	found := label + "_found"
	code := asm.Instructions{
		asm.StoreMem(asm.RFP, keyPlace, processR, asm.Word),
		asm.StoreImm(asm.RFP, keyPlace+4, int64(w), asm.Word),
		asm.LoadMem(asm.R1, asm.RFP, phasePlace, asm.Word),
		asm.StoreMem(asm.RFP, keyPlace+8, asm.R1, asm.Word),
		asm.StoreMem(asm.RFP, keyPlace+12, asm.R3, asm.Word),
	}
	code = append(code, lookup(label+"_new")...)
	code = append(code,
		asm.Ja.Label(found),
		asm.StoreImm(asm.RFP, valuePlace, 0, asm.DWord).WithSymbol(label+"_new"),
		asm.StoreImm(asm.RFP, valuePlace+8, 0, asm.DWord),
		asm.StoreImm(asm.RFP, valuePlace+16, 0, asm.DWord),
		asm.LoadMapPtr(asm.R1, m.counts.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, keyPlace),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, valuePlace),
		// BPF_NOEXIST: another processor may have been first.
		asm.Mov.Imm(asm.R4, 1),
		asm.FnMapUpdateElem.Call(),
	)
	code = append(code, lookup("out")...)
	return append(code,
		asm.Mov.Imm(asm.R1, 1).WithSymbol(found),
		asm.StoreXAdd(asm.R0, asm.R1, asm.DWord),
		asm.Add.Imm(asm.R0, 8),
		asm.StoreXAdd(asm.R0, amountR, asm.DWord),
		asm.Add.Imm(asm.R0, -8),
	)
}

// end returns 0.
func end() asm.Instructions {
	return asm.Instructions{
		asm.Mov.Imm(asm.R0, 0).WithSymbol("out"),
		asm.Return(),
	}
}

func join(parts ...asm.Instructions) asm.Instructions {
	var all asm.Instructions
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

// enterCall keeps the number and the arguments of a system call. It runs at the tracepoint
// sys_enter(struct pt_regs *, long id).
func (m shared) enterCall() asm.Instructions {
	code := m.who()
	code = append(code,
		asm.LoadMem(asm.R1, contextR, 8, asm.DWord),
		asm.StoreMem(asm.RFP, enteredPlace+enteredNumber, asm.R1, asm.DWord),
		asm.StoreImm(asm.RFP, enteredPlace, 0, asm.DWord),
		asm.StoreImm(asm.RFP, enteredPlace+enteredResult, 0, asm.DWord),
		asm.LoadMem(scratchR, contextR, 0, asm.DWord),
	)
	for i, offset := range registers.callArguments {
		code = append(code,
			asm.LoadMem(asm.R1, scratchR, offset, asm.DWord),
			asm.StoreMem(asm.RFP, enteredPlace+16+int16(8*i), asm.R1, asm.DWord),
		)
	}
	code = append(code,
		asm.LoadMapPtr(asm.R1, m.entered.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, threadPlace),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, enteredPlace),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnMapUpdateElem.Call(),
	)
	return join(code, end())
}

// lowestError is the least result that is an error number, negated: MAX_ERRNO in
// include/linux/err.h.
const lowestError = -4095

// leaveCall counts a system call that has ended. It runs at the tracepoint
// sys_exit(struct pt_regs *, long result).
func (m shared) leaveCall() asm.Instructions {
	code := join(m.who(), m.armed())
	code = append(code,
		// The call as it was entered, in scratch.
		asm.LoadMapPtr(asm.R1, m.entered.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, threadPlace),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "out"),
		asm.Mov.Reg(scratchR, asm.R0),
		asm.LoadMem(asm.R1, contextR, 8, asm.DWord),
		asm.StoreMem(scratchR, enteredResult, asm.R1, asm.DWord),
		// Its row of the table; 0 for a call without one.
		asm.LoadMem(asm.R1, scratchR, enteredNumber, asm.DWord),
		asm.StoreMem(asm.RFP, numberPlace, asm.R1, asm.Word),
		asm.Mov.Imm(amountR, 0),
		asm.StoreMem(asm.RFP, headerPlace, amountR, asm.DWord),
		asm.LoadMapPtr(asm.R1, m.table.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, numberPlace),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "count"),
		asm.LoadMem(contextR, asm.R0, 0, asm.DWord),

		// The bytes, unless it has failed. The number of the argument is at most 7.
		asm.LoadMem(asm.R1, scratchR, enteredResult, asm.DWord),
		asm.JSGE.Imm(asm.R1, 0, "told"),
		asm.JSGE.Imm(asm.R1, lowestError, "variant"),
		asm.Mov.Reg(asm.R1, contextR).WithSymbol("told"),
		asm.And.Imm(asm.R1, 7),
		asm.LSh.Imm(asm.R1, 3),
		asm.Mov.Reg(asm.R2, scratchR),
		asm.Add.Reg(asm.R2, asm.R1),
		asm.LoadMem(amountR, asm.R2, 0, asm.DWord),

		// The variant, which stands at headerPlace.
		asm.Mov.Reg(asm.R1, contextR).WithSymbol("variant"),
		asm.RSh.Imm(asm.R1, 8),
		asm.And.Imm(asm.R1, 7),
		asm.LSh.Imm(asm.R1, 3),
		asm.Mov.Reg(asm.R2, scratchR),
		asm.Add.Reg(asm.R2, asm.R1),
		asm.LoadMem(asm.R1, asm.R2, 0, asm.DWord),
		asm.Mov.Reg(asm.R2, contextR),
		asm.RSh.Imm(asm.R2, 32),
		asm.And.Reg(asm.R1, asm.R2),
		asm.JEq.Imm(asm.R1, 0, "look"),
		asm.StoreImm(asm.RFP, headerPlace, flagged, asm.DWord),

		asm.RSh.Imm(contextR, 16).WithSymbol("look"),
		asm.And.Imm(contextR, 0xff),
		asm.JEq.Imm(contextR, int32(forDescriptors), "descriptors"),
		asm.JEq.Imm(contextR, int32(forCompletions), "completions"),
		asm.Ja.Label("count"),
	)
	code = append(code, readControl("descriptors")...)
	code = append(code,
		// SOL_SOCKET, SCM_RIGHTS.
		asm.LoadMem(asm.R1, asm.RFP, enteredPlace+8, asm.DWord),
		asm.LoadImm(asm.R2, 1<<32|1, asm.DWord),
		asm.JNE.Reg(asm.R1, asm.R2, "count"),
		asm.LoadMem(asm.R1, asm.RFP, headerPlace, asm.DWord),
		asm.Or.Imm(asm.R1, withDescriptors),
		asm.StoreMem(asm.RFP, headerPlace, asm.R1, asm.DWord),
		asm.Ja.Label("count"),
	)
	code = append(code,
		asm.LoadMem(asm.R1, asm.RFP, headerPlace, asm.DWord).WithSymbol("completions"),
		asm.JEq.Imm(asm.R1, plain, "count"),
		asm.LoadMem(asm.R1, scratchR, enteredResult, asm.DWord),
		asm.JSLT.Imm(asm.R1, 0, "count"),
	)
	code = append(code, readControl("completions_read")...)
	code = append(code,
		// struct sock_extended_err behind the header: ee_origin SO_EE_ORIGIN_ZEROCOPY, the
		// sends from ee_info to ee_data.
		asm.LoadMem(asm.R1, asm.RFP, enteredPlace+16+4, asm.Byte),
		asm.JNE.Imm(asm.R1, 5, "count"),
		asm.Mov.Reg(contextR, amountR),
		asm.LoadMem(amountR, asm.RFP, enteredPlace+16+12, asm.Word),
		asm.LoadMem(asm.R1, asm.RFP, enteredPlace+16+8, asm.Word),
		asm.Sub.Reg(amountR, asm.R1),
		asm.Add.Imm(amountR, 1),
		asm.LoadMem(asm.R3, asm.RFP, enteredPlace+16+6, asm.Byte),
	)
	code = append(code, m.add(completion, "completion")...)
	code = append(code, asm.Mov.Reg(amountR, contextR))

	code = append(code,
		asm.LoadMem(asm.R3, asm.RFP, headerPlace, asm.DWord).WithSymbol("count"),
		asm.LSh.Imm(asm.R3, 16),
		asm.LoadMem(asm.R1, scratchR, enteredNumber, asm.DWord),
		asm.Or.Reg(asm.R3, asm.R1),
	)
	code = append(code, m.add(systemCall, "call")...)
	code = append(code,
		asm.LoadMem(asm.R1, scratchR, enteredResult, asm.DWord),
		asm.JSGE.Imm(asm.R1, 0, "out"),
		asm.JSLT.Imm(asm.R1, lowestError, "out"),
		asm.Add.Imm(asm.R0, 16),
		asm.Mov.Imm(asm.R1, 1),
		asm.StoreXAdd(asm.R0, asm.R1, asm.DWord),
	)
	return join(code, end())
}

// readControl reads the first control message of the msghdr that is the call's second
// argument to enteredPlace: a header of 16 bytes and 16 bytes behind it. Offsets are those
// of struct msghdr and struct cmsghdr in recv(2) and cmsg(3) with pointers of 8 bytes.
func readControl(label string) asm.Instructions {
	const (
		secondArgumentPlace = 24
		controlOffset       = 32
		headerPair          = headerPlace + 8
	)
	read := func(into int32, size int32) asm.Instructions {
		return asm.Instructions{
			asm.Mov.Reg(asm.R1, asm.RFP),
			asm.Add.Imm(asm.R1, into),
			asm.Mov.Imm(asm.R2, size),
			asm.FnProbeReadUser.Call(),
			asm.JNE.Imm(asm.R0, 0, "count"),
		}
	}
	code := asm.Instructions{
		asm.LoadMem(asm.R3, scratchR, secondArgumentPlace, asm.DWord).WithSymbol(label),
		asm.Add.Imm(asm.R3, controlOffset),
	}
	code = append(code, read(headerPair, 16)...)
	code = append(code,
		asm.LoadMem(asm.R1, asm.RFP, headerPair+8, asm.DWord),
		asm.JLT.Imm(asm.R1, 20, "count"),
		// What lies behind a shorter message is not looked at by those who ask for less.
		asm.StoreImm(asm.RFP, enteredPlace+16, 0, asm.DWord),
		asm.StoreImm(asm.RFP, enteredPlace+24, 0, asm.DWord),
		asm.LoadMem(asm.R3, asm.RFP, headerPair, asm.DWord),
	)
	code = append(code, read(enteredPlace, 16)...)
	code = append(code,
		asm.LoadMem(asm.R1, asm.RFP, headerPair+8, asm.DWord),
		asm.JLT.Imm(asm.R1, 32, label+"_done"),
		asm.LoadMem(asm.R3, asm.RFP, headerPair, asm.DWord),
		asm.Add.Imm(asm.R3, 16),
	)
	code = append(code, read(enteredPlace+16, 16)...)
	return append(code, asm.Mov.Imm(asm.R1, 0).WithSymbol(label+"_done"))
}

// follow lets the children of participants take part. It runs at the tracepoint
// task_newtask(struct task_struct *task, unsigned long clone_flags); tgid is the offset of
// that member.
func (m shared) follow(tgid int16) asm.Instructions {
	const cloneThread = 0x10000
	code := m.who()
	code = append(code,
		asm.LoadMem(asm.R1, asm.R0, 0, asm.Word),
		asm.StoreMem(asm.RFP, phasePlace, asm.R1, asm.Word),
		asm.LoadMem(asm.R1, contextR, 8, asm.DWord),
		asm.And.Imm(asm.R1, cloneThread),
		asm.JNE.Imm(asm.R1, 0, "out"),
		asm.LoadMem(asm.R1, contextR, 0, asm.DWord),
		asm.LoadMem(asm.R1, asm.R1, tgid, asm.Word),
		asm.StoreMem(asm.RFP, numberPlace, asm.R1, asm.Word),
		asm.LoadMapPtr(asm.R1, m.participants.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, numberPlace),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, phasePlace),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnMapUpdateElem.Call(),
	)
	return join(code, end())
}

// switchTask counts a context switch. It runs at the tracepoint sched_switch(bool preempt,
// struct task_struct *prev, ...) in the task that stops running.
func (m shared) switchTask() asm.Instructions {
	return join(m.who(), m.armed(), asm.Instructions{
		asm.Mov.Imm(amountR, 0),
		asm.LoadMem(asm.R3, contextR, 0, asm.DWord),
		asm.And.Imm(asm.R3, 1),
	}, m.add(taskSwitch, "switch"), end())
}

// fault counts a page fault. It runs at the tracepoints page_fault_user and
// page_fault_kernel(unsigned long address, struct pt_regs *, unsigned long error_code).
// Faults of the kernel at its own addresses, which have the highest bit, do not count.
func (m shared) fault(w what) asm.Instructions {
	return join(m.who(), m.armed(), asm.Instructions{
		asm.LoadMem(asm.R1, contextR, 0, asm.DWord),
		asm.JSLT.Imm(asm.R1, 0, "out"),
		asm.Mov.Imm(amountR, 0),
		asm.Mov.Imm(asm.R3, 0),
	}, m.add(w, "fault"), end())
}

// allocatePages counts pages that are taken. It runs at the tracepoint
// mm_page_alloc(struct page *, unsigned int order, gfp_t, int migratetype). Only memory of
// processes and files is __GFP_MOVABLE, include/linux/gfp_types.h.
func (m shared) allocatePages(pageSize int32) asm.Instructions {
	const movable = 0x08
	code := join(m.who(), m.armed())
	code = append(code,
		asm.LoadMem(asm.R1, contextR, 8, asm.DWord),
		asm.And.Imm(asm.R1, 31),
		asm.Mov.Imm(amountR, pageSize),
		asm.LSh.Reg(amountR, asm.R1),
		asm.Mov.Imm(asm.R3, 0),
		asm.LoadMem(asm.R1, contextR, 16, asm.DWord),
		asm.And.Imm(asm.R1, movable),
		asm.JNE.Imm(asm.R1, 0, "user"),
	)
	code = append(code, m.add(kernelPages, "kernel")...)
	code = append(code, asm.Ja.Label("out"))
	user := m.add(userPages, "users")
	user[0] = user[0].WithSymbol("user")
	return join(code, user, end())
}

// copied counts a call of a function that copies memory; the register at this offset has
// the length. It runs at a uprobe.
func (m shared) copied(w what, register int16) asm.Instructions {
	return m.copiedBytes(w, asm.Instructions{asm.LoadMem(amountR, contextR, register, asm.DWord)})
}

// copiedGroups counts a call of transport/bulk's copyGroups(dst, src *byte, groups uintptr),
// whose arguments lie on the stack above the address of return: Go's ABI0, see "A Quick
// Guide to Go's Assembler".
func (m shared) copiedGroups() asm.Instructions {
	const thirdArgument = 24
	return m.copiedBytes(bulkCopy, asm.Instructions{
		asm.LoadMem(asm.R3, contextR, registers.stackPointer, asm.DWord),
		asm.Add.Imm(asm.R3, thirdArgument),
		asm.Mov.Reg(asm.R1, asm.RFP),
		asm.Add.Imm(asm.R1, headerPlace),
		asm.Mov.Imm(asm.R2, 8),
		asm.FnProbeReadUser.Call(),
		asm.JNE.Imm(asm.R0, 0, "out"),
		asm.LoadMem(amountR, asm.RFP, headerPlace, asm.DWord),
		asm.Mul.Imm(amountR, bulkGroup),
	})
}

func (m shared) copiedBytes(w what, length asm.Instructions) asm.Instructions {
	return join(m.who(), m.armed(), length, asm.Instructions{
		asm.Mov.Imm(asm.R3, 0),
		asm.JLT.Imm(amountR, largeCopy, "small"),
		asm.Mov.Imm(asm.R3, 1),
		asm.Mov.Imm(asm.R1, 0).WithSymbol("small"),
	}, m.add(w, "copy"), end())
}

// largeCopy is the size in bytes from which on a copy is told apart from the many small
// ones that any program makes.
const largeCopy = 1 << 10

// enterStep notes what a shim does next. It runs at a uprobe of (*watched).enter(round int,
// sending bool). Before the first recorded round nothing counts, and what is not recorded
// does not.
func (m shared) enterStep() asm.Instructions {
	code := join(m.who(), m.statePointer(phaseIndex))
	code = append(code,
		asm.LoadMem(asm.R1, contextR, registers.goSecond, asm.DWord),
		asm.JSGE.Imm(asm.R1, 0, "recorded"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.JEq.Imm(asm.R1, int32(unarmed), "out"),
		asm.StoreImm(asm.R0, 0, int64(aside), asm.DWord),
		asm.Ja.Label("out"),
		asm.LoadMem(asm.R1, contextR, registers.goThird, asm.DWord).WithSymbol("recorded"),
		asm.And.Imm(asm.R1, 0xff),
		asm.JNE.Imm(asm.R1, 0, "sending"),
		asm.StoreImm(asm.R0, 0, int64(preparing), asm.DWord),
		asm.Ja.Label("out"),
		// A Go function is entered once more when its stack had to grow, or its goroutine had
		// to wait, at its beginning.
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord).WithSymbol("sending"),
		asm.JEq.Imm(asm.R1, int32(handingOver), "out"),
		asm.StoreImm(asm.R0, 0, int64(handingOver), asm.DWord),
	)
	code = append(code, m.statePointer(handoffsIndex)...)
	code = append(code,
		asm.Mov.Imm(asm.R1, 1),
		asm.StoreXAdd(asm.R0, asm.R1, asm.DWord),
	)
	return join(code, end())
}

// leaveStep notes that a step is over. It runs at a uprobe of (*watched).leave().
func (m shared) leaveStep() asm.Instructions {
	return join(m.who(), m.statePointer(phaseIndex), asm.Instructions{
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.JEq.Imm(asm.R1, int32(unarmed), "out"),
		asm.StoreImm(asm.R0, 0, int64(idle), asm.DWord),
	}, end())
}
