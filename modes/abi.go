package modes

import (
	"fmt"
	"strings"

	"rrbench/engines"
	"rrbench/payloads"
	"rrbench/transport"
)

// document is where a function author reads on.
const document = "docs/guest-abi.md"

// hostModule is the import module of the host's functions.
const hostModule = "roadrunner"

// sendName is the host function that asks for a transfer.
const sendName = "send_to_host"

// bufferName is the host function that lends memory for a payload to be made in, locateName the
// one that makes the function's own memory known.
const (
	bufferName = "output_buffer"
	locateName = "locate_memory_region"
)

// wasiModule is the import module of WASI preview 1, which guests with a runtime of their
// own (Go, Rust with std) need.
const wasiModule = "wasi_snapshot_preview1"

var (
	one  = []engines.ValueType{engines.I32}
	two  = []engines.ValueType{engines.I32, engines.I32}
	wide = []engines.ValueType{engines.I64}
)

// What every function exports, and what it exports to be a target or a source.
var (
	allocateType   = engines.FunctionType{Name: "allocate_memory", Params: one, Results: one}
	deallocateType = engines.FunctionType{Name: "deallocate_memory", Params: two}
	handleType     = engines.FunctionType{Name: "handle", Params: two, Results: wide}
	sendType       = engines.FunctionType{Name: "send", Params: two, Results: one}
)

// What a function may export beyond that: to make payloads by itself, and to change what it got.
var (
	produceType     = engines.FunctionType{Name: "produce", Params: []engines.ValueType{engines.I32, engines.I64}, Results: one}
	handleWriteType = engines.FunctionType{Name: "handle_write", Params: two, Results: wide}
)

// Abilities say which origins and ways to consume a guest can have beyond transport.OriginHost
// and transport.ConsumeRead.
type Abilities struct {
	// Produces: the guest makes payloads by itself.
	Produces bool
	// Buffer and Heap: it does so in a buffer that it asks its host for, or in memory of its own
	// that it makes known.
	Buffer, Heap bool
	// Writes: the guest has a handler that changes the payload.
	Writes bool
}

func abilitiesOf(module engines.Module) (a Abilities) {
	for _, export := range module.Exports() {
		a.Produces = a.Produces || export.Name == produceType.Name
		a.Writes = a.Writes || export.Name == handleWriteType.Name
	}
	for _, wanted := range module.Imports() {
		if a.Produces && wanted.ImportModule == hostModule {
			a.Buffer = a.Buffer || wanted.Name == bufferName
			a.Heap = a.Heap || wanted.Name == locateName
		}
	}
	return a
}

// Reason says why the guest cannot be the source of payloads of a kind with an origin, empty where
// it can.
func (a Abilities) Reason(origin transport.Origin, kind payloads.Kind) string {
	const instead = " (" + document + "): use --origin host"
	switch {
	case origin == transport.OriginHost:
		return ""
	case !a.Produces:
		return "the guest does not export produce" + instead
	case kind != payloads.Text:
		return fmt.Sprintf("guests make payloads of the kind %s alone, not %s%s", payloads.Text, kind, instead)
	case origin == transport.OriginBuffer && !a.Buffer:
		return "the guest does not import output_buffer" + instead
	case origin == transport.OriginHeap && !a.Heap:
		return "the guest does not import locate_memory_region" + instead
	}
	return ""
}

// checkExports returns an error that names every export which is missing or has another
// signature than the ABI's. Those that a function may lack are checked where they are there.
func checkExports(module engines.Module, wanted ...engines.FunctionType) error {
	byName := map[string]engines.FunctionType{}
	for _, export := range module.Exports() {
		byName[export.Name] = export
	}
	var wrong []string
	if !module.ExportsMemory() {
		wrong = append(wrong, `does not export its memory as "memory"`)
	}
	for _, want := range wanted {
		if _, ok := byName[want.Name]; !ok {
			wrong = append(wrong, fmt.Sprintf("does not export %s", want))
		}
	}
	for _, want := range append(wanted, produceType, handleWriteType) {
		have, ok := byName[want.Name]
		if ok && !have.SameSignature(want) {
			wrong = append(wrong, fmt.Sprintf("exports %s, which must be %s", have, want))
		}
		delete(byName, want.Name)
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("it %s: see %s", strings.Join(wrong, ", "), document)
}

// checkImports returns an error that names every import which the host does not offer.
// WASI's are left to what serves them. needsWASI says that there are any.
func checkImports(imports []engines.FunctionType, offered []engines.HostFunction) (needsWASI bool, err error) {
	var wrong []string
next:
	for _, want := range imports {
		switch want.ImportModule {
		case wasiModule:
			needsWASI = true
			continue
		case hostModule:
			for _, have := range offered {
				if have.Name != want.Name {
					continue
				}
				if !have.SameSignature(want) {
					wrong = append(wrong, fmt.Sprintf("imports %s, which must be %s", want, have.FunctionType))
				}
				continue next
			}
			wrong = append(wrong, fmt.Sprintf("imports %s, which the host does not offer", want))
		default:
			wrong = append(wrong, fmt.Sprintf("imports %s, but functions import from %s and %s only", want, hostModule, wasiModule))
		}
	}
	if wrong == nil {
		return needsWASI, nil
	}
	return needsWASI, fmt.Errorf("it %s: see %s", strings.Join(wrong, ", "), document)
}

// Status is what the host's functions return to a guest: OK, or a negative number.
type Status int32

const (
	OK Status = 0
	// Invalid: a length of 0, or a region that reaches beyond the memory.
	Invalid Status = -1
	// UnknownRegion: no region begins at that pointer.
	UnknownRegion Status = -2
	// LengthDiffers: a region begins there, of another length.
	LengthDiffers Status = -3
	// Leased: a transfer still needs the region.
	Leased Status = -4
	// Released: the region was given back already.
	Released Status = -5
	// NoMemory: the host cannot take in more.
	NoMemory Status = -6
	// TransferFailed: at least one target did not get the payload.
	TransferFailed Status = -7
	// NotPossible: the call makes no sense at this moment, or in this function.
	NotPossible Status = -8
)

func (s Status) String() string {
	texts := [...]string{
		"ok",
		"-1, invalid pointer or length",
		"-2, unknown region",
		"-3, length differs from the region's",
		"-4, region is leased",
		"-5, region was released already",
		"-6, no memory",
		"-7, transfer failed",
		"-8, not possible here",
	}
	if i := -int(s); i >= 0 && i < len(texts) {
		return texts[i]
	}
	return fmt.Sprintf("%d, no status of the ABI", int32(s))
}
