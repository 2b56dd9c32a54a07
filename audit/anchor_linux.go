package audit

import (
	"debug/elf"
	"os"
	"reflect"
	"runtime"
)

// anchorOf is a function of this very program, if the process runs the same file.
func anchorOf(pid int, file *elf.File) anchor {
	own, err := os.Stat("/proc/self/exe")
	if err != nil {
		return anchor{}
	}
	its, err := os.Stat(processFile(pid, "exe"))
	if err != nil || !os.SameFile(own, its) {
		return anchor{}
	}
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return anchor{}
	}
	mappings, err := parseMappings(string(text))
	if err != nil {
		return anchor{}
	}
	pc := uint64(reflect.ValueOf(Run).Pointer())
	_, offset, found := fileOffset(mappings, pc)
	if !found {
		return anchor{}
	}
	for _, p := range file.Progs {
		if p.Type == elf.PT_LOAD && offset >= p.Off && offset-p.Off < p.Filesz {
			return anchor{runtime.FuncForPC(uintptr(pc)).Name(), offset - p.Off + p.Vaddr}
		}
	}
	return anchor{}
}
