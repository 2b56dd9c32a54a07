package modes

import "fmt"

// beyondParams is how many parameters an export has at most that Call calls.
const beyondParams = 4

// Call calls an export that a guest has beyond those of the ABI, and returns its result,
// or 0 when it has none. It is for what a transport and a guest of its own agree on; the
// number of parameters must be the export's. Errors are as those of the ABI's calls.
func (f *Function) Call(name string, params ...uint64) (uint64, error) {
	if f.broken != nil {
		return 0, f.broken
	}
	function, ok := f.instance.Function(name)
	if !ok {
		return 0, fmt.Errorf("guest %s does not export %s", f.name, name)
	}
	var stack [beyondParams]uint64
	copy(stack[:], params)
	if err := function.Call(stack[:]); err != nil {
		return 0, f.fail(err)
	}
	return stack[0], nil
}
