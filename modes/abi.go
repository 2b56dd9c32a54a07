package modes

import (
	"fmt"
	"strings"

	"rrbench/engines"
)

// document is where a function author reads on.
const document = "docs/guest-abi.md"

// hostModule is the import module of the host's functions.
const hostModule = "roadrunner"

// sendName is the host function that asks for a transfer.
const sendName = "send_to_host"

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

// checkExports returns an error that names every export which is missing or has another
// signature than the ABI's.
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
		have, ok := byName[want.Name]
		switch {
		case !ok:
			wrong = append(wrong, fmt.Sprintf("does not export %s", want))
		case !have.SameSignature(want):
			wrong = append(wrong, fmt.Sprintf("exports %s, which must be %s", have, want))
		}
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
