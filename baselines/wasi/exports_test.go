package wasi

import (
	"strings"
	"testing"

	"rrbench/baselines/wasi/abi"
	"rrbench/engines"
)

func TestExportsOfAnotherVersion(t *testing.T) {
	offered := func(change func(*engines.FunctionType) bool) []engines.FunctionType {
		var functions []engines.FunctionType
		for name, signature := range exports {
			f := engines.FunctionType{Name: name, Params: signature[0], Results: signature[1]}
			if name != abi.Prepare || change(&f) {
				functions = append(functions, f)
			}
		}
		return functions
	}
	if err := checkExports("good", offered(func(*engines.FunctionType) bool { return true })); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*engines.FunctionType) bool{
		"missing":         func(*engines.FunctionType) bool { return false },
		"fewer parameter": func(f *engines.FunctionType) bool { f.Params = f.Params[1:]; return true },
		"another type": func(f *engines.FunctionType) bool {
			f.Params = []engines.ValueType{engines.I32, engines.I32, engines.I64}
			return true
		},
		"another result": func(f *engines.FunctionType) bool { f.Results = nil; return true },
	} {
		err := checkExports("old", offered(change))
		if err == nil || !strings.Contains(err.Error(), "guest old does not export prepare") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
